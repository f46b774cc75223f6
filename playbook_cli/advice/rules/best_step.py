"""Best-step: is max_train_steps right, by the steps at which trials were at their best?"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice.best_curves import (
    DECAYED,
    WORTH,
    memory,
    stopped,
    worth,
)
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.analysis import curves, outcomes
from playbook_cli.analysis.best_step import best_steps
from playbook_cli.analysis.outlook import outlook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.analysis.best_step import BestStep
    from playbook_cli.analysis.outlook import Outlook
    from playbook_cli.records import Finding, StudyRecord, TrialRecord

LEAST = 4
"""Trials in the better half that `consistently` needs; evaluations that a line needs."""


_EVALUATIONS = 3
"""Evaluations of a trial below which the best of them says nothing about steps."""


_BEYOND = 1.5


_UNITS = 5
"""Trials that end at steps so far apart count them in different units, unless they are evaluated as unevenly."""


@partial(
    Rule,
    name="best-step",
    order=110,
    section="steps",
    longer=("train-longer",),
    shorter=("too-many-steps",),
    title="Is max_train_steps right?",
    looks_at="at which step the better half of the completed trials had their best evaluation",
    verdicts=("too-many-steps", "train-longer", "fits", "undecided"),
    thresholds=(
        Threshold(
            name="early",
            default=0.10,
            meaning="all best steps in this first part: far too many steps",
            whose="playbook",
        ),
        Threshold(
            name="late",
            default=0.25,
            meaning="best steps consistently in this last part: train longer",
            whose="playbook",
        ),
        Threshold(name="early_share", default=0.9, meaning="share of the trials that counts as all of them"),
        Threshold(name="late_share", default=0.75, meaning="share of the trials that makes it consistent"),
        WORTH,
        DECAYED,
        Threshold(name="p_value", default=0.01, meaning="chance that noise alone looks like improvement at the end"),
        Threshold(
            name="gain",
            default=0.05,
            meaning="improvement over the last quarter, as a share of the drop after the first tenth",
        ),
    ),
    formula=(
        "Step of the best level (of a tenth of the evaluations) / max_train_steps for each trial. Late best steps "
        "speak for more steps only where the curves still fall over their last quarter, by the gain and beyond "
        "noise, at a learning rate that is known to be high (logged, or schedule: constant). Where it decays, its "
        "time at the peak is read in place of the end, if that is 30% of training; where it is not known, a fall "
        "proves nothing: log learning_rate, or declare fixed: {schedule: constant} (args: {omit: [schedule]} keeps "
        "it from a program that has no such option). A trial that was stopped while it improved has no say."
    ),
    action="Fewer steps, or more steps with the schedule re-tuned; when in doubt, more.",
    source="Deciding how long to train when training is not compute-bound",
)
def best_step(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    early_part, late_part, many = (best_step.limit(study, t) for t in ("early", "late", "late_share"))
    better, steps = _voters(study)
    ended = stopped(study)
    if len(better) < LEAST:
        few = {"trials": len(better), "trials_threshold": LEAST}
        message = f"{wording.plural(2 * LEAST - 1, 'completed trial')} are needed to see where best steps lie"
        if ended:
            message = f"{ended}: too few trained to the end to see where best steps lie; switch early stopping off"
        return [best_step.finding("info", "undecided", few, message)]
    strange = _unlike(study, better, steps)
    if strange:
        return [best_step.finding("info", "undecided", {"trials": len(steps)}, strange)]
    late = [s for s in steps if s.share > 1 - late_part]
    early = [s for s in steps if s.share <= early_part]
    decayed = [s for s in late if s.learning_rate is not None and s.learning_rate < best_step.limit(study, "decayed")]
    seen = outlook(
        outcomes.whole(better, study.max_train_steps),
        study.metric,
        study.max_train_steps,
        share=late_part,
        evaluations=LEAST,
        decayed=best_step.limit(study, "decayed"),
        memory=memory(study),
    )
    evidence: dict[str, Any] = {
        "early_share": len(early) / len(steps),
        "early_threshold": early_part,
        "late_share": len(late) / len(steps),
        "late_threshold": late_part,
        "late_share_threshold": many,
        "decayed_share": len(decayed) / len(late) if late else 0.0,
        "median_share": float(np.median([s.share for s in steps])),
        "gain_threshold": best_step.limit(study, "gain"),
        "trials": len(steps),
    } | ({"gain_at_end": seen.end.fall, "schedule": seen.course} if seen else {})
    of_all = f"of the better {wording.plural(len(steps), 'trial')}"
    limits = (best_step.limit(study, "gain"), best_step.limit(study, "p_value"))
    longer = seen.longer(*limits) if seen else "unclear"
    if evidence["early_share"] >= best_step.limit(study, "early_share") and longer != "falls":
        enough = _rounded(study, 2 * max(s.share for s in early) * study.max_train_steps)
        message = (
            f"{len(early)} {of_all} had their best evaluation in the first {wording.percent(early_part)}: "
            f"far too many steps"
        )
        act = Next(max_train_steps=enough)
        return [best_step.finding("warning", "too-many-steps", evidence, message, act=act)]
    message = f"{len(late)} {of_all} had their best evaluation in the last {wording.percent(late_part)}"
    note = f" ({ended})" if ended else ""
    if seen is not None and longer == "falls":
        return [_falling(study, seen, evidence, message, note)]
    if seen is not None and longer == "flat" and seen.is_of_the_end and (gained := _worth(study, better)):
        message += f"; the curves all but settle, but still improve {gained}: only a longer run tells its worth"
        return [best_step.finding("info", "undecided", evidence, message + note)]
    if seen is not None and longer in ("flat", "rises"):
        if evidence["late_share"] >= many:
            message += f", but {_flat(seen)} ({_gained(seen)})"
        return [best_step.finding("ok", "fits", evidence, message + note)]
    why = seen.why(*limits) if seen is not None else None
    waves = seen is not None and (seen.cycle is not None or seen.course == "restarts")
    starved = seen is not None and seen.starved(*limits)
    if why is not None and (waves or starved or evidence["late_share"] > 1 - many):
        return [best_step.finding("info", "undecided", evidence, f"{message}, but {why}{note}")]
    if evidence["early_share"] > 0.5:
        message = f"most, but not all, {of_all} had their best evaluation in the first {wording.percent(early_part)}"
        return [best_step.finding("info", "undecided", evidence, message + note)]
    if evidence["late_share"] >= many or (seen is not None and evidence["late_share"] > 1 - many):
        message += f", but whether they still improve cannot be told from noise{f' ({_gained(seen)})' if seen else ''}"
        return [best_step.finding("info", "undecided", evidence, message + note)]
    return [best_step.finding("ok", "fits", evidence, message + note)]


def _worth(study: StudyRecord, better: Sequence[TrialRecord]) -> str:
    """What the curves still gain at their end, where that is little of what they gained and yet decides."""
    whole = outcomes.whole(better, study.max_train_steps)
    series = [s for t in whole if (s := curves.objective(t.curve, study.metric)) and s.losses.size >= LEAST]
    return worth(study, best_step, series, best_step.limit(study, "late"))


def _falling(study: StudyRecord, seen: Outlook, evidence: Mapping[str, Any], message: str, note: str) -> Finding:
    """What curves say that more steps would take further down."""
    if seen.held is not None:
        message = f"while the learning rate was at its peak, the curves still improved at the end ({_gained(seen)})"
    elif evidence["late_share"] <= 1 - evidence["late_share_threshold"]:
        message += f", though the curves still improve at the end ({_gained(seen)}): they disagree about more steps"
        return best_step.finding("info", "undecided", evidence, message + note)
    else:
        message += f" and still improve beyond their noise ({_gained(seen)})"
    act = Next(max_train_steps=2 * study.max_train_steps)
    return best_step.finding("warning", "train-longer", evidence, message + note, act=act)


def _voters(study: StudyRecord) -> tuple[list[TrialRecord], list[BestStep]]:
    """The trials of the better half whose best step is known, and where it is.

    One that was stopped while it still improved would have been best later, nobody knows when.
    """
    better = better_half(study)
    steps = best_steps(better, study.metric, study.max_train_steps)
    late = 1 - best_step.limit(study, "late")
    ended = {t.id for t in outcomes.whole(better, study.max_train_steps)}
    known = [
        (t, s)
        for t, s in zip(better, steps, strict=True)
        if t.id in ended or s.share * study.max_train_steps <= late * t.last_step
    ]
    return [t for t, _ in known], [s for _, s in known]


def _unlike(study: StudyRecord, better: Sequence[TrialRecord], steps: Sequence[BestStep]) -> str:
    """Why best steps of this study mean nothing; empty where they do."""
    counts = [s.evaluations for s in steps if s.evaluations is not None]
    if counts and float(np.median(counts)) < _EVALUATIONS:
        most = int(np.median(counts))
        how = {0: "is never evaluated", 1: "is evaluated once"}.get(most, f"is evaluated {most} times")
        first = next(t for t, s in zip(better, steps, strict=True) if s.evaluations is not None)
        where = f", at step {first.best.step}" if most == 1 and first.best else ""
        return f"{study.metric.name} {how} in a trial{where}: evaluate it during training to see how long it takes"
    last = [t.last_step for t in better if t.curve is not None]
    if last and float(np.median(last)) > _BEYOND * study.max_train_steps:
        return (
            f"steps go up to {max(last)}, but max_train_steps is {study.max_train_steps}: one seems to count epochs "
            f"and the other updates; count both in the same unit"
        )
    sizes = [(t.last_step, t.curve.steps.size) for t in better if t.curve is not None and t.last_step > 0]
    low, high = (min(sizes), max(sizes)) if sizes else ((1, 1), (1, 1))
    if high[0] > _UNITS * low[0] and 0.5 < high[1] / low[1] < 2:
        return (
            f"with about as many evaluations, some trials end at step {low[0]} and others at {high[0]}: they seem to "
            f"count epochs and updates; count one unit in all trials"
        )
    return ""


def _flat(seen: Outlook) -> str:
    if seen.held is not None:
        return "their curves were flat while the learning rate was at its peak"
    if seen.high is not None:
        return "their curves fell little while the learning rate was high"
    return "their curves are flat over the last quarter"


def _gained(seen: Outlook) -> str:
    fall = (seen.held or seen.high or seen.end).fall
    return f"{wording.percent(max(fall, 0.0))} of what they gained after the first tenth"


def better_half(study: StudyRecord) -> list[TrialRecord]:
    """The better half of the completed trials: slow or unstable ones do not say what good ones need."""
    ranked = outcomes.ranked(study.trials, study.metric)
    return ranked[: math.ceil(len(ranked) / 2)]


def _rounded(study: StudyRecord, steps: float) -> int:
    """Steps rounded up to whole evaluations."""
    every = max(study.eval_every, 1)
    return max(every, every * math.ceil(steps / every))
