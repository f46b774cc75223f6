"""What a probe trains, and with what outcome: one point at other learning rates, warmups and clipping thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.instability.names import norm_of, steps_of
from playbook_cli.instability.rise import Losses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from playbook_cli.instability.names import Names
    from playbook_cli.instability.rise import Numbers
    from playbook_cli.records import Metric, State, TrialRecord, Value

DIGITS = 6
"""Significant digits of a learning rate, so that a multiple is the same number each time."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """The hyperparameters of one run of a probe that differ between runs."""

    learning_rate: float
    warmup: int | None
    """Warmup steps; None if the program has no such hyperparameter, or keeps the study's value."""
    clip: float | None
    """Clipping threshold; None to keep the study's value."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One run of a probe, ended or not."""

    trial: int
    point: Point
    state: State
    reason: str | None
    last_step: int
    losses: Losses
    norms: Numbers | None
    """The unclipped gradient norm at each evaluation, shape (m,); None if it is not reported."""
    norm_steps: NDArray[np.int64]


def scaled(rate: float, multiple: float) -> float:
    """A learning rate times a whole multiple, the rate itself at 1."""
    return rate if multiple == 1.0 else float(f"{rate * multiple:.{DIGITS}g}")


def params_of(point: Point, names: Names, base: Mapping[str, Value]) -> dict[str, Value]:
    """All hyperparameters of a run, in the study's order, with those that the study lacks at the end."""
    params = dict(base) | {names.learning_rate: point.learning_rate}
    if names.warmup is not None and point.warmup is not None:
        params[names.warmup] = point.warmup
    if names.clip is not None and point.clip is not None:
        params[names.clip] = point.clip
    return params


def point_of(params: Mapping[str, Value], names: Names, base: Mapping[str, Value]) -> Point:
    """The inverse of `params_of`."""
    warmup = steps_of(params, names.warmup)
    clip = params.get(names.clip) if names.clip is not None else None
    own = names.clip is not None and clip != base.get(names.clip)
    rate = params[names.learning_rate]
    return Point(
        learning_rate=float(rate) if isinstance(rate, int | float) else 0.0,
        warmup=None if warmup == steps_of(base, names.warmup) else warmup,
        clip=float(clip) if own and isinstance(clip, int | float) else None,
    )


def turned(loss: str, metric: Metric) -> bool:
    """Whether the judged metric is the study's own, and larger is better."""
    return loss == metric.name and metric.goal == "maximize"


def read(trial: TrialRecord, names: Names, base: Mapping[str, Value], loss: str, metric: Metric) -> Run:
    """The run of a trial of the probe; `loss` is the judged metric, negated if larger is better."""
    curve = trial.curve
    name = norm_of(curve)
    steps, values = np.zeros(0, dtype=np.int64), np.zeros(0)
    if curve is not None and loss in curve.values:
        values = curve.values[loss]
        if turned(loss, metric):
            values = -values
        finite = np.isfinite(values)
        reported = finite.nonzero()[0]
        end = int(reported[-1]) + 1 if reported.size else 0
        steps, values = curve.steps[:end][finite[:end]], values[:end][finite[:end]]
    norms = None if curve is None or name is None else curve.values[name]
    return Run(
        trial=trial.id,
        point=point_of(trial.params, names, base),
        state=trial.state,
        reason=trial.reason,
        last_step=trial.last_step,
        losses=Losses(steps=steps, values=values, diverged=trial.state == "infeasible"),
        norms=norms,
        norm_steps=curve.steps if curve is not None and norms is not None else steps[:0],
    )
