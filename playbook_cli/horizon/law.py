"""A saturating power law through the levels of the lengths: loss = floor + a * steps^-b.

Four noisy levels do not determine three numbers, because floor and exponent trade off against each other. So the law is
averaged over many exponents and floors, each weighted by how well it fits (Student's t likelihood, with a prior that is
flat in log b and in the log of 1 - floor). Predictions are quantiles of that Bayesian mixture, so their bands widen if
the data do not determine the law. On the logarithmic scale the floor is a share of the loss, 0 to 0.99; on a plain
scale, as for a maximized metric, the floor may be anything.

A law is only trusted if it predicted the last length from the shorter ones, and could have failed to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.horizon.surface import CONFIDENCE, Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from playbook_cli.horizon.runs import Scale
    from playbook_cli.horizon.surface import Surface

    Array = NDArray[np.float64]

LEAST, MOST = 0.03, 3.0
"""Exponents."""
FLOORS = 1 - np.geomspace(1.0, 0.01, 40)
"""Floors, as shares of the loss at the study's own length."""
NO_FLOOR = 5.0
"""Prior weight of no floor, relative to each other share of the grid: a pure power law is a law too."""
NARROW = 0.5
"""A band wider than this share of the whole decrease would contain nearly any last level, so it is no test."""
FEWEST = 4
"""Number of lengths to test a law: three to fit it, one to predict."""
_EXACT = 1e-12
_DRAWS = np.array([-2.2, -1.4, -0.7, 0.0, 0.7, 1.4, 2.2])


@dataclass(frozen=True, kw_only=True)
class Law:
    """The loss at other lengths, as predicted from the levels."""

    exponent: Interval
    """The exponent b."""
    floor: Interval
    """The floor, on the loss's own scale."""
    backtest: Interval | None
    """The last level as the shorter lengths predict it, on the scale of the fit; None with fewer than four lengths."""
    held: bool
    """Whether the last level is in that band, and the band is narrow enough to be a test."""
    _mixture: Mixture

    def level(self, doublings: float) -> Interval:
        """The level at log2(steps / the study's own), with its band."""
        return self._mixture.level(doublings)


def law(surface: Surface, scale: Scale) -> Law | None:
    """The law through the levels of a point; None with fewer than three of them, or if the noise is unknown."""
    levels, covariance = surface.levels, surface.level_covariance
    if levels.size < FEWEST - 1 or not surface.noise.free:
        return None
    doublings, free = surface.doublings, surface.noise.free
    backtest, held = None, False
    if levels.size >= FEWEST:
        before = Mixture.of(doublings[:-1], levels[:-1], covariance[:-1, :-1], free, logarithmic=scale.logarithmic)
        backtest = before.level(float(doublings[-1]), noise=float(covariance[-1, -1]))
        fell = float(levels[0] - levels[-1])
        held = backtest.holds(float(levels[-1])) and backtest.high - backtest.low <= NARROW * fell
    mixture = Mixture.of(doublings, levels, covariance, free, logarithmic=scale.logarithmic)
    return Law(
        exponent=mixture.quantiles(mixture.exponents),
        floor=mixture.floor(),
        backtest=backtest,
        held=held,
        _mixture=mixture,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixture:
    """Laws on a grid, with their weights; arrays of shape (G,)."""

    exponents: Array
    floors: Array
    """Floor as a share of the loss at the study's own length; unused on a plain scale."""
    weights: Array
    """Posterior weights; they sum to 1."""
    centres: Array
    """The free coefficients of each, shape (G, k): the level at the study's own length; with a plain scale, floor and
    fall."""
    spreads: Array
    """Their covariances, shape (G, k, k)."""
    stretch: float
    """Ratio of Student's t to the normal quantile at the edge of the interval."""
    span: tuple[float, float]
    """First and last doubling of the levels."""
    logarithmic: bool

    @classmethod
    def of(cls, doublings: Array, levels: Array, covariance: Array, free: int, *, logarithmic: bool) -> Mixture:
        """Through levels at these doublings, both of shape (n,), whose noise has `free` degrees of freedom."""
        from scipy.special import ndtri, stdtrit

        span = (float(doublings[0]), float(doublings[-1]))
        inverse: Array = np.linalg.pinv(covariance, hermitian=True).astype(np.float64)
        grid, prior = _ridge(doublings, levels, inverse) if logarithmic else _exponents()
        design, known = _design(grid, doublings, span, logarithmic=logarithmic)
        y = levels - known
        information = np.einsum("gik,ij,gjl->gkl", design, inverse, design)
        spreads = np.linalg.pinv(information, hermitian=True)
        centres = np.einsum("gkl,gil,ij,gj->gk", spreads, design, inverse, y)
        left = y - np.einsum("gik,gk->gi", design, centres)
        squares = np.einsum("gi,ij,gj->g", left, inverse, left)
        size = levels.size - centres.shape[1]
        log = -0.5 * (free + size) * np.log1p(squares / free) + 0.5 * np.linalg.slogdet(spreads)[1]
        log += np.log(np.maximum(prior, 1e-300))
        if not logarithmic:
            log = np.where(centres[:, 1] > 0.0, log, -np.inf)  # no law gets worse with longer training
        log = np.where(np.isfinite(log), log, -np.inf)
        weights = np.exp(log - log.max()) if np.isfinite(log.max()) else np.ones(len(grid))
        upper = (1 + CONFIDENCE) / 2
        return cls(
            exponents=grid[:, 0],
            floors=grid[:, 1],
            weights=weights / weights.sum(),
            centres=centres,
            spreads=spreads,
            stretch=float(stdtrit(free, upper) / ndtri(upper)),
            span=span,
            logarithmic=logarithmic,
        )

    def level(self, doublings: float, noise: float = 0.0) -> Interval:
        middle, spread = self._at(doublings, noise)
        return self.quantiles(middle, self.stretch * spread)

    def below(self, doublings: float, level: float, noise: float = 0.0) -> float:
        """The chance that the level there is below this one."""
        from scipy.special import ndtr

        middle, spread = self._at(doublings, noise)
        return float(self.weights @ ndtr((level - middle) / np.maximum(self.stretch * spread, _EXACT)))

    def floor(self) -> Interval:
        if not self.logarithmic:
            return self.quantiles(self.centres[:, 0] + _rest(self.exponents, self.span) * self.centres[:, 1])
        return self.quantiles(self.floors * np.exp(self.centres[:, 0]))

    def _at(self, doublings: float, noise: float) -> tuple[Array, Array]:
        """The level there by each law, and its standard error."""
        grid = np.column_stack([self.exponents, self.floors])
        design, known = _design(grid, np.array([doublings]), self.span, logarithmic=self.logarithmic)
        middle = known[:, 0] + np.einsum("gk,gk->g", design[:, 0], self.centres)
        return middle, np.sqrt(np.einsum("gk,gkl,gl->g", design[:, 0], self.spreads, design[:, 0]) + noise)

    def quantiles(self, values: Array, spreads: Array | None = None) -> Interval:
        """The median of the mixture and its 95% interval."""
        weights = self.weights
        if spreads is not None:
            values = (values[:, None] + _DRAWS * spreads[:, None]).ravel()
            weights = (weights[:, None] * np.exp(-0.5 * _DRAWS**2) * np.gradient(_DRAWS)).ravel()
        order = np.argsort(values)
        below = np.cumsum(weights[order]) - weights[order] / 2
        low, middle, high = np.interp(
            [(1 - CONFIDENCE) / 2, 0.5, (1 + CONFIDENCE) / 2], below / weights.sum(), values[order]
        )
        return Interval(value=float(middle), low=float(low), high=float(high))


def _exponents() -> tuple[Array, Array]:
    """Exponents alone (the floor is free), and their prior weights."""
    b = np.geomspace(LEAST, MOST, 400)
    return np.column_stack([b, np.zeros_like(b)]), np.ones_like(b)


def _ridge(doublings: Array, levels: Array, inverse: Array) -> tuple[Array, Array]:
    """Exponents around the best one for each floor, as far as they fit about as well, and their prior weights.

    Known levels leave a narrow ridge: an even grid would step over it.
    """
    ones = inverse.sum(axis=0)
    project = inverse - np.outer(ones, ones) / ones.sum()

    def squares(b: Array) -> Array:
        """What each law leaves, for exponents of shape (F, n), floor by floor."""
        left = levels - np.log(FLOORS[:, None, None] + (1 - FLOORS)[:, None, None] * np.exp2(-b[..., None] * doublings))
        found: Array = np.einsum("fni,ij,fnj->fn", left, project, left)
        return found

    low, high = np.full(FLOORS.size, np.log(LEAST)), np.full(FLOORS.size, np.log(MOST))
    for _ in range(6):
        tried = np.linspace(low, high, 13, axis=-1)
        best = np.take_along_axis(tried, squares(np.exp(tried)).argmin(axis=1)[:, None], axis=1)[:, 0]
        width = (high - low) / 6
        low, high = np.maximum(best - width, np.log(LEAST)), np.minimum(best + width, np.log(MOST))
    step = 0.02
    around = squares(np.exp(best[:, None] + np.array([-step, 0.0, step])))
    bent = np.maximum(around[:, 0] - 2 * around[:, 1] + around[:, 2], 1e-6) / step**2  # of squares over log b
    reach = np.minimum(5 * np.sqrt(2 / bent), np.log(MOST / LEAST))
    logs = np.clip(best[:, None] + reach[:, None] * np.linspace(-1, 1, 61), np.log(LEAST), np.log(MOST))
    prior = np.abs(np.gradient(logs, axis=1)) * np.where(FLOORS == 0.0, NO_FLOOR, 1.0)[:, None]
    return np.column_stack([np.exp(logs).ravel(), np.repeat(FLOORS, logs.shape[1])]), prior.ravel()


def _design(grid: Array, doublings: Array, span: tuple[float, float], *, logarithmic: bool) -> tuple[Array, Array]:
    """The free part of each law at these doublings, shape (G, n, k), and the part that its grid point decides."""
    b, floor = grid[:, :1], grid[:, 1:]
    fallen = np.exp2(-b * doublings)
    if logarithmic:
        return np.ones((len(grid), doublings.size, 1)), np.log(floor + (1 - floor) * fallen)
    first, last = np.exp2(-b * span[0]), np.exp2(-b * span[1])
    part = (first - fallen) / (first - last)  # 0 at the first length, 1 at the last
    return np.stack([np.ones_like(part), -part], axis=-1), np.zeros_like(part)


def _rest(b: Array, span: tuple[float, float]) -> Array:
    """Minus the part of the fall that is left from the first length on for ever."""
    first, last = np.exp2(-b * span[0]), np.exp2(-b * span[1])
    rest: Array = -first / (first - last)
    return rest
