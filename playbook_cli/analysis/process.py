"""A Gaussian process over the search space: what results to expect where no trial was, and how surely."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

_LENGTH, _LENGTHS = 0.7, 1.4
"""Median length scale of one of d ranges, as a part of it over the root of d; the spread of twice its logarithm."""
_APART, _SIGNAL, _NOISE = 0.3, 1.5, 0.1
"""Distance of two choices, variance of the surface and of the noise; medians of their priors."""
_SPREADS = (1.2, 1.0, 1.2)
"""Standard deviations of their logarithms."""
_CONSTANT = 1.0
"""Variance of the mean; of several arms each has a mean of its own, too, of the same variance."""
_TREND, _TRENDS = 0.5, 1.0
"""Median variance of a range's slope from end to end, and the spread of its logarithm."""
_HEIGHT = 1.2
"""Spread of the logarithm of how high one arm's surface is, against the others'."""
_JITTER = 1e-6
_LOOSE = 1e-5
"""Added to variances, the second as a part of the signal's, that rounding may not make negative."""
_ROUNDS = 60
_MIDDLE = 0.5
"""Where straight trends of all slopes meet."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """Fitted to scores at places: units of d ranges, shape (n, d), codes of choices, shape (n, c), and arms (n,)."""

    units: Array
    codes: Codes
    arms: Codes
    heights: Array
    """Of each arm's surface, shape (arms,)."""
    trends: Array
    """Variances of the slopes of a straight trend in each range, shape (d,), or none of them."""
    rates: Array
    """How fast ranges, and then choices, make places unlike each other, shape (d + c,)."""
    signal: float
    noise: float
    """Variance of a trial's score around the surface; of one whose noise counts once."""
    surprise: float
    """Negative logarithm of the posterior density at the fit, but for a constant: of two fits to the same results the
    smaller one describes them better."""
    root: Array
    """Inverse of the Cholesky factor of the scores' covariance, shape (n, n)."""
    weights: Array

    def mean(self, units: Array, codes: Codes, arms: Codes | None = None) -> Array:
        """Of the surface at m places, shape (m,)."""
        return np.asarray(self._cross(units, codes, _first(units) if arms is None else arms) @ self.weights)

    def draws(self, units: Array, codes: Codes, normal: Array, arms: Codes | None = None) -> Array:
        """The surface at m places by as many independent normal numbers a draw, both of shape (m, draws)."""
        arms = _first(units) if arms is None else arms
        cross = self._cross(units, codes, arms)
        explained = cross @ self.root.T
        left = self._covariance(_squares(units, codes, units, codes), arms, arms)
        left += _lines(units, units, self.trends) - explained @ explained.T
        left[np.diag_indices_from(left)] += _LOOSE * self.signal * float(self.heights.max()) ** 2
        return np.asarray((cross @ self.weights)[:, None] + np.linalg.cholesky(left) @ normal)

    def _cross(self, units: Array, codes: Codes, arms: Codes) -> Array:
        found = self._covariance(_squares(units, codes, self.units, self.codes), arms, self.arms)
        return found + _lines(units, self.units, self.trends)

    def _covariance(self, squares: Array, of_a: Codes, of_b: Codes) -> Array:
        own = _CONSTANT * (of_a[:, None] == of_b) if self.heights.size > 1 else 0.0
        heights = self.heights[of_a][:, None] * self.heights[of_b]
        return np.asarray(_kernel(squares, self.rates, self.signal) * heights + _CONSTANT + own)


def fit(
    units: Array,
    codes: Codes,
    scores: Array,
    arms: Codes | None = None,
    *,
    trend: bool = False,
    times: Array | None = None,
) -> Process:
    """The process of the largest posterior: squared exponential, a length for each range, lognormal priors.

    With `arms` each has a mean and a height of its own, and `codes` is to say how alike their shapes are. With `trend`
    a straight line in each range is added, which goes on beyond its ends. `times` is how many times the noise of each
    trial counts, shape (n,).

    C. E. Rasmussen and C. K. I. Williams 2006, Gaussian Processes for Machine Learning, chapters 2, 4.2 and 5.4.
    """
    from scipy.linalg.lapack import dpotrf, dtrtri
    from scipy.optimize import minimize

    arms = _first(units) if arms is None else arms
    ranges, choices = units.shape[1], codes.shape[1]
    times = np.ones(scores.size) if times is None else times
    several = int(arms.max()) + 1 if arms.max() else 0
    lines = ranges if trend else 0
    first = several + lines
    squares = _squares(units, codes, units, codes)
    flat = squares.reshape(len(squares), scores.size**2)
    member = (arms[:, None] == np.arange(several)).astype(np.float64)
    length = -2 * math.log(_LENGTH * math.sqrt(max(ranges, 1)))
    own = [0.0] * several + [math.log(_TREND)] * lines
    centre = np.array([*own, *[length] * ranges, *[math.log(_APART)] * choices, math.log(_SIGNAL), math.log(_NOISE)])
    own = [_HEIGHT] * several + [_TRENDS] * lines
    spread = np.array([*own, *[_LENGTHS] * ranges, *[_SPREADS[0]] * choices, *_SPREADS[1:]])
    middled = units[:, :lines] - _MIDDLE
    means = _CONSTANT + (_CONSTANT * (arms[:, None] == arms) if several else 0.0)

    def factor(kernel: Array, values: Array) -> tuple[Array, Array]:
        """The Cholesky factor of the scores' covariance, and its inverse."""
        covariance = kernel + means + _lines(units, units, values[several:first])
        covariance[np.diag_indices_from(covariance)] += values[-1] * times + _JITTER
        lower, failed = dpotrf(covariance, lower=True)
        if failed:
            raise np.linalg.LinAlgError("the covariance of the scores is not positive definite")
        return lower, dtrtri(lower, lower=True)[0]

    def surface(values: Array) -> Array:
        kernel = _kernel(squares, values[first:-2], values[-2])
        if several:
            height = values[arms]
            kernel *= height[:, None] * height
        return kernel

    def cost(theta: Array) -> tuple[float, Array]:
        values = np.exp(theta)
        kernel = surface(values)
        lower, root = factor(kernel, values)
        weights = root.T @ (root @ scores)
        away = (theta - centre) / spread
        slope = 0.5 * (root.T @ root - weights[:, None] * weights)
        bent = slope * kernel
        by_rate = -0.5 * (flat @ bent.ravel()) * values[first:-2]
        by_height = 2 * bent.sum(axis=1) @ member
        by_trend = ((slope @ middled) * middled).sum(axis=0) * values[several:first]
        by_noise = values[-1] * float(np.diag(slope) @ times)
        gradient = np.concatenate([by_height, by_trend, by_rate, [bent.sum(), by_noise]])
        value = 0.5 * scores @ weights + np.log(np.diag(lower)).sum() + 0.5 * away @ away
        return float(value), gradient + away / spread

    bounds = list(zip(centre - 4 * spread, centre + 4 * spread, strict=True))
    found = minimize(cost, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _ROUNDS})
    values = np.exp(found.x)
    root = factor(surface(values), values)[1]
    return Process(
        units=units,
        codes=codes,
        arms=arms,
        heights=values[:several] if several else np.ones(1),
        trends=values[several:first],
        rates=values[first:-2],
        signal=float(values[-2]),
        noise=float(values[-1]),
        surprise=float(found.fun),
        root=root,
        weights=root.T @ (root @ scores),
    )


def _first(units: Array) -> Codes:
    """All of one arm."""
    return np.zeros(len(units), dtype=np.int64)


def _squares(a: Array, of_a: Codes, b: Array, of_b: Codes) -> Array:
    """Squared distances in each range, and whether each choice differs, shape (d + c, rows of a, rows of b)."""
    ranges = a.shape[1]
    found = np.empty((ranges + of_a.shape[1], len(a), len(b)))
    np.subtract(a.T[:, :, None], b.T[:, None, :], out=found[:ranges])
    np.square(found[:ranges], out=found[:ranges])
    np.not_equal(of_a.T[:, :, None], of_b.T[:, None, :], out=found[ranges:])
    return found


def _lines(a: Array, b: Array, trends: Array) -> Array | float:
    """Covariance of straight trends in each range, shape (rows of a, rows of b); 0 without any."""
    return np.asarray(((a - _MIDDLE) * trends) @ (b - _MIDDLE).T) if trends.size else 0.0


def _kernel(squares: Array, rates: Array, signal: float) -> Array:
    shape = squares.shape
    away = (-0.5 * rates) @ squares.reshape(shape[0], shape[1] * shape[2])
    return np.asarray(signal * np.exp(away, out=away)).reshape(shape[1:])
