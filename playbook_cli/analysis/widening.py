"""What widening a range is expected to bring: the best result beyond its end against the best one inside.

A Gaussian process through the results is drawn many times, inside and beyond: once through their normal scores, so
that neither bad trials nor a loss that falls over decades decide, and once through the results or their logarithms,
the worse half drawn together. Scores alone take noise among equally good results for a trend, and the results alone
miss a small gain next to a large fall; half of the draws come from each. The worse a result, the less it counts: what
the bad region looks like says little about where the optimum lies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from playbook_cli.analysis.process import fit
from playbook_cli.analysis.readings import read, ways

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
_DRAWS = 128
"""Of each reading of the results."""
_LOUDER, _LOUDEST = 1.0, 1.5
"""How fast the logarithm of a trial's noise grows with its score beyond the median, and up to which score."""
_SPREAD = 300
"""Places spread over the space, of which the most promising are looked at."""
_LEFT, _NEAR, _EDGE = 30, 20, 10
"""Places kept: the most promising, more of them inside, and on the edge itself."""
LEVEL = 0.8
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
    """Median, in the metric's units, positive; 0 where the best is rather inside."""
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
    of = list(looked)
    spread = qmc.Halton(len(of), seed=1).random(_SPREAD)
    places, scores = units[:, of], normal_scores(losses)
    fitted = [(_fit(places, codes, scores), scores), _eased(places, codes, losses)]
    both = [_each(process, _Rise.over(read_as, losses), spread) for process, read_as in fitted]
    return {
        (of[column], upper): _widening([one[column, upper] for one in both], losses.size) for column, upper in both[0]
    }


def _fit(places: Array, codes: Codes, scores: Array) -> Process:
    """Bad results count less: the more, the worse than the median they are."""
    louder = np.exp(_LOUDER * np.clip(scores - np.median(scores), 0.0, _LOUDEST))
    return fit(places, codes, scores, trend=True, times=louder)


def _eased(places: Array, codes: Codes, losses: Array) -> tuple[Process, Array]:
    """Through the losses or their logarithms, the worse half drawn together, as describes them best; and the scores."""
    one = np.zeros(losses.size, dtype=np.int64)
    readings = [read(losses, one, way) for way in ways(losses) if way[1]]
    fits = [_fit(places, codes, reading.scores) for reading in readings]
    best = min(range(len(fits)), key=lambda i: fits[i].surprise - readings[i].change)
    return fits[best], readings[best].scores


def _each(process: Process, rise: _Rise, spread: Array) -> Mapping[tuple[int, bool], _Gains]:
    """What one process says of each of its ranges, at each end."""
    rng, places, codes = np.random.default_rng(0), process.units, process.codes
    inside = _best(
        process,
        np.vstack([places, spread]),
        np.vstack([codes, codes[rng.integers(len(codes), size=_SPREAD)]]),
        _LEFT,
    )
    near = np.clip(np.repeat(inside[0][:10], 8, axis=0) + 0.12 * rng.normal(size=(80, places.shape[1])), 0.0, 1.0)
    about = np.vstack([inside[0], near]), np.vstack([inside[1], np.repeat(inside[1][:10], 8, axis=0)])
    inside = _best(process, *about, _LEFT + _NEAR)
    found = {}
    for column in range(places.shape[1]):
        for upper in (False, True):
            drawn = _gains(process, inside, column, upper=upper, rng=rng)
            found[column, upper] = _Gains(deviations=drawn / math.sqrt(process.noise), losses=rise.in_units(drawn))
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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Gains:
    """Draws of the gain, by one reading of the results."""

    deviations: Array
    """In standard deviations of a trial."""
    losses: Array
    """In the metric's units, at least 0."""


def _widening(of_both: Sequence[_Gains], trials: int) -> Widening:
    over = np.concatenate([one.deviations for one in of_both]) - _WORTH
    distance = abs(float(over.mean())) / max(float(over.std()), 1e-9)
    more = min(max((_SURE / max(distance, 1e-9)) ** 2, 1.25), _MOST)
    tail = (1 - LEVEL) / 2
    gains = np.concatenate([one.losses for one in of_both])
    low, gain, high = np.quantile(gains, [tail, 0.5, 1 - tail]).tolist()
    return Widening(
        probability=float((over > 0.0).mean()), gain=gain, interval=(low, high), settled=math.ceil(more * trials)
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

    def in_units(self, gains: Array) -> Array:
        """Gains in scores as gains in losses, at least 0; in the logarithm of positive losses: none falls below 0."""
        if self.scores <= 0.0 or self.quarter <= self.best:
            return np.zeros_like(gains)
        some = np.maximum(gains, 0.0) / self.scores
        if self.best > 0.0:
            return np.asarray(self.best * -np.expm1(-some * math.log(self.quarter / self.best)))
        return np.asarray(some * (self.quarter - self.best))
