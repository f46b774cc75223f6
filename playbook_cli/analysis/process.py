"""A Gaussian process over the search space: what results to expect where no trial was, and how surely."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]
    _Places = tuple[Array, Codes, Codes]

_LENGTH, _LENGTHS = 0.7, 1.4
"""Median length scale of one of d ranges, as a part of it over the root of d; the spread of twice its logarithm."""
_APART, _APARTS = 0.3, 1.2
"""Distance of two choices: the median of its prior, and the standard deviation of its logarithm, as below."""
_SIGNAL, _SIGNALS = (1.5, 0.3), (1.0, 1.5)
"""Variance of the surface; the second of each pair is that of what is left of it beside bowls."""
_NOISE, _NOISES = (0.1, 0.05), (1.2, 1.8)
"""Variance of a trial's score around the surface; the second of each pair is beside bowls."""
_CONSTANT = 1.0
"""Variance of the mean; of several arms each has a mean of its own, too, of the same variance."""
_TREND, _TRENDS = (0.5, 1.0), (1.0, 1.5)
"""Variance of a range's slope from end to end; the second of each pair is beside bowls."""
_BOWL, _BOWLS = 10.0, 2.0
"""Variance of the factor of a range's square."""
_HEIGHT = 1.2
"""Spread of the logarithm of how high one arm's surface is, against the others'."""
_JITTER = 1e-6
_LOOSE = 1e-5
"""Added to variances, the second as a part of the signal's, that rounding may not make negative."""
_TRIES = 6
"""How often ten times as much is added where that was too little."""
_ROUNDS = 60
_MIDDLE, _FLAT = 0.5, 1 / 12
"""Where straight trends of all slopes meet; mean square of the distance from there."""
_BENT = 0.05
"""Step in the logarithm of a parameter by which the bend of the posterior is measured."""
_LEAST, _FAR = 0.5, 3.0
"""Least bend that counts, as a part of the prior's; spreads of the prior from the top at which draws end."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """Fitted to scores at places: units of d ranges, shape (n, d), codes of choices, shape (n, c), and arms (n,)."""

    units: Array
    codes: Codes
    arms: Codes
    heights: Array
    """Of each arm's surface, shape (arms,)."""
    slopes: Array
    """Variances of the factors of the straight trends, shape (d,), or of lines and squares, shape (2 d,), or none."""
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
    fitting: _Fitting = field(repr=False)

    def mean(self, units: Array, codes: Codes, arms: Codes | None = None) -> Array:
        """Of the surface at m places, shape (m,)."""
        places = (units, codes, _first(units) if arms is None else arms)
        return np.asarray(self._covariance(places, self._fitted) @ self.weights)

    def draws(self, units: Array, codes: Codes, normal: Array, arms: Codes | None = None) -> Array:
        """The surface at m places by as many independent normal numbers a draw, both of shape (m, draws)."""
        places = (units, codes, _first(units) if arms is None else arms)
        cross = self._covariance(places, self._fitted)
        explained = cross @ self.root.T
        left = self._covariance(places, places)
        loose = _LOOSE * self.signal * float(self.heights.max()) ** 2
        left -= explained @ explained.T
        return np.asarray((cross @ self.weights)[:, None] + _cholesky(left, loose) @ normal)

    def likely(self, count: int, rng: np.random.Generator) -> Iterator[Process]:
        """So many others that describe the scores about as well, of other lengths, slopes, heights and noise.

        They are drawn from the normal distribution that bends as the posterior does at its top (Laplace).
        """
        for theta in self.fitting.drawn(count, rng):
            yield self.fitting.process(theta)

    @property
    def _fitted(self) -> _Places:
        return self.units, self.codes, self.arms

    def _covariance(self, a: _Places, b: _Places) -> Array:
        (units_a, codes_a, arms_a), (units_b, codes_b, arms_b) = a, b
        ranges, bowls = units_a.shape[1], self.fitting.bowls
        squares = _squares(units_a, codes_a, units_b, codes_b)
        found = _kernel(squares, self.rates, self.signal)
        lines = _lines(units_a, units_b, self.slopes)
        if bowls:
            found += lines * _kernel(squares[ranges:], self.rates[ranges:], 1.0)
        found *= self.heights[arms_a][:, None] * self.heights[arms_b]
        own = _CONSTANT * (arms_a[:, None] == arms_b) if self.heights.size > 1 else 0.0
        return np.asarray(found + _CONSTANT + own + (0.0 if bowls else lines))


def fit(
    units: Array,
    codes: Codes,
    scores: Array,
    arms: Codes | None = None,
    *,
    trend: bool = False,
    bowls: bool = False,
    times: Array | None = None,
) -> Process:
    """The process of the largest posterior: squared exponential, a length for each range, lognormal priors.

    With `arms` each has a mean and a height of its own, and `codes` is to say how alike their shapes are. With `trend`
    a straight line in each range is added, which goes on beyond its ends; with `bowls` a line and a square in each
    range, other ones for other choices. `times` is how many times the noise of each trial counts, shape (n,).

    C. E. Rasmussen and C. K. I. Williams 2006, Gaussian Processes for Machine Learning, chapters 2, 4.2 and 5.4.
    """
    from scipy.optimize import minimize

    arms = _first(units) if arms is None else arms
    times = np.ones(scores.size) if times is None else times
    fitting = _Fitting(units=units, codes=codes, scores=scores, arms=arms, times=times, trend=trend, bowls=bowls)
    centre, spread = fitting.prior
    bounds = list(zip(centre - 4 * spread, centre + 4 * spread, strict=True))
    options = {"maxiter": _ROUNDS}
    found = minimize(fitting.cost, centre, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    fitting.top = found.x
    return fitting.process(found.x, float(found.fun))


@dataclass(kw_only=True, eq=False)
class _Fitting:
    """The posterior of the logarithms of heights, slopes, rates, signal and noise, in this order."""

    units: Array
    codes: Codes
    scores: Array
    arms: Codes
    times: Array
    trend: bool
    bowls: bool
    top: Array = field(default_factory=lambda: np.zeros(0))
    """Where it is largest."""

    def __post_init__(self) -> None:
        ranges, size = self.units.shape[1], self.scores.size
        self.several = int(self.arms.max()) + 1 if self.arms.max() else 0
        self.first = self.several + ranges * (2 if self.bowls else 1 if self.trend else 0)
        self.squares = _squares(self.units, self.codes, self.units, self.codes)
        self.flat = self.squares.reshape(len(self.squares), size**2)
        self.member = (self.arms[:, None] == np.arange(self.several)).astype(np.float64)
        self.basis = _basis(self.units, self.first - self.several)
        same = self.arms[:, None] == self.arms
        self.means = _CONSTANT + (_CONSTANT * same if self.several else 0.0)

    @cached_property
    def prior(self) -> tuple[Array, Array]:
        """Medians and spreads."""
        ranges, choices, bowls = self.units.shape[1], self.codes.shape[1], int(self.bowls)
        lines = ranges if self.trend or self.bowls else 0
        length = -2 * math.log(_LENGTH * math.sqrt(max(ranges, 1)))
        centre = [0.0] * self.several + [math.log(_TREND[bowls])] * lines + [math.log(_BOWL)] * ranges * bowls
        centre += [length] * ranges + [math.log(_APART)] * choices + [math.log(_SIGNAL[bowls]), math.log(_NOISE[bowls])]
        spread = [_HEIGHT] * self.several + [_TRENDS[bowls]] * lines + [_BOWLS] * ranges * bowls
        spread += [_LENGTHS] * ranges + [_APARTS] * choices + [_SIGNALS[bowls], _NOISES[bowls]]
        return np.array(centre), np.array(spread)

    def cost(self, theta: Array) -> tuple[float, Array]:
        """Its negative logarithm, but for a constant, and the gradient of that."""
        values, (centre, spread) = np.exp(theta), self.prior
        several, first, ranges = self.several, self.first, self.units.shape[1]
        kernel, shapes, apart = self._surface(values)
        lower, root = self._factor(kernel, values)
        weights = root.T @ (root @ self.scores)
        away = (theta - centre) / spread
        slope = 0.5 * (root.T @ root - weights[:, None] * weights)
        bent = slope * kernel
        gradient = [2 * bent.sum(axis=1) @ self.member]
        if self.bowls:
            of_lines = slope * apart
            of_shapes = slope * shapes
            gradient.append(((of_lines @ self.basis) * self.basis).sum(axis=0) * values[several:first])
            gradient.append(-0.5 * (self.flat[:ranges] @ of_shapes.ravel()) * values[first : first + ranges])
            gradient.append(-0.5 * (self.flat[ranges:] @ bent.ravel()) * values[first + ranges : -2])
            signal = of_shapes.sum()
        else:
            gradient.append(((slope @ self.basis) * self.basis).sum(axis=0) * values[several:first])
            gradient.append(-0.5 * (self.flat @ bent.ravel()) * values[first:-2])
            signal = bent.sum()
        gradient.append(np.array([signal, values[-1] * float(np.diag(slope) @ self.times)]))
        value = 0.5 * self.scores @ weights + np.log(np.diag(lower)).sum() + 0.5 * away @ away
        return float(value), np.concatenate(gradient) + away / spread

    def process(self, theta: Array, surprise: float = math.nan) -> Process:
        values = np.exp(theta)
        root = self._factor(self._surface(values)[0], values)[1]
        return Process(
            units=self.units,
            codes=self.codes,
            arms=self.arms,
            heights=values[: self.several] if self.several else np.ones(1),
            slopes=values[self.several : self.first],
            rates=values[self.first : -2],
            signal=float(values[-2]),
            noise=float(values[-1]),
            surprise=surprise,
            root=root,
            weights=root.T @ (root @ self.scores),
            fitting=self,
        )

    def drawn(self, count: int, rng: np.random.Generator) -> Array:
        """So many draws from the normal distribution that bends as the posterior at its top."""
        spread = self.prior[1]
        steps = _BENT * np.eye(spread.size)
        bends = np.array([self.cost(self.top + step)[1] - self.cost(self.top - step)[1] for step in steps])
        bends = (bends + bends.T) / (4 * _BENT)
        values, vectors = np.linalg.eigh(bends * spread[:, None] * spread)
        normal = rng.normal(size=(count, spread.size)) / np.sqrt(np.maximum(values, _LEAST))
        return np.asarray(self.top + np.clip(normal @ vectors.T, -_FAR, _FAR) * spread)

    def _surface(self, values: Array) -> tuple[Array, Array, Array]:
        """Covariance of the surface; with bowls also the part that is no line or square, and what multiplies those."""
        ranges, rates = self.units.shape[1], values[self.first : -2]
        kernel = _kernel(self.squares, rates, values[-2])
        apart = kernel
        if self.bowls:
            apart = _kernel(self.squares[ranges:], rates[ranges:], 1.0)
        if self.several:
            height = values[self.arms]
            both = height[:, None] * height
            kernel *= both
            apart = apart * both if self.bowls else kernel
        if not self.bowls:
            return kernel, kernel, kernel
        lines = (self.basis * values[self.several : self.first]) @ self.basis.T
        return kernel + apart * lines, kernel, apart

    def _factor(self, kernel: Array, values: Array) -> tuple[Array, Array]:
        """The Cholesky factor of the scores' covariance, and its inverse."""
        from scipy.linalg.lapack import dpotrf, dtrtri

        covariance = kernel + self.means
        if self.trend:
            covariance += (self.basis * values[self.several : self.first]) @ self.basis.T
        covariance[np.diag_indices_from(covariance)] += values[-1] * self.times + _JITTER
        lower, failed = dpotrf(covariance, lower=True)
        if failed:
            raise np.linalg.LinAlgError("the covariance of the scores is not positive definite")
        return lower, dtrtri(lower, lower=True)[0]


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


def _basis(units: Array, count: int) -> Array:
    """Lines in each range, squares too where there are twice as many; shape (n, count)."""
    lines = units - _MIDDLE
    return np.hstack([lines, lines**2 - _FLAT])[:, :count]


def _lines(a: Array, b: Array, slopes: Array) -> Array | float:
    """Covariance of lines, or of lines and squares, shape (rows of a, rows of b); 0 without any."""
    return np.asarray((_basis(a, slopes.size) * slopes) @ _basis(b, slopes.size).T) if slopes.size else 0.0


def _cholesky(covariance: Array, loose: float) -> Array:
    """The factor of a covariance that rounding may have made a little less than positive."""
    for _ in range(_TRIES):
        covariance[np.diag_indices_from(covariance)] += loose
        try:
            return np.asarray(np.linalg.cholesky(covariance))
        except np.linalg.LinAlgError:
            loose *= 10
    raise np.linalg.LinAlgError("the covariance of the surface is not positive definite")


def _kernel(squares: Array, rates: Array, signal: float) -> Array:
    shape = squares.shape
    away = (-0.5 * rates) @ squares.reshape(shape[0], shape[1] * shape[2])
    return np.asarray(signal * np.exp(away, out=away)).reshape(shape[1:])
