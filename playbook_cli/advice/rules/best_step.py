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
    looks_at="the step at which each trial of the better half had its best evaluation",
    verdicts={
        "too-many-steps": "Training too long",
        "train-longer": "Training too short",
        "fits": "Training length fits",
        "undecided": "Training length unclear",
    },
    thresholds=(
        Threshold(
            name="early",
            default=0.10,
            meaning="if all best steps fall in this first part, training is far too long",
            whose="playbook",
        ),
        Threshold(
            name="late",
            default=0.25,
            meaning="if best steps consistently fall in this last part, train longer",
            whose="playbook",
        ),
        Threshold(name="early_share", default=0.9, meaning="share of trials that counts as all"),
        Threshold(name="late_share", default=0.75, meaning="share of trials that counts as consistently"),
        WORTH,
        DECAYED,
        Threshold(name="p_value", default=0.01, meaning="chance of mistaking noise for improvement at the end"),
        Threshold(
            name="gain",
            default=0.05,
            meaning="improvement over the last quarter, as a share of the drop after the first tenth",
        ),
    ),
    formula=(
        "For each trial: the step of its best level (smoothed over a tenth of the evaluations) / "
        "max_train_steps. Late best steps call for more steps only if the curves still fall over the last "
        "quarter, by at least `gain` and beyond noise, while the learning rate is known to be high (logged, "
        "or schedule: constant). If the schedule decays, the constant part is read instead, provided it is at "
        "least 30% of training. If the schedule is unknown, a fall proves nothing: log learning_rate, or "
        "declare fixed: {schedule: constant} (args: {omit: [schedule]} keeps it from a program without such "
        "an option). Trials stopped while still improving are left out."
    ),
    action="Use fewer steps, or more steps with the schedule retuned. When in doubt, train longer.",
    source="Deciding how long to train when training is not compute-bound",
)
def best_step(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    early_part, late_part, many = (best_step.limit(study, t) for t in ("early", "late", "late_share"))
    better, steps = _voters(study)
    ended = stopped(study)
    if len(better) < LEAST:
        few = {"trials": len(better), "trials_threshold": LEAST}
        message = f"needs {wording.plural(2 * LEAST - 1, 'completed trial')} to judge the training length"
        if ended:
            message = f"{ended}: too few trained to the end to judge the training length; turn early stopping off"
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
    limits = (best_step.limit(study, "gain"), best_step.limit(study, "p_value"))
    longer = seen.longer(*limits) if seen else "unclear"
    if evidence["early_share"] >= best_step.limit(study, "early_share") and longer != "falls":
        enough = _rounded(study, 2 * max(s.share for s in early) * study.max_train_steps)
        many_early = wording.out_of(len(early), len(steps), "top trial")
        first = wording.percent(early_part)
        message = f"{many_early} peaked in the first {first} of training: {enough:,} steps would be enough"
        act = Next(max_train_steps=enough)
        return [best_step.finding("warning", "too-many-steps", evidence, message, act=act)]
    many_late = wording.out_of(len(late), len(steps), "top trial")
    message = f"{many_late} peaked in the last {wording.percent(late_part)} of training"
    note = f" ({ended})" if ended else ""
    if seen is not None and longer == "falls":
        return [_falling(study, seen, evidence, message, note)]
    if seen is not None and longer == "flat" and seen.is_of_the_end and (gained := _worth(study, better)):
        message += (
            f"; the curves have nearly flattened but still improve {gained}: only a longer run can show whether it pays"
        )
        return [best_step.finding("info", "undecided", evidence, message + note)]
    if seen is not None and longer in ("flat", "rises"):
        if evidence["late_share"] >= many:
            message += f", but {_flat(seen)} ({_gained(seen)})"
        return [best_step.finding("ok", "fits", evidence, message + note)]
    why = seen.why(*limits) if seen is not None else None
    waves = seen is not None and (seen.cycle is not None or seen.course == "restarts")
    starved = seen is not None and seen.starved(*limits)
    if why is not None and (waves or starved or evidence["late_share"] > 1 - many):
        return [best_step.finding("info", "undecided", evidence, f"{message}, but {why}{note}", because=why)]
    if evidence["early_share"] > 0.5:
        of_all, first = wording.plural(len(steps), "trial"), wording.percent(early_part)
        message = f"most, but not all, of the top {of_all} peaked in the first {first} of training"
        return [best_step.finding("info", "undecided", evidence, message + note)]
    if evidence["late_share"] >= many or (seen is not None and evidence["late_share"] > 1 - many):
        message += f", but any improvement at the end is within noise{f' ({_gained(seen)})' if seen else ''}"
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
        message = f"the curves were still improving when the learning rate left its peak ({_gained(seen)})"
    elif evidence["late_share"] <= 1 - evidence["late_share_threshold"]:
        message += f", yet the curves still improve at the end ({_gained(seen)}): inconclusive"
        return best_step.finding("info", "undecided", evidence, message + note)
    else:
        message += f" and are still improving ({_gained(seen)})"
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
        return f"{study.metric.name} {how} per trial{where}: evaluate it during training to judge the training length"
    last = [t.last_step for t in better if t.curve is not None]
    if last and float(np.median(last)) > _BEYOND * study.max_train_steps:
        return (
            f"steps go up to {max(last)}, but max_train_steps is {study.max_train_steps}: one seems to count epochs "
            f"and the other updates; use one unit for both"
        )
    sizes = [(t.last_step, t.curve.steps.size) for t in better if t.curve is not None and t.last_step > 0]
    low, high = (min(sizes), max(sizes)) if sizes else ((1, 1), (1, 1))
    if high[0] > _UNITS * low[0] and 0.5 < high[1] / low[1] < 2:
        return (
            f"some trials end at step {low[0]} and others at {high[0]} with about as many evaluations: they seem to "
            f"mix epochs and updates; use one unit in all trials"
        )
    return ""


def _flat(seen: Outlook) -> str:
    if seen.held is not None:
        return "their curves were already flat while the learning rate was at its peak"
    if seen.high is not None:
        return "their curves barely improved while the learning rate was high"
    return "their curves are flat over the last quarter"


def _gained(seen: Outlook) -> str:
    fall = (seen.held or seen.high or seen.end).fall
    return f"{wording.percent(max(fall, 0.0))} of the improvement after the first tenth"


def better_half(study: StudyRecord) -> list[TrialRecord]:
    """The better half of the trials, as far as they completed: slow or unstable ones do not say what good ones need."""
    placed = outcomes.placed(study.trials, study.metric)
    return [trial for trial in placed[: math.ceil(len(placed) / 2)] if trial.state == "completed"]


def _rounded(study: StudyRecord, steps: float) -> int:
    """Steps rounded up to whole evaluations."""
    every = max(study.eval_every, 1)
    return max(every, every * math.ceil(steps / every))
