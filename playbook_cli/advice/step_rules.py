"""The rules about steps: best-step and eval-frequency."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.acts import Next
from playbook_cli.advice import found, wording
from playbook_cli.advice.rules import limit
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.best_step import best_steps, pooled_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.analysis.curves import Line
    from playbook_cli.records import Finding, StudyRecord, TrialRecord

_LEAST = 4
"""Trials in the better half that `consistently` needs."""


def best_step(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    early_part, late_part, many = (limit(study, "best-step", t) for t in ("early", "late", "late_share"))
    better = _better_half(study)
    if len(better) < _LEAST:
        few = {"trials": len(better), "trials_threshold": _LEAST}
        message = f"{wording.plural(2 * _LEAST - 1, 'completed trial')} are needed to see where best steps lie"
        return [found.info("best-step", "undecided", few, message)]
    steps = best_steps(better, study.metric, study.max_train_steps)
    late = [s for s in steps if s.share > 1 - late_part]
    early = [s for s in steps if s.share <= early_part]
    decayed = [
        s for s in late if s.learning_rate is not None and s.learning_rate < limit(study, "best-step", "decayed")
    ]
    end = pooled_end(late or steps)
    evidence: dict[str, Any] = {
        "early_share": len(early) / len(steps),
        "early_threshold": early_part,
        "late_share": len(late) / len(steps),
        "late_threshold": late_part,
        "late_share_threshold": many,
        "decayed_share": len(decayed) / len(late) if late else 0.0,
        "median_share": float(np.median([s.share for s in steps])),
        "gain_threshold": limit(study, "best-step", "gain"),
        "trials": len(steps),
    } | ({"gain_at_end": end.fall} if end else {})
    of_all = f"of the better {wording.plural(len(steps), 'trial')}"
    if evidence["early_share"] >= limit(study, "best-step", "early_share"):
        enough = _rounded(study, 2 * max(s.share for s in early) * study.max_train_steps)
        message = (
            f"{len(early)} {of_all} had their best evaluation in the first {wording.percent(early_part)}: "
            f"far too many steps"
        )
        act = Next(max_train_steps=enough)
        return [found.warning("best-step", "too-many-steps", evidence, message, act=act)]
    message = f"{len(late)} {of_all} had their best evaluation in the last {wording.percent(late_part)}"
    if evidence["late_share"] >= many:
        return [_late(study, end, evidence, message)]
    if evidence["late_share"] > 1 - many and _falling(study, end):
        message += " and still improve at the end, the others before: they disagree about more steps"
        return [found.info("best-step", "undecided", evidence, message)]
    if evidence["early_share"] > 0.5:
        message = f"most, but not all, {of_all} had their best evaluation in the first {wording.percent(early_part)}"
        return [found.info("best-step", "undecided", evidence, message)]
    return [found.ok("best-step", "fits", evidence, message)]


def eval_frequency(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    widest, first_limit = limit(study, "eval-frequency", "interval"), limit(study, "eval-frequency", "first_share")
    done = outcomes.completed(study.trials)
    if not done:
        few = {"trials": 0, "trials_threshold": 1}
        return [found.info("eval-frequency", "undecided", few, "no completed trial yet")]
    intervals = [gap for gap in (_interval(t) for t in done) if gap is not None]
    interval = float(np.median(intervals)) if intervals else float(study.eval_every)
    better = _better_half(study)
    at_first = sum(_best_at_first(t) for t in better)
    evidence: dict[str, Any] = {
        "interval": interval / max(study.max_train_steps, 1),
        "interval_threshold": widest,
        "best_at_first_share": at_first / len(better),
        "first_share_threshold": first_limit,
        "trials": len(done),
    }
    message = (
        f"an evaluation every {wording.number(interval)} steps, {wording.percent(evidence['interval'])} of training"
    )
    early = len(better) >= _LEAST and at_first >= first_limit * len(better)
    if interval <= 1 or (evidence["interval"] <= widest * (1 + 1e-9) and not early):  # finer than a step is nothing
        return [found.ok("eval-frequency", "enough", evidence, message)]
    if early:
        message += (
            f"; {at_first} of the better {wording.plural(len(better), 'trial')} were best at their very first one"
        )
    finer = max(1, math.floor(min(interval, widest * study.max_train_steps) / (2 if early else 1)))
    act = Next(eval_every=finer)
    return [found.warning("eval-frequency", "too-coarse", evidence, f"{message}: the best step is missed", act=act)]


def _late(study: StudyRecord, end: Line | None, evidence: Mapping[str, Any], message: str) -> Finding:
    """What best steps that are consistently late say, given how the curves end and what the schedule does."""
    gain, p_limit = limit(study, "best-step", "gain"), limit(study, "best-step", "p_value")
    if end is not None and 1 - end.p_fall(gain) < p_limit:
        message += f", but their curves are flat over the last quarter ({_gained(end)})"
        return found.ok("best-step", "fits", evidence, message)
    if evidence["decayed_share"] > 0.5:
        message += (
            ", where the schedule has decayed the learning rate: that alone makes best steps late, more steps or not"
        )
        return found.info("best-step", "undecided", evidence, message)
    if end is not None and _falling(study, end):
        act = Next(max_train_steps=2 * study.max_train_steps)
        message += f" and still improve beyond their noise ({_gained(end)})"
        return found.warning("best-step", "train-longer", evidence, message, act=act)
    message += f", but whether they still improve cannot be told from noise{f' ({_gained(end)})' if end else ''}"
    return found.info("best-step", "undecided", evidence, message)


def _falling(study: StudyRecord, end: Line | None) -> bool:
    gain, p_limit = limit(study, "best-step", "gain"), limit(study, "best-step", "p_value")
    return end is not None and end.fall >= gain and end.p_fall() < p_limit


def _gained(end: Line) -> str:
    return f"{wording.percent(max(end.fall, 0.0))} of what they gained after the first tenth"


def _better_half(study: StudyRecord) -> list[TrialRecord]:
    """The better half of the completed trials: slow or unstable ones do not say what good ones need."""
    ranked = outcomes.ranked(study.trials, study.metric)
    return ranked[: math.ceil(len(ranked) / 2)]


def _interval(trial: TrialRecord) -> float | None:
    if trial.curve is None or trial.curve.steps.size == 0:
        return None
    steps = trial.curve.steps
    return float(np.median(np.diff(steps))) if steps.size > 1 else float(max(steps[0], 1))


def _best_at_first(trial: TrialRecord) -> bool:
    """Whether the first evaluation after training began is the best one, and not the only one."""
    if trial.curve is None or trial.best is None:
        return False
    steps = trial.curve.steps[trial.curve.steps > 0]
    return bool(steps.size > 1 and trial.best.step == steps[0])


def _rounded(study: StudyRecord, steps: float) -> int:
    """Steps rounded up to whole evaluations."""
    every = max(study.eval_every, 1)
    return max(every, every * math.ceil(steps / every))
