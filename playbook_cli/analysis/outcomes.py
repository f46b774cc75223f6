"""What the trials of a study came to, as arrays that every rule reads in the same way.

A trial counts once it has ended: completed with a result, infeasible, or stopped since it could not become the best.
Failed, running and pending trials say nothing about their point yet. A stopped trial has no result: it is no best
trial, no pair and no curve that reaches the end. Where the sample of all points counts, it stands with the result that
was expected of it, which is worse than the best of its arm.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Metric, Parameter, StudyRecord, TrialRecord, Value


def ended(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trials that count: completed with a result, infeasible, or stopped."""
    return [t for t in trials if t.state == "infeasible" or math.isfinite(_value(t))]


def completed(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The completed trials that have a result."""
    return [t for t in trials if t.state == "completed" and _has_result(t)]


def feasible(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The completed trials that have a result, and the stopped ones, of which one is expected."""
    return [t for t in trials if math.isfinite(_value(t))]


def stopped(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trials that were stopped since they could not become the best."""
    return [t for t in trials if t.state == "stopped" and t.stopped is not None]


def whole(trials: Sequence[TrialRecord], max_train_steps: int) -> list[TrialRecord]:
    """The completed trials that trained to the end, as far as is known: one without a curve counts as such."""
    return [t for t in completed(trials) if t.curve is None or t.trained_whole(max_train_steps)]


def ranked(trials: Sequence[TrialRecord], metric: Metric) -> list[TrialRecord]:
    """The completed trials that have a result, best first; the earlier trial first among equals."""
    return sorted(completed(trials), key=lambda t: (result(t, metric), t.id))


def placed(trials: Sequence[TrialRecord], metric: Metric) -> list[TrialRecord]:
    """As `ranked`, with the stopped trials at the places that were expected of them."""
    return sorted(feasible(trials), key=lambda t: (result(t, metric), t.id))


def result(trial: TrialRecord, metric: Metric) -> float:
    """The trial's result turned so that smaller is better; infinity for an infeasible trial.

    Of a stopped trial, the result that was expected.
    """
    value = _value(trial)
    return metric.loss(value) if math.isfinite(value) else math.inf


def losses(trials: Sequence[TrialRecord], metric: Metric) -> NDArray[np.float64]:
    """`result` of each trial, shape (n,)."""
    return np.array([result(t, metric) for t in trials], dtype=np.float64)


def at_best(trial: TrialRecord, name: str, metric: Metric) -> float | None:
    """A metric at a trial's best evaluation, or the last one before where it was not measured there.

    NaN where it was not measured so early; None where the trial has no metric of this name.
    """
    if trial.best is None or name == metric.name:
        return None if trial.best is None else trial.best.value
    if trial.curve is None or name not in trial.curve.values:
        return None
    held = np.flatnonzero(np.isfinite(trial.curve.values[name]) & (trial.curve.steps <= trial.best.step))
    return float(trial.curve.values[name][held[-1]]) if held.size else math.nan


def ceiling(metric: Metric, values: Sequence[float]) -> float | None:
    """The best value that a metric can have, where one of these has reached it; None where none has.

    That is 0 of an error, and 1 or 100 (%) of an accuracy, where no value lies beyond.
    """
    if not values or min(values) < 0.0:
        return None
    best = min(values) if metric.goal == "minimize" else max(values)
    return best if best in ((0.0,) if metric.goal == "minimize" else (1.0, 100.0)) else None


def spread(trials: Sequence[TrialRecord], metric: Metric, quantile: float = 0.75) -> float:
    """From the best result to this quantile of the feasible ones, in the metric's units; 0 without any."""
    found = losses(feasible(trials), metric)
    return float(np.quantile(found, quantile) - found.min()) if found.size else 0.0


def of_arm(trials: Sequence[TrialRecord], arm: Mapping[str, Value]) -> list[TrialRecord]:
    """The trials of one arm."""
    return [t for t in trials if dict(t.arm) == dict(arm)]


def key(arm: Mapping[str, Value]) -> frozenset[tuple[str, Value]]:
    """The same for arms that are equal, and for no others."""
    return frozenset(arm.items())


def by_arm(trials: Sequence[TrialRecord], arms: Sequence[Mapping[str, Value]]) -> list[list[TrialRecord]]:
    """The trials of each of these arms, in one pass over the trials."""
    groups: dict[frozenset[tuple[str, Value]], list[TrialRecord]] = {key(arm): [] for arm in arms}
    for trial in trials:
        if (group := groups.get(key(trial.arm))) is not None:
            group.append(trial)
    return [groups[key(arm)] for arm in arms]


def ranges(study: StudyRecord) -> list[Parameter]:
    """The parameters that are searched over a range and so have edges."""
    return [p for p in study.parameters if p.kind != "choice" and p.role != "fixed" and p.low < p.high]


def has(parameter: Parameter, trial: TrialRecord) -> bool:
    """Whether the trial was trained with this parameter, at a value that lies in its range."""
    if parameter.name not in trial.params or not parameter.active(trial.params):
        return False
    value = trial.params[parameter.name]
    if parameter.kind == "choice":
        return value in parameter.places
    return isinstance(value, int | float) and parameter.low <= value <= parameter.high


def units(parameter: Parameter, trials: Sequence[TrialRecord]) -> NDArray[np.float64]:
    """Where the trials lie in the parameter's range, from 0 to 1, shape (n,)."""
    return np.array([parameter.to_unit(t.params[parameter.name]) for t in trials], dtype=np.float64)


def arm_label(arm: Mapping[str, Value]) -> str:
    """An arm in words: `optimizer=adam, hidden_layers=2`; empty for the only arm of a study without any."""
    return ", ".join(f"{name}={value}" for name, value in arm.items())


def _has_result(trial: TrialRecord) -> bool:
    return trial.best is not None and math.isfinite(trial.best.value)


def _value(trial: TrialRecord) -> float:
    """The result of a completed trial, the expected one of a stopped trial; NaN where there is none."""
    if trial.state == "stopped" and trial.stopped is not None:
        return trial.stopped.expected
    return trial.best.value if trial.state == "completed" and trial.best is not None else math.nan
