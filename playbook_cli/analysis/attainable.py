"""The best result that each arm could reach, by a Gaussian process over the space in which the arm is a category.

Arms share the process, each with a mean and a height of its own, so that they learn from each other where they are
alike, and one arm's results may rise faster from its optimum than another's. Draws of the process say how far the best
of one arm may be from the best of another, also where a search did not come near it.

Results are read as they are or in their logarithm, whole or with the worse half of each arm drawn together: as the
process describes them best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from playbook_cli.analysis import outcomes
from playbook_cli.analysis.contrast import LEVEL
from playbook_cli.analysis.process import fit
from playbook_cli.analysis.readings import read, ways

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.process import Process
    from playbook_cli.records import Metric, Parameter, TrialRecord

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

_TRIALS, _READ = 200, 80
"""Of more trials so many are taken, evenly; and to choose how they are read. The time grows with their cube."""
_DRAWS = 400
_SPREAD = 400
"""Places spread over the space, of which the most promising are looked at."""
_LEFT = 50
"""Places of each arm that are drawn."""
_ROUNDS, _TOP, _ABOUT, _STEP = 2, 10, 8, 0.1
"""How often places are sought about the best ones; how many about each of the best, and how far away."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Gap:
    """How much better the best attainable result of one arm is than that of another; positive is better."""

    gain: float
    """Expected, in the metric's units."""
    interval: tuple[float, float]
    """That holds it with probability `LEVEL`, in the metric's units."""
    deviations: Array
    """Draws of the gain, in standard deviations of a trial's result around the surface."""

    def probability(self, least: float) -> float:
        """That the gain is more than so many standard deviations of a trial."""
        return float((self.deviations > least).mean())

    def within(self, bound: float) -> bool:
        """Whether it lies within so many standard deviations of a trial, in either direction, as surely as `LEVEL`."""
        return float((np.abs(self.deviations) < bound).mean()) >= LEVEL

    def more(self, sure: float) -> float:
        """How many times the trials would settle which arm is better, if the gain is as expected."""
        distance = abs(float(self.deviations.mean())) / max(float(self.deviations.std()), 1e-9)
        return (sure / max(distance, 1e-9)) ** 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Attainable:
    """The best attainable result of every arm."""

    scores: Array
    """Draws, as the results are read, shape (arms, draws)."""
    losses: Array
    """The same in the metric's units; smaller is better."""
    noise: float
    """Standard deviation of a trial around the surface, as the results are read."""

    def gap(self, better: int, worse: int) -> Gap:
        """How much better the one arm is than the other."""
        gains, tail = self.losses[worse] - self.losses[better], (1 - LEVEL) / 2
        low, high = np.quantile(gains, [tail, 1 - tail])
        return Gap(
            gain=float(np.median(gains)),
            interval=(float(low), float(high)),
            deviations=np.asarray((self.scores[worse] - self.scores[better]) / self.noise),
        )


def of_groups(
    groups: Sequence[Sequence[TrialRecord]], parameters: Sequence[Parameter], metric: Metric
) -> Attainable | None:
    """Of groups of ended trials over their nuisance `parameters`; None where a group has no result, or all are equal.

    Where a group does not have a range, its trials count as if they lay in the middle of it.
    """
    done = [outcomes.feasible(group) for group in groups]
    trials = [trial for group in done for trial in group]
    losses = outcomes.losses(trials, metric)
    if not all(done) or not np.ptp(losses):
        return None
    ranges = [p for p in parameters if p.kind != "choice" and p.low < p.high]
    choices = [p for p in parameters if p.kind == "choice"]

    def column(parameter: Parameter, otherwise: float) -> list[float]:
        place = parameter.place if parameter.kind == "choice" else parameter.to_unit
        return [place(t.params[parameter.name]) if outcomes.has(parameter, t) else otherwise for t in trials]

    units = np.array([column(p, 0.5) for p in ranges], dtype=np.float64).reshape(len(ranges), len(trials)).T
    codes = np.array([column(p, -1) for p in choices], dtype=np.int64).reshape(len(choices), len(trials)).T
    arms = np.repeat(np.arange(len(done)), [len(group) for group in done])
    return attainable(units, codes, arms, losses)


def attainable(units: Array, codes: Codes, arms: Codes, losses: Array) -> Attainable:
    """From units of d ranges, shape (n, d), codes of nuisance choices (n, c), arms from 0 on, and finite losses (n,).

    Every arm has a trial. Two results differ.
    """
    with threadpool_limits(1, "blas"):  # the matrices are small: where cores are busy, threads cost ten times as much
        return _attainable(units, codes, arms, losses)


def _attainable(units: Array, codes: Codes, arms: Codes, losses: Array) -> Attainable:
    codes = np.column_stack([arms, codes])
    few, kept = _evenly(arms, _READ), _evenly(arms, _TRIALS)
    readings = [(how, read(losses[few], arms[few], how)) for how in ways(losses)]
    fits = [(how, fit(units[few], codes[few], one.scores, arms[few]), one.change) for how, one in readings]
    how, process, _ = min(fits, key=lambda one: one[1].surprise - one[2])
    reading = read(losses[kept], arms[kept], how)
    if kept.size > few.size:
        process = fit(units[kept], codes[kept], reading.scores, arms[kept])
    rng = np.random.default_rng(0)
    places = [_promising(process, arm, rng) for arm in range(int(arms.max()) + 1)]
    which = np.concatenate([np.full(len(own), arm) for arm, (own, _) in enumerate(places)])
    normal = rng.normal(size=(which.size, _DRAWS))
    drawn = process.draws(np.vstack([own for own, _ in places]), np.vstack([c for _, c in places]), normal, which)
    ends = np.cumsum([len(own) for own, _ in places])[:-1]
    scores = np.array([part.min(axis=0) for part in np.split(drawn, ends)])
    return Attainable(scores=scores, losses=reading.losses(scores), noise=math.sqrt(process.noise))


def _evenly(arms: Codes, most: int) -> Codes:
    """No more trials than these, of every arm by its part of them, and one of each at least."""
    if arms.size <= most:
        return np.arange(arms.size)
    order = np.argsort(arms, kind="stable")
    kept = order[np.linspace(0, order.size - 1, most).round().astype(int)]
    first = [int(np.argmax(arms == arm)) for arm in range(int(arms.max()) + 1)]
    return np.asarray(np.union1d(kept, first))


def _promising(process: Process, arm: int, rng: np.random.Generator) -> tuple[Array, Codes]:
    """Places where an arm's mean is lowest, and their codes, of which the first is the arm."""
    from scipy.stats import qmc

    ranges, own = process.units.shape[1], process.codes[process.arms == arm]
    spread = qmc.Halton(ranges, seed=1).random(_SPREAD) if ranges else np.zeros((1, 0))
    units = np.vstack([process.units, spread])
    codes = np.vstack([process.codes, own[rng.integers(len(own), size=len(spread))]])
    codes[:, 0] = arm

    def best() -> tuple[Array, Codes]:
        mean = process.mean(units, codes, np.full(len(units), arm))
        order = np.argsort(mean, kind="stable")[:_LEFT]
        return units[order], codes[order]

    for _ in range(_ROUNDS):
        units, codes = best()
        about = np.repeat(units[:_TOP], _ABOUT, axis=0)
        about = np.clip(about + _STEP * rng.normal(size=about.shape), 0.0, 1.0)
        units, codes = np.vstack([units, about]), np.vstack([codes, np.repeat(codes[:_TOP], _ABOUT, axis=0)])
    return best()
