"""Studies of known importance: which hyperparameters matter, and which don't."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.records import Parameter
from tests.generators.studies import halton, parameters, study, surface, surface_study, trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from playbook_cli.records import StudyRecord

    Make = Callable[[np.random.Generator, int, int], StudyRecord]


def bowl(
    weights: tuple[float, ...], shape: str = "quadratic", *, noise: float, twist: float = 0.0, cliff: bool = False
) -> Make:
    """A bowl in as many ranges as there are weights; nothing else matters. `cliff`: beyond one of p0 trials diverge."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        points, centre = halton(n, d, rng), rng.uniform(0.3, 0.7, d)
        pull = np.zeros(d)
        pull[: len(weights)] = weights[:d]
        if cliff:
            centre[0] = 1.1
        losses = surface(centre, pull, shape, interaction=twist)(points)
        losses = losses + noise * np.ptp(losses) * rng.normal(size=n)
        if cliff:
            losses[points[:, 0] > rng.uniform(0.6, 0.85)] = np.inf
        return surface_study(points, losses)

    return make


def flat(*, resolution: float = 0.0, infeasible: float = 0.0, tails: bool = False) -> Make:
    """Nothing matters."""

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        losses = 0.1 + 0.01 * (rng.standard_t(2, n) if tails else rng.normal(size=n))
        losses[rng.random(n) < infeasible] = np.inf
        return surface_study(halton(n, d, rng), losses, resolution=resolution)

    return make


def diverging(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
    """p0 decides which trials diverge, and nothing what the others come to."""
    points = halton(n, d, rng)
    losses = 0.1 + 0.01 * rng.normal(size=n)
    losses[points[:, 0] > 0.75] = np.inf
    return surface_study(points, losses)


def valley(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
    """Only the sum of p0 and p1 matters much, as where learning rate and momentum make one effective rate."""
    points, centre = halton(n, d, rng), rng.uniform(0.3, 0.7, d)
    losses = (points[:, 0] + points[:, 1] - centre[0] - centre[1]) ** 2
    losses = losses + 0.1 * ((points - centre) ** 2)[:, :2].sum(axis=1)
    return surface_study(points, losses + 0.03 * np.ptp(losses) * rng.normal(size=n))


def traded(rng: np.random.Generator, n: int, d: int, *, ratio: bool = True) -> StudyRecord:
    """Only the ratio of p0 and p2, or their product, matters: neither has an effect by itself."""
    points = halton(n, d, rng)
    mixed = points[:, 0] - points[:, 2] if ratio else points[:, 0] + points[:, 2] - 1
    losses = (mixed - rng.uniform(-0.2, 0.2)) ** 2
    return surface_study(points, losses + 0.05 * np.ptp(losses) * rng.normal(size=n))


def optimizers(*, matters: bool) -> Make:
    """Two arms with a learning rate of their own each, the first one's mattering, and p0 in both, which never does."""

    def make(rng: np.random.Generator, n: int, _: int) -> StudyRecord:
        points, centre = np.repeat(halton(n // 2, 2, rng), 2, axis=0), rng.uniform(0.3, 0.7)
        arm = Parameter(name="arm", label="arm", role="scientific", kind="choice", choices=("a", "b"))
        (p0,) = parameters(1)
        rates = [replace(p0, name="rate", label=f"rate (arm={value})", when={"arm": (value,)}) for value in ("a", "b")]
        trials = []
        for number, (point, noise) in enumerate(zip(points, rng.normal(size=n), strict=True)):
            own = number % 2
            value = 0.02 + (point[0] - centre) ** 2 * (matters and not own) + 0.02 * noise
            settings = {"arm": "ab"[own]}
            params = {**settings, "rate": rates[own].from_unit(point[0]), "p0": p0.from_unit(point[1])}
            trials.append(trial(number, params, float(value), arm=settings))
        return study(trials, [arm, *rates, p0], arms=[{"arm": "a"}, {"arm": "b"}])

    return make
