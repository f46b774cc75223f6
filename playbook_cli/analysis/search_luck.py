"""How much of a search's outcome is the luck of its points, from the spacing of its results and simulated searches.

A bootstrap of the trials cannot say it: it is inconsistent for the best of a sample. So searches of the same size are
simulated on responses that rise from their optimum as a bowl (with the square of the distance) or as a cone (with the
distance), steep enough that their better third is spread as the study's is, under the same trial noise, which is normal
or has heavy tails. What the selected point then truly is, over and over, is the answer.

How far the selected score was better than the repeats of its point says much about that: under heavy tails a search
selects the luckiest trial, wherever it lies. So only those simulated searches count that were about as lucky. A
response with several optima has more luck than this says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
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
_TAILS = (None, 3.0)
"""Degrees of freedom of the trial noise: normal, and heavy tails."""
_WORLDS = tuple(product(_POWERS, _TAILS))
_ALIKE = 0.0625
"""Share of the simulated searches that count as about as lucky."""
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
    """The response that a search's results suggest: its steepness in each world, in the metric's units."""

    plan: Plan
    sd: float
    """The trial standard deviation."""
    steepness: tuple[float, ...]
    """One for each shape and noise."""
    optimism: float | None = None
    """How much better the selected score was than its repeats, in trial standard deviations."""

    def variance(self, trials: int | None = None) -> float:
        """Of the true result of what a search of so many trials selects; by default of this very search.

        That is the expected squared distance from what such searches select on average.
        """
        away = [(o.regret - o.regret.mean()) ** 2 for o in (self._now if trials is None else self._outcomes(trials))]
        if trials is None:
            return float(np.concatenate(away)[self._alike].mean())
        return self._mean([float(squares.mean()) for squares in away])

    def lost(self, trials: int) -> tuple[float, float]:
        """How much worse the best of only so many trials is: its expected true result, and its expected score."""
        now, then = self._now, self._outcomes(trials)
        true = self._mean([float(b.regret.mean() - a.regret.mean()) for a, b in zip(now, then, strict=True)])
        score = self._mean([b.score - a.score for a, b in zip(now, then, strict=True)])
        return max(true, 0.0), max(score, 0.0)

    @cached_property
    def _alike(self) -> NDArray[np.int64]:
        """Which of the simulated searches, of all worlds in a row, were about as lucky as this one."""
        lucky = np.concatenate([o.optimism for o in self._now])
        if self.optimism is None:
            return np.arange(lucky.size)
        away = np.abs(np.arcsinh(lucky) - np.arcsinh(self.optimism))
        return np.argsort(away, kind="stable")[: round(_ALIKE * lucky.size)]

    def _mean(self, of_worlds: Sequence[float]) -> float:
        """Of one number a world, each world as likely as its part of the searches that were as lucky says."""
        shares = np.bincount(self._alike // _SEARCHES, minlength=len(_WORLDS)) / self._alike.size
        return float(shares @ np.array(of_worlds))

    @cached_property
    def _now(self) -> list[_Outcome]:
        return self._outcomes(self.plan.trials)

    def _outcomes(self, trials: int) -> list[_Outcome]:
        plan = self.plan
        count = min(trials, _MOST_TRIALS)
        top = min(plan.top, count)
        found = []
        for (power, tails), steepness in zip(_WORLDS, self.steepness, strict=True):
            draws = _draws(count, plan.dimensions, top, plan.seeds, even=plan.even, tails=tails)
            found.append(_select(draws, steepness * draws.distances**power, self.sd))
        return found


def search_luck(losses: Sequence[float], sd: float, plan: Plan, optimism: float | None = None) -> SearchLuck:
    """From a search's finite results, smaller is better, at least two, and the trial standard deviation."""
    spread = float(np.sort(losses)[: _better(len(losses))].std())
    count = min(plan.trials, _MOST_TRIALS)
    steepness = []
    for power, tails in _WORLDS:
        expected = _spreads(count, plan.dimensions, even=plan.even, power=power, tails=tails)
        if spread >= expected[-1] * sd:  # noise does not matter
            steepness.append(_STEEPNESS[-1] * spread / float(expected[-1]))
        else:
            steepness.append(sd * float(np.interp(spread / sd, expected, _STEEPNESS)))
    return SearchLuck(plan=plan, sd=sd, steepness=tuple(steepness), optimism=optimism)


def fixed_points_variance(levels: Sequence[float], sd: float, seeds: int) -> float:
    """What choosing among a fixed list of points, of these true results, adds to the trial variance of the mean."""
    known = np.array([level for level in levels if np.isfinite(level)])
    if known.size < 2 or seeds < 2:
        return 0.0
    noise = np.random.default_rng(0).normal(size=(_SEARCHES, known.size, seeds))
    again = known[:, None] + sd * noise
    means = _cross_fitted(again, again)
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
    """What simulated searches selected, one number a search."""

    regret: Array
    """How much worse the selected point truly is than the best possible one."""
    optimism: Array
    """How much better its score was than its repeats, in trial standard deviations as the repeats show them."""
    score: float
    """Mean of the best score, noise and all."""


def _better(count: int) -> int:
    return max(min(count, 4), count // 3)


@lru_cache(maxsize=16)
def _draws(trials: int, dimensions: int, top: int, seeds: int, *, even: bool, tails: float | None) -> _Draws:
    from scipy.stats import qmc

    rng = np.random.default_rng(0)
    if even:
        points = qmc.Halton(dimensions, scramble=False).random(trials)
        points = (points + rng.random((_SEARCHES, 1, dimensions))) % 1.0
    else:
        points = rng.random((_SEARCHES, trials, dimensions))
    optimum = rng.uniform(0.25, 0.75, (_SEARCHES, 1, dimensions))

    def noise(*shape: int) -> Array:
        if tails is None:
            return rng.normal(size=shape)
        return rng.standard_t(tails, size=shape) / math.sqrt(tails / (tails - 2))

    return _Draws(
        distances=((points - optimum) ** 2).sum(axis=2),
        noise=noise(_SEARCHES, trials),
        again=noise(_SEARCHES, top, seeds),
    )


@lru_cache(maxsize=16)
def _spreads(trials: int, dimensions: int, *, even: bool, power: float, tails: float | None) -> Array:
    """Mean spread of the better third of the scores, in trial standard deviations, for each steepness."""
    draws = _draws(trials, dimensions, 1, 1, even=even, tails=tails)
    rise, better = draws.distances**power, _better(trials)
    spreads = [
        np.partition(steepness * rise + draws.noise, better - 1, axis=1)[:, :better].std(axis=1).mean()
        for steepness in _STEEPNESS
    ]
    return np.maximum.accumulate(np.array(spreads))


def _select(draws: _Draws, levels: Array, sd: float) -> _Outcome:
    """What simulated searches of true results `levels`, shape (searches, trials), select."""
    scores = levels + sd * draws.noise
    top, seeds = draws.again.shape[1:]
    best = np.argpartition(scores, top - 1, axis=1)[:, :top]
    true = np.take_along_axis(levels, best, axis=1)[:, :, None]
    again = true + sd * draws.again
    score = scores.min(axis=1)
    optimism = np.zeros(len(scores))
    if seeds > 1 and sd > 0.0:
        spread = np.sqrt(again.var(axis=2, ddof=1).mean(axis=1))
        optimism = (_cross_fitted(again, again) - score) / spread
    regret = _cross_fitted(again, true) if seeds > 1 else true[np.arange(len(true)), 0, 0]
    return _Outcome(regret=regret, optimism=optimism, score=float(score.mean()))


def _cross_fitted(again: Array, read: Array) -> Array:
    """Mean over seeds of `read` at the point that is best on the other seeds, from (searches, points, seeds)."""
    chosen = (again.sum(axis=2, keepdims=True) - again).argmin(axis=1)
    read = np.broadcast_to(read, again.shape)
    return np.asarray(np.take_along_axis(read, chosen[:, None, :], axis=1).mean(axis=(1, 2)))
