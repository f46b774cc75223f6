"""What a probe trains: one point of the study at other learning rates, warm-ups and thresholds; and what came of it."""

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
"""Of a learning rate, significant ones: so a multiple is the same number each time."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """What one run of a probe is trained with, besides what all have in common."""

    learning_rate: float
    warmup: int | None
    """Its steps; None where the program has no warm-up that could be set, or has it as the study has."""
    clip: float | None
    """None where gradients are clipped as in the study."""


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
    """The unclipped gradient norm at each evaluation, shape (m,); None where it is not reported."""
    norm_steps: NDArray[np.int64]


def scaled(rate: float, multiple: float) -> float:
    """A learning rate times a whole multiple, the rate itself at 1."""
    return rate if multiple == 1.0 else float(f"{rate * multiple:.{DIGITS}g}")


def params_of(point: Point, names: Names, base: Mapping[str, Value]) -> dict[str, Value]:
    """All hyperparameters of a run, in the order of the study's, those that the study lacks at the end."""
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
    """Whether what is judged is the study's metric, and larger is better."""
    return loss == metric.name and metric.goal == "maximize"


def read(trial: TrialRecord, names: Names, base: Mapping[str, Value], loss: str, metric: Metric) -> Run:
    """A trial of the probe; `loss` is the metric that is judged, turned so that smaller is better."""
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
