"""How much of a search's outcome is the luck of its points, from the spacing of its results and simulated searches.

A bootstrap of the trials cannot say it: it is inconsistent for the best of a sample. So searches of the same size are
simulated on responses that rise from their optimum as a bowl (with the square of the distance) or as a cone (with the
distance), steep enough that their better third is spread as the study's is, under the same trial noise. What the
selected point then truly is, over and over, is the answer: the mean of the variances of both shapes, because one study
does not tell which one it is. A response with several optima, or noise with heavy tails, has more luck than this says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_SEARCHES = 400
_MOST_TRIALS = 256
"""Larger searches are simulated at this size: they are luckier than they are said to be."""
_POWERS = (1.0, 0.5)
"""Of the squared distance: a bowl and a cone."""
_STEEPNESS = (0.0, *np.geomspace(0.3, 3e4, 26).tolist())
"""Rise over the length of a range, in trial standard deviations."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A search and what of it is trained again."""

    trials: int
    dimensions: int
    """Ranges searched, at least one."""
    top: int
    """Trials that are repeated; the better of them is chosen seed by seed (see `analysis.selection`)."""
    seeds: int
    """Repeats of each of them."""
    even: bool
    """Quasi-random or gridded points, not random ones."""


@dataclass(frozen=True, kw_only=True)
class SearchLuck:
    """The response that a search's results suggest: the steepness of each shape, in the metric's units."""

    plan: Plan
    sd: float
    """The trial standard deviation."""
    steepness: tuple[float, ...]

    def variance(self, trials: int | None = None) -> float:
        """Of the true result of what a search of so many trials selects, over searches; by default of this size."""
        return float(np.mean([o.variance for o in self._outcomes(trials)]))

    def lost(self, trials: int) -> tuple[float, float]:
        """How much worse the best of only so many trials is: its expected true result, and its expected score."""
        now, then = self._outcomes(None), self._outcomes(trials)
        true = float(np.mean([b.regret - a.regret for a, b in zip(now, then, strict=True)]))
        score = float(np.mean([b.score - a.score for a, b in zip(now, then, strict=True)]))
        return max(true, 0.0), max(score, 0.0)

    def _outcomes(self, trials: int | None) -> list[_Outcome]:
        count = min(trials or self.plan.trials, _MOST_TRIALS)
        plan = self.plan
        top = min(plan.top, count)
        draws = _draws(count, plan.dimensions, top, plan.seeds, even=plan.even)
        pairs = zip(_POWERS, self.steepness, strict=True)
        return [_select(draws, steepness * draws.distances**power, self.sd) for power, steepness in pairs]


def search_luck(losses: Sequence[float], sd: float, plan: Plan) -> SearchLuck:
    """From a search's finite results, smaller is better, at least two, and the trial standard deviation."""
    spread = float(np.sort(losses)[: _better(len(losses))].std())
    count = min(plan.trials, _MOST_TRIALS)
    steepness = []
    for power in _POWERS:
        expected = _spreads(count, plan.dimensions, even=plan.even, power=power)
        if spread >= expected[-1] * sd:  # noise does not matter
            steepness.append(_STEEPNESS[-1] * spread / float(expected[-1]))
        else:
            steepness.append(sd * float(np.interp(spread / sd, expected, _STEEPNESS)))
    return SearchLuck(plan=plan, sd=sd, steepness=tuple(steepness))


def fixed_points_variance(levels: Sequence[float], sd: float, seeds: int) -> float:
    """What choosing among a fixed list of points, of these true results, adds to the trial variance of the mean."""
    known = np.array([level for level in levels if np.isfinite(level)])
    if known.size < 2 or seeds < 2:
        return 0.0
    noise = np.random.default_rng(0).normal(size=(_SEARCHES, known.size, seeds))
    means = _cross_fitted(known[:, None] + sd * noise)
    return max(float(means.var()) - sd**2 / seeds, 0.0)


def freedom(trials: int) -> int:
    """Degrees of freedom of the variance that `search_luck` estimates from so many results."""
    return _better(trials) - 1


@dataclass(frozen=True, kw_only=True)
class _Draws:
    """Simulated searches, without a scale: squared distances from the optimum and noise, in standard deviations."""

    distances: Array
    """Shape (searches, trials)."""
    noise: Array
    """Shape (searches, trials)."""
    again: Array
    """Of the repeats, shape (searches, top, seeds)."""


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    variance: float
    """Of the true result of the selected point."""
    regret: float
    """Its mean distance from the best possible result."""
    score: float
    """Mean of the best score, noise and all."""


def _better(count: int) -> int:
    return max(min(count, 4), count // 3)


@lru_cache(maxsize=16)
def _draws(trials: int, dimensions: int, top: int, seeds: int, *, even: bool) -> _Draws:
    from scipy.stats import qmc

    rng = np.random.default_rng(0)
    if even:
        points = qmc.Halton(dimensions, scramble=False).random(trials)
        points = (points + rng.random((_SEARCHES, 1, dimensions))) % 1.0
    else:
        points = rng.random((_SEARCHES, trials, dimensions))
    optimum = rng.uniform(0.25, 0.75, (_SEARCHES, 1, dimensions))
    return _Draws(
        distances=((points - optimum) ** 2).sum(axis=2),
        noise=rng.normal(size=(_SEARCHES, trials)),
        again=rng.normal(size=(_SEARCHES, top, seeds)),
    )


@lru_cache(maxsize=16)
def _spreads(trials: int, dimensions: int, *, even: bool, power: float) -> Array:
    """Mean spread of the better third of the scores, in trial standard deviations, for each steepness."""
    draws = _draws(trials, dimensions, 1, 1, even=even)
    rise, better = draws.distances**power, _better(trials)
    spreads = [
        np.partition(steepness * rise + draws.noise, better - 1, axis=1)[:, :better].std(axis=1).mean()
        for steepness in _STEEPNESS
    ]
    return np.maximum.accumulate(np.array(spreads))


def _select(draws: _Draws, levels: Array, sd: float) -> _Outcome:
    """What simulated searches of true results `levels`, shape (searches, trials), select."""
    scores = levels + sd * draws.noise
    first = scores.argmin(axis=1)[:, None]
    regret = np.take_along_axis(levels, first, axis=1)[:, 0]
    top, seeds = draws.again.shape[1:]
    variance = float(regret.var())
    if top > 1 and seeds > 1:
        best = np.argpartition(scores, top - 1, axis=1)[:, :top]
        means = _cross_fitted(np.take_along_axis(levels, best, axis=1)[:, :, None] + sd * draws.again)
        # What the choice adds to the trial variance of the mean, which is counted apart.
        variance = max(float(means.var()) - sd**2 / seeds, 0.0)
        regret = means
    return _Outcome(variance=variance, regret=float(regret.mean()), score=float(scores.min(axis=1).mean()))


def _cross_fitted(again: Array) -> Array:
    """Mean over seeds of the result at the point that is best on the other seeds, from (searches, points, seeds)."""
    chosen = (again.sum(axis=2, keepdims=True) - again).argmin(axis=1)
    return np.asarray(np.take_along_axis(again, chosen[:, None, :], axis=1).mean(axis=(1, 2)))
