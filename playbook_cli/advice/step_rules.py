"""The rules about steps: best-step and eval-frequency."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.acts import Next
from playbook_cli.advice import found, wording
from playbook_cli.advice.best_curves import memory, stopped
from playbook_cli.advice.rules import limit
from playbook_cli.analysis import curves, outcomes
from playbook_cli.analysis.best_step import best_steps
from playbook_cli.analysis.outlook import outlook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.analysis.best_step import BestStep
    from playbook_cli.analysis.outlook import Outlook
    from playbook_cli.records import Finding, Metric, StudyRecord, TrialRecord

_BEST = "best-step"
_LEAST = 4
"""Trials in the better half that `consistently` needs; evaluations that a line needs."""
_EVALUATIONS = 3
"""Evaluations of a trial below which the best of them says nothing about steps."""
_HEEDED = 1.5
"""A program that evaluates less often than this multiple of eval_every does not heed it."""
_BEYOND = 1.5
_UNITS = 5
"""Trials that end at steps so far apart count them in different units, unless they are evaluated as unevenly."""


def best_step(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    early_part, late_part, many = (limit(study, _BEST, t) for t in ("early", "late", "late_share"))
    better, steps = _voters(study)
    ended = stopped(study)
    if len(better) < _LEAST:
        few = {"trials": len(better), "trials_threshold": _LEAST}
        message = f"{wording.plural(2 * _LEAST - 1, 'completed trial')} are needed to see where best steps lie"
        if ended:
            message = f"{ended}: too few trained to the end to see where best steps lie; switch early stopping off"
        return [found.info(_BEST, "undecided", few, message)]
    strange = _unlike(study, better, steps)
    if strange:
        return [found.info(_BEST, "undecided", {"trials": len(steps)}, strange)]
    late = [s for s in steps if s.share > 1 - late_part]
    early = [s for s in steps if s.share <= early_part]
    decayed = [s for s in late if s.learning_rate is not None and s.learning_rate < limit(study, _BEST, "decayed")]
    seen = outlook(
        outcomes.whole(better, study.max_train_steps),
        study.metric,
        study.max_train_steps,
        share=late_part,
        evaluations=_LEAST,
        decayed=limit(study, _BEST, "decayed"),
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
        "gain_threshold": limit(study, _BEST, "gain"),
        "trials": len(steps),
    } | ({"gain_at_end": seen.end.fall, "schedule": seen.course} if seen else {})
    of_all = f"of the better {wording.plural(len(steps), 'trial')}"
    limits = (limit(study, _BEST, "gain"), limit(study, _BEST, "p_value"))
    longer = seen.longer(*limits) if seen else "unclear"
    if evidence["early_share"] >= limit(study, _BEST, "early_share") and longer != "falls":
        enough = _rounded(study, 2 * max(s.share for s in early) * study.max_train_steps)
        message = (
            f"{len(early)} {of_all} had their best evaluation in the first {wording.percent(early_part)}: "
            f"far too many steps"
        )
        act = Next(max_train_steps=enough)
        return [found.warning(_BEST, "too-many-steps", evidence, message, act=act)]
    message = f"{len(late)} {of_all} had their best evaluation in the last {wording.percent(late_part)}"
    note = f" ({ended})" if ended else ""
    if seen is not None and longer == "falls":
        return [_falling(study, seen, evidence, message, note)]
    if seen is not None and longer in ("flat", "rises"):
        if evidence["late_share"] >= many:
            message += f", but {_flat(seen)} ({_gained(seen)})"
        return [found.ok(_BEST, "fits", evidence, message + note)]
    why = seen.why(*limits) if seen is not None else None
    waves = seen is not None and (seen.cycle is not None or seen.course == "restarts")
    starved = seen is not None and seen.starved(*limits)
    if why is not None and (waves or starved or evidence["late_share"] > 1 - many):
        return [found.info(_BEST, "undecided", evidence, f"{message}, but {why}{note}")]
    if evidence["early_share"] > 0.5:
        message = f"most, but not all, {of_all} had their best evaluation in the first {wording.percent(early_part)}"
        return [found.info(_BEST, "undecided", evidence, message + note)]
    if evidence["late_share"] >= many or (seen is not None and evidence["late_share"] > 1 - many):
        message += f", but whether they still improve cannot be told from noise{f' ({_gained(seen)})' if seen else ''}"
        return [found.info(_BEST, "undecided", evidence, message + note)]
    return [found.ok(_BEST, "fits", evidence, message + note)]


def eval_frequency(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    name = "eval-frequency"
    widest, first_limit = limit(study, name, "interval"), limit(study, name, "first_share")
    done = outcomes.completed(study.trials)
    if not done:
        few = {"trials": 0, "trials_threshold": 1}
        return [found.info(name, "undecided", few, "no completed trial yet")]
    intervals = [gap for gap in (_interval(t, study.metric, study.max_train_steps) for t in done) if gap is not None]
    interval = float(np.median(intervals)) if intervals else float(study.eval_every)
    better = _better_half(study)
    at_first = sum(_best_at_first(t, study.metric) for t in better)
    evidence: dict[str, Any] = {
        "interval": interval / max(study.max_train_steps, 1),
        "interval_threshold": widest,
        "best_at_first_share": at_first / len(better),
        "first_share_threshold": first_limit,
        "trials": len(done),
    }
    message = (
        f"{study.metric.name} is evaluated every {wording.number(interval)} steps, "
        f"{wording.percent(evidence['interval'])} of training"
    )
    early = len(better) >= _LEAST and at_first >= first_limit * len(better)
    if interval <= 1 or (evidence["interval"] <= widest * (1 + 1e-9) and not early):  # finer than a step is nothing
        return [found.ok(name, "enough", evidence, message)]
    if early:
        message += (
            f"; {at_first} of the better {wording.plural(len(better), 'trial')} were best at their very first one"
        )
    finer = max(1, math.floor(min(interval, widest * study.max_train_steps) / (2 if early else 1)))
    if intervals and interval > _HEEDED * study.eval_every:
        # To ask a program for what it does not do changes nothing.
        message += (
            f", though the study asks for every {study.eval_every}: the best step may be missed; make the program "
            f"evaluate every {finer} steps, or take ${{eval_every}}"
        )
        return [found.warning(name, "too-coarse", evidence, message)]
    act = Next(eval_every=finer)
    return [found.warning(name, "too-coarse", evidence, f"{message}: the best step may be missed", act=act)]


def _falling(study: StudyRecord, seen: Outlook, evidence: Mapping[str, Any], message: str, note: str) -> Finding:
    """What curves say that more steps would take further down."""
    if seen.held is not None:
        message = f"while the learning rate was at its peak, the curves still improved at the end ({_gained(seen)})"
    elif evidence["late_share"] <= 1 - evidence["late_share_threshold"]:
        message += f", though the curves still improve at the end ({_gained(seen)}): they disagree about more steps"
        return found.info(_BEST, "undecided", evidence, message + note)
    else:
        message += f" and still improve beyond their noise ({_gained(seen)})"
    act = Next(max_train_steps=2 * study.max_train_steps)
    return found.warning(_BEST, "train-longer", evidence, message + note, act=act)


def _voters(study: StudyRecord) -> tuple[list[TrialRecord], list[BestStep]]:
    """The trials of the better half whose best step is known, and where it is.

    One that was stopped while it still improved would have been best later, nobody knows when.
    """
    better = _better_half(study)
    steps = best_steps(better, study.metric, study.max_train_steps)
    late = 1 - limit(study, _BEST, "late")
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


def _better_half(study: StudyRecord) -> list[TrialRecord]:
    """The better half of the completed trials: slow or unstable ones do not say what good ones need."""
    ranked = outcomes.ranked(study.trials, study.metric)
    return ranked[: math.ceil(len(ranked) / 2)]


def _interval(trial: TrialRecord, metric: Metric, max_train_steps: int) -> float | None:
    """Steps between evaluations of the metric; a single one stands for all that it is evaluated in a training."""
    series = curves.objective(trial.curve, metric)
    if series is None:
        return None
    steps = series.steps
    return float(np.median(np.diff(steps))) if steps.size > 1 else float(max(steps[0], max_train_steps - steps[0], 1))


def _best_at_first(trial: TrialRecord, metric: Metric) -> bool:
    """Whether the first evaluation after training began is the best one, and not the only one."""
    series = curves.objective(trial.curve, metric)
    if series is None or trial.best is None:
        return False
    steps = series.steps[series.steps > 0]
    return bool(steps.size > 1 and trial.best.step == steps[0])


def _rounded(study: StudyRecord, steps: float) -> int:
    """Steps rounded up to whole evaluations."""
    every = max(study.eval_every, 1)
    return max(every, every * math.ceil(steps / every))
