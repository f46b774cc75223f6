"""What widening a range is expected to bring: the best result beyond its end against the best one inside.

Results count by their normal scores, so that neither a few bad trials nor a loss that falls over decades decides; a
Gaussian process through them is drawn many times, inside and beyond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from playbook_cli.analysis.process import fit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.process import Process

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

RANGES = 12
"""Ranges that the process looks at together."""
_TRIALS = 200
"""Of more trials so many are taken, evenly: the time grows with the cube of their number."""
_DEPTHS = (0.1, 0.2, 0.3)
"""How far beyond the end is looked, as parts of the range."""
_WORTH = 0.25
"""Least gain that counts, in standard deviations of a trial's score."""
_DRAWS = 256
_SPREAD = 300
"""Places spread over the space, of which the most promising are looked at."""
_LEFT, _NEAR, _EDGE = 30, 20, 10
"""Places kept: the most promising, more of them inside, and on the edge itself."""
_LEVEL = 0.8
"""Of the interval of a gain."""
_SURE = 1.0
"""Standard deviations between a gain and the least that counts from which on more trials are not needed."""
_MOST = 8
"""No more than so many times the trials are ever said to be needed."""


@dataclass(frozen=True, kw_only=True)
class Widening:
    """What the surface beyond one end of a range promises."""

    probability: float
    """That the best result beyond is better than the best one inside, by a quarter of a trial's deviation or more."""
    gain: float
    """Expected, in the metric's units, positive; 0 where the best is rather inside."""
    interval: tuple[float, float]
    """That holds the gain with probability 0.8; 0 where there is none."""
    settled: int
    """Trials, those there are included, that would tell whether the gain is there."""


def widenings(units: Array, codes: Codes, losses: Array, looked: Sequence[int]) -> Mapping[tuple[int, bool], Widening]:
    """For each range of `looked`, by its column of `units`, at its lower (False) and upper end (True).

    `units` has shape (n, d), `codes` of the choices shape (n, c), and the finite `losses` shape (n,).
    """
    with threadpool_limits(1, "blas"):  # the matrices are small: where cores are busy, threads cost ten times as much
        return _widenings(units, codes, losses, looked)


def _widenings(units: Array, codes: Codes, losses: Array, looked: Sequence[int]) -> Mapping[tuple[int, bool], Widening]:
    from scipy.stats import qmc

    if losses.size > _TRIALS:
        kept = np.linspace(0, losses.size - 1, _TRIALS).round().astype(int)
        units, codes, losses = units[kept], codes[kept], losses[kept]
    scores = normal_scores(losses)
    rng, of = np.random.default_rng(0), list(looked)
    places = units[:, of]
    process = fit(places, codes, scores)
    spread = qmc.Halton(len(of), seed=1).random(_SPREAD)
    inside = _best(
        process,
        np.vstack([places, spread]),
        np.vstack([codes, codes[rng.integers(losses.size, size=_SPREAD)]]),
        _LEFT,
    )
    near = np.clip(np.repeat(inside[0][:10], 8, axis=0) + 0.12 * rng.normal(size=(80, len(of))), 0.0, 1.0)
    about = np.vstack([inside[0], near]), np.vstack([inside[1], np.repeat(inside[1][:10], 8, axis=0)])
    inside = _best(process, *about, _LEFT + _NEAR)
    noise, rise = math.sqrt(process.noise), _Rise.over(scores, losses)
    found = {}
    for column, index in enumerate(of):
        for upper in (False, True):
            gains = _gains(process, inside, column, upper=upper, rng=rng)
            found[index, upper] = _widening(gains, noise, rise, losses.size)
    return found


def normal_scores(losses: Array) -> Array:
    """Quantiles of the normal distribution at the losses' ranks; equal losses have equal ones."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return np.asarray(ndtri((rankdata(losses) - 0.5) / losses.size))


def _best(process: Process, units: Array, codes: Codes, count: int) -> tuple[Array, Codes]:
    """The places where the mean is lowest, from the lowest."""
    order = np.argsort(process.mean(units, codes), kind="stable")[:count]
    return units[order], codes[order]


def _gains(
    process: Process, inside: tuple[Array, Codes], column: int, *, upper: bool, rng: np.random.Generator
) -> Array:
    """The best beyond less the best inside, positive where it is better, in scores, one a draw."""

    def moved(depth: float) -> Array:
        units = inside[0][:_LEFT].copy()
        units[:, column] = 1.0 + depth if upper else -depth
        return units

    codes = inside[1][:_LEFT]
    edge = _best(process, moved(0.0), codes, _EDGE)
    beyond = _best(process, np.vstack([moved(d) for d in _DEPTHS]), np.tile(codes, (len(_DEPTHS), 1)), _LEFT)
    units, codes = (np.vstack([a, b, c]) for a, b, c in zip(inside, edge, beyond, strict=True))
    drawn = process.draws(units, codes, rng.normal(size=(len(units), _DRAWS)))
    outside = len(beyond[0])
    return np.asarray(drawn[:-outside].min(axis=0) - drawn[-outside:].min(axis=0))


def _widening(gains: Array, noise: float, rise: _Rise, trials: int) -> Widening:
    over = gains - _WORTH * noise
    distance = abs(float(over.mean())) / max(float(over.std()), 1e-9)
    more = min(max((_SURE / max(distance, 1e-9)) ** 2, 1.25), _MOST)
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(gains, [tail, 1 - tail])
    return Widening(
        probability=float((over > 0.0).mean()),
        gain=rise.in_units(float(gains.mean())),
        interval=(rise.in_units(float(low)), rise.in_units(float(high))),
        settled=math.ceil(more * trials),
    )


@dataclass(frozen=True, kw_only=True)
class _Rise:
    """How losses and scores rise together over the best quarter."""

    best: float
    quarter: float
    scores: float

    @classmethod
    def over(cls, scores: Array, losses: Array) -> _Rise:
        rise = float(np.quantile(scores, 0.25) - scores.min())
        return cls(best=float(losses.min()), quarter=float(np.quantile(losses, 0.25)), scores=rise)

    def in_units(self, gain: float) -> float:
        """A gain in scores as one in losses; in the logarithm of positive losses, so that none falls below 0."""
        if gain <= 0.0 or self.scores <= 0.0 or self.quarter <= self.best:
            return 0.0
        if self.best > 0.0:
            return self.best * -math.expm1(-gain * math.log(self.quarter / self.best) / self.scores)
        return gain * (self.quarter - self.best) / self.scores
