"""Learning curves whose truth is known, and studies made of them. Shared by `truth.py` and the tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.records import Best, Curve
from tests.generators.studies import MAX_TRAIN_STEPS, halton, parameters, study, trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import StudyRecord, Value

    Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Course:
    """How the validation error of a trial goes; times are parts of max_train_steps, heights parts of its whole drop."""

    tau: float = 0.2
    """Time in which the distance to the floor falls by a factor e."""
    power: float = 0.0
    """Where positive, the error falls as a power of time and never reaches a floor."""
    noise: float = 0.01
    """Standard deviation of an evaluation."""
    wander: float = 0.0
    """Correlation of the noise from one evaluation to the next."""
    turn: float = 2.0
    """When the validation error starts to rise again."""
    rise: float = 0.0
    """By how much it has risen at the end."""
    train_turn: float = 2.0
    """When the training loss starts to rise."""
    train_rise: float = 0.0
    anneal: float = 0.0
    """Part of the error that falls with the learning rate."""
    schedule: str = "constant"
    """constant | linear | cosine, the last two to zero."""
    evaluations: int = 50
    resolution: float = 0.0
    """Rounds the error, as on few examples."""
    train: bool = True
    """Whether a training loss is recorded."""
    rate: bool = True
    """Whether the learning rate is recorded."""


def learning_curve(course: Course, rng: np.random.Generator, *, floor: float = 0.02, drop: float = 0.5) -> Curve:
    """The evaluations of one trial as this course prescribes."""
    every = MAX_TRAIN_STEPS // course.evaluations
    steps = np.arange(1, course.evaluations + 1) * every
    t = steps / MAX_TRAIN_STEPS
    rate = {"constant": np.ones_like(t), "linear": 1 - t, "cosine": 0.5 * (1 + np.cos(np.pi * t))}[course.schedule]
    down = (1 + 100 * t) ** -course.power if course.power else np.exp(-t / course.tau)
    height = (1 - course.anneal) * down + course.anneal * rate
    error = floor + drop * (height + course.rise * _ramp(t, course.turn) + _noise(course, t, rng))
    if course.resolution:
        error = np.round(error / course.resolution) * course.resolution
    columns = {"val_error": np.maximum(error, 0.0)}
    if course.train:
        fits = np.exp(-t / course.tau) if not course.power else down
        shaken = 0.005 * rng.normal(size=t.size)
        columns["train_loss"] = 2.0 * (fits + course.train_rise * _ramp(t, course.train_turn) + shaken) + 0.05
    if course.rate:
        columns["learning_rate"] = 0.1 * rate
    return Curve(steps=steps.astype(np.int64), values=columns)


def curve_study(
    courses: Sequence[Course],
    rng: np.random.Generator,
    *,
    floors: Points | None = None,
    points: Points | None = None,
    arms: Sequence[Mapping[str, Value]] = ({},),
) -> StudyRecord:
    """A study with one trial a course, dealt to the arms in turn.

    `points` have shape (n, d), of two ranges by default; floors default to those of a bowl over them. The better a
    trial, the more its course counts.
    """
    if points is None:
        points = halton(len(courses), 2, rng)
    space = parameters(points.shape[1])
    if floors is None:
        floors = 0.02 + 0.3 * ((points - 0.5) ** 2).sum(axis=1)
    trials = []
    for number, (course, floor, point) in enumerate(zip(courses, floors, points, strict=True)):
        arm = arms[number % len(arms)]
        params = {p.name: p.from_unit(float(u)) for p, u in zip(space, point, strict=True)} | dict(arm)
        curve = learning_curve(course, rng, floor=float(floor))
        values = curve.values["val_error"]
        at = int(np.argmin(values))
        best = Best(trial=number, value=float(values[at]), step=int(curve.steps[at]), params=params)
        made = trial(number, params, best.value, arm=arm, curve=curve)
        trials.append(replace(made, best=best))
    every = MAX_TRAIN_STEPS // courses[0].evaluations
    return study(trials, space, arms=arms, eval_every=every)


def _ramp(t: Points, start: float) -> Points:
    """0 until `start`, then straight to 1 at the end."""
    return np.clip((t - start) / max(1 - start, 1e-9), 0.0, 1.0) if start < 1.0 else np.zeros_like(t)


def _noise(course: Course, t: Points, rng: np.random.Generator) -> Points:
    """Noise of the course's size, up to twice as loud at the start; less once the learning rate decays."""
    fresh = rng.normal(size=t.size)
    noise = fresh.copy()
    for i in range(1, t.size):
        noise[i] = course.wander * noise[i - 1] + np.sqrt(1 - course.wander**2) * fresh[i]
    return np.asarray(course.noise * noise * (1 + np.exp(-t / 0.1)))
