"""Studies whose truth is known: response surfaces, learning curves, arms. Shared by `truth.py` and the tests.

Every generator takes a numpy random generator, so that a study is a pure function of its seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import qmc

from playbook_cli.records import Best, Curve, Metric, Parameter, StudyRecord, TrialRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import State, Value

    Points = NDArray[np.float64]
    Surface = Callable[[Points], Points]

MAX_TRAIN_STEPS = 1000
METRIC = Metric(name="val_error")


def parameters(dimensions: int) -> list[Parameter]:
    """So many nuisance ranges, alternately on a log and a linear scale: `p0` is a learning rate in all but name."""
    return [
        Parameter(name=f"p{i}", label=f"p{i}", role="nuisance", kind="float", low=1e-4, high=1.0, scale="log")
        if i % 2 == 0
        else Parameter(name=f"p{i}", label=f"p{i}", role="nuisance", kind="float", low=0.0, high=0.5)
        for i in range(dimensions)
    ]


def halton(count: int, dimensions: int, rng: np.random.Generator) -> Points:
    """Scrambled Halton points in the unit cube, shape (count, dimensions)."""
    return np.asarray(qmc.Halton(dimensions, rng=rng).random(count))


def trial(
    number: int,
    params: Mapping[str, Value],
    value: float,
    *,
    arm: Mapping[str, Value] | None = None,
    state: State = "completed",
    curve: Curve | None = None,
    step: int = MAX_TRAIN_STEPS // 2,
) -> TrialRecord:
    """An ended trial with this result."""
    best = Best(trial=number, value=value, step=step, params=params) if math.isfinite(value) else None
    return TrialRecord(
        id=number,
        params=params,
        arm=arm or {},
        seed=number,
        state=state,
        reason="loss is nan" if state == "infeasible" else None,
        attempts=1,
        curve=curve,
        best=best,
        last_step=MAX_TRAIN_STEPS,
    )


def study(
    trials: Sequence[TrialRecord],
    space: Sequence[Parameter] = (),
    *,
    arms: Sequence[Mapping[str, Value]] = ({},),
    metric: Metric = METRIC,
    eval_every: int = 20,
    planned: int | None = None,
    rules: Mapping[str, Mapping[str, float]] | None = None,
) -> StudyRecord:
    """A study of these trials."""
    return StudyRecord(
        name="truth",
        goal="a study whose truth is known",
        metric=metric,
        max_train_steps=MAX_TRAIN_STEPS,
        eval_every=eval_every,
        parameters=list(space),
        fixed={"batch_size": 64},
        arms=arms,
        planned=len(trials) if planned is None else planned,
        trials=list(trials),
        rules=rules or {},
    )


def surface_study(points: Points, values: Points, *, resolution: float = 0.0) -> StudyRecord:
    """A study with one trial a point, shape (n, d); infeasible where the value is not finite.

    `resolution` rounds the values, as an error rate on few examples is rounded: it makes ties.
    """
    space = parameters(points.shape[1])
    trials = []
    for number, (point, raw) in enumerate(zip(points, values, strict=True)):
        params = {p.name: p.from_unit(float(u)) for p, u in zip(space, point, strict=True)}
        value = round(raw / resolution) * resolution if resolution and math.isfinite(raw) else float(raw)
        trials.append(trial(number, params, value, state="completed" if math.isfinite(raw) else "infeasible"))
    return study(trials, space)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How the loss rises with the distance from the optimum, one dimension at a time."""

    name: str
    rise: Callable[[Points], Points]
    """From distance in units of the range to loss; about 1 at distance 1."""


SHAPES = {
    shape.name: shape
    for shape in (
        Shape(name="quadratic", rise=lambda r: r**2),
        Shape(name="absolute", rise=np.abs),
        Shape(name="cusp", rise=lambda r: np.log1p(20 * np.abs(r)) / math.log(21)),
        Shape(name="log", rise=lambda r: r**2),
        Shape(name="steep", rise=lambda r: (np.exp(4 * np.abs(r)) - 1) / (math.exp(4) - 1)),
    )
}


def surface(
    optimum: Points,
    weights: Points,
    shape: str = "quadratic",
    *,
    interaction: float = 0.0,
    base: float = 0.02,
) -> Surface:
    """Loss at points of shape (n, d): the weighted sum of each dimension's rise, and a twist between neighbours."""
    rise = SHAPES[shape].rise

    def loss(points: Points) -> Points:
        away = points - optimum
        total = rise(away) @ weights
        for i in range(points.shape[1] - 1):
            total = total + interaction * min(weights[i], weights[i + 1]) * away[:, i] * away[:, i + 1]
        total = np.maximum(total, 0.0)
        return np.asarray(base + (np.log1p(50 * total) if shape == "log" else total))

    return loss
