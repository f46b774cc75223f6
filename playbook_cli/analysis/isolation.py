"""The isolation plot: for each scientific setting the best trial over everything else, and how far tuning could go."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Best, Metric, Parameter, StudyRecord, TrialRecord, Value

BUCKETS = 4
"""Equal parts, in its own scale, of the range of a continuous scientific parameter."""


@dataclass(frozen=True, kw_only=True)
class Isolated:
    """One point of an isolation plot: an arm, or a bucket of a continuous scientific parameter."""

    label: str
    """In words; empty for the only arm of a study without scientific settings."""
    settings: Mapping[str, Value]
    """The arm; {} for a bucket."""
    parameter: str | None = None
    """Label of the continuous scientific parameter whose bucket this is."""
    span: tuple[float, float] | None = None
    """Ends of the bucket, in the parameter's scale."""
    ended: int
    """Trials that count: completed or infeasible."""
    infeasible: int
    best: Best | None
    low: float | None
    """Lower end of the interval, in the metric's scale; None where there are too few results."""
    high: float | None


def arms(study: StudyRecord, alpha: float = 0.05) -> list[Isolated]:
    """The best trial of every arm, in the study's order of arms, with the interval of `optimum_interval`."""
    groups = outcomes.by_arm(outcomes.ended(study.trials), study.arms)
    return [
        _isolated(study, trials, alpha, label=outcomes.arm_label(arm), settings=arm)
        for arm, trials in zip(study.arms, groups, strict=True)
    ]


def values(study: StudyRecord, name: str, alpha: float = 0.05) -> list[Isolated]:
    """The best trial at every value of one discrete scientific parameter, over all others, scientific ones too."""
    found = list(dict.fromkeys(arm[name] for arm in study.arms if name in arm))
    ended = outcomes.ended(study.trials)
    return [
        _isolated(
            study,
            [trial for trial in ended if name in trial.arm and trial.arm[name] == value],
            alpha,
            label=outcomes.arm_label({name: value}),
            settings={name: value},
        )
        for value in found
    ]


def buckets(study: StudyRecord, parameter: Parameter, count: int = BUCKETS, alpha: float = 0.05) -> list[Isolated]:
    """The best trial in each of `count` equal parts of a continuous scientific parameter's range, from low to high."""
    points = []
    for bucket in range(count):
        low, high = (_edge(parameter, end / count) for end in (bucket, bucket + 1))
        points.append(
            _isolated(
                study,
                in_bucket(study, parameter, bucket, count),
                alpha,
                label=f"{parameter.label} {low:.3g} to {high:.3g}",
                parameter=parameter.label,
                span=(low, high),
            )
        )
    return points


def in_bucket(study: StudyRecord, parameter: Parameter, number: int, count: int = BUCKETS) -> list[TrialRecord]:
    """The ended trials in bucket `number`, from 0, of `count`."""
    trials = [t for t in outcomes.ended(study.trials) if outcomes.has(parameter, t)]
    where = np.minimum((outcomes.units(parameter, trials) * count).astype(int), count - 1)
    return [t for t, bucket in zip(trials, where, strict=True) if bucket == number]


def continuous_scientific(study: StudyRecord) -> list[Parameter]:
    """The scientific parameters that are ranges, so that they have buckets in place of arms."""
    of_arms = {name for arm in study.arms for name in arm}
    return [p for p in outcomes.ranges(study) if p.role == "scientific" and p.name not in of_arms]


def optimum_interval(losses: Sequence[float], dimensions: int, alpha: float = 0.05) -> tuple[float, float] | None:
    """Where the best loss attainable by tuning lies, with confidence 1 - alpha; None below 4 finite losses.

    The upper end is the best loss seen. The lower end extrapolates from the spacing of the k best, for random points
    and a loss that rises as a smooth bowl around its optimum in that many dimensions: then
    ((y_1 - optimum) / (y_k - optimum)) ** (dimensions / 2) is the smallest of k - 1 uniform numbers (L. de Haan 1981,
    Journal of the American Statistical Association 76, 467-469). The luck of the training seed is not in it.
    """
    finite = sorted(loss for loss in losses if math.isfinite(loss))
    if len(finite) < 4:
        return None
    k = max(4, len(finite) // 3)
    ratio = (1 - alpha ** (1 / (k - 1))) ** (2 / max(dimensions, 1))
    return finite[0] - ratio / (1 - ratio) * (finite[k - 1] - finite[0]), finite[0]


def searched(study: StudyRecord, trials: Sequence[TrialRecord]) -> int:
    """The number of ranges that these trials search."""
    return sum(any(outcomes.has(p, t) for t in trials) for p in outcomes.ranges(study))


def _isolated(
    study: StudyRecord,
    trials: Sequence[TrialRecord],
    alpha: float,
    *,
    label: str,
    settings: Mapping[str, Value] | None = None,
    parameter: str | None = None,
    span: tuple[float, float] | None = None,
) -> Isolated:
    best = next(iter(outcomes.ranked(trials, study.metric)), None)
    losses = [outcomes.result(t, study.metric) for t in trials]
    interval = optimum_interval(losses, searched(study, trials), alpha)
    low, high = (None, None) if interval is None else sorted(_possible(study.metric, end, losses) for end in interval)
    return Isolated(
        label=label,
        settings=settings or {},
        parameter=parameter,
        span=span,
        ended=len(trials),
        infeasible=sum(t.state == "infeasible" for t in trials),
        best=None if best is None else best.best,
        low=low,
        high=high,
    )


def _possible(metric: Metric, loss: float, seen: Sequence[float]) -> float:
    """`loss` as a value of the metric, kept out of where none was seen: below 0, or above 1 for shares."""
    values = [metric.loss(value) for value in seen if math.isfinite(value)]
    value = metric.loss(loss)
    if min(values) >= 0.0:
        value = max(value, 0.0)
        if metric.goal == "maximize" and max(values) <= 1.0:
            value = min(value, 1.0)
        if (ceiling := outcomes.ceiling(metric, values)) is not None and metric.goal == "maximize":
            value = min(value, ceiling)
    return value


def _edge(parameter: Parameter, unit: float) -> float:
    if parameter.scale == "log":
        return float(parameter.low * (parameter.high / parameter.low) ** unit)
    return parameter.low + unit * (parameter.high - parameter.low)
