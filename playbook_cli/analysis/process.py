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
"""Variance of the mean."""
_JITTER = 1e-6
_LOOSE = 1e-5
"""Added to variances, the second as a part of the signal's, that rounding may not make negative."""
_ROUNDS = 60


@dataclass(frozen=True, kw_only=True)
class Process:
    """Fitted to scores at places: units of d ranges, shape (n, d), and codes of choices, shape (n, c)."""

    units: Array
    codes: Codes
    rates: Array
    """How fast ranges, and then choices, make places unlike each other, shape (d + c,)."""
    signal: float
    noise: float
    """Variance of a trial's score around the surface."""
    root: Array
    """Inverse of the Cholesky factor of the scores' covariance, shape (n, n)."""
    weights: Array

    def mean(self, units: Array, codes: Codes) -> Array:
        """Of the surface at m places, shape (m,)."""
        return np.asarray(self._covariance(units, codes, self.units, self.codes) @ self.weights)

    def draws(self, units: Array, codes: Codes, normal: Array) -> Array:
        """The surface at m places by as many independent normal numbers a draw, both of shape (m, draws)."""
        cross = self._covariance(units, codes, self.units, self.codes)
        explained = cross @ self.root.T
        left = self._covariance(units, codes, units, codes) - explained @ explained.T
        left[np.diag_indices_from(left)] += _LOOSE * self.signal
        return np.asarray((cross @ self.weights)[:, None] + np.linalg.cholesky(left) @ normal)

    def _covariance(self, a: Array, of_a: Codes, b: Array, of_b: Codes) -> Array:
        return _kernel(_squares(a, of_a, b, of_b), self.rates, self.signal) + _CONSTANT


def fit(units: Array, codes: Codes, scores: Array) -> Process:
    """The process of the largest posterior: squared exponential, a length for each range, lognormal priors.

    C. E. Rasmussen and C. K. I. Williams 2006, Gaussian Processes for Machine Learning, chapters 2, 4.2 and 5.4.
    """
    from scipy.linalg import solve_triangular
    from scipy.optimize import minimize

    ranges, choices, eye = units.shape[1], codes.shape[1], np.eye(scores.size)
    squares = _squares(units, codes, units, codes)
    length = -2 * math.log(_LENGTH * math.sqrt(ranges))
    centre = np.array([length] * ranges + [math.log(_APART)] * choices + [math.log(_SIGNAL), math.log(_NOISE)])
    spread = np.array([_LENGTHS] * ranges + [_SPREADS[0]] * choices + list(_SPREADS[1:]))

    def factor(kernel: Array, noise: float) -> tuple[Array, Array]:
        lower = np.asarray(np.linalg.cholesky(kernel + _CONSTANT + (noise + _JITTER) * eye), dtype=np.float64)
        return lower, solve_triangular(lower, eye, lower=True, check_finite=False)

    def cost(theta: Array) -> tuple[float, Array]:
        *_, signal, noise = values = np.exp(theta)
        kernel = _kernel(squares, values[:-2], signal)
        lower, root = factor(kernel, noise)
        weights = root.T @ (root @ scores)
        away = (theta - centre) / spread
        slope = 0.5 * (root.T @ root - np.outer(weights, weights))
        by_rate = -0.5 * np.tensordot(squares, slope * kernel, axes=([1, 2], [0, 1])) * values[:-2]
        gradient = np.concatenate([by_rate, [(slope * kernel).sum(), noise * np.trace(slope)]])
        value = 0.5 * scores @ weights + np.log(np.diag(lower)).sum() + 0.5 * away @ away
        return float(value), gradient + away / spread

    bounds = list(zip(centre - 4 * spread, centre + 4 * spread, strict=True))
    found = minimize(cost, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _ROUNDS})
    *_, signal, noise = values = np.exp(found.x)
    root = factor(_kernel(squares, values[:-2], signal), noise)[1]
    return Process(
        units=units,
        codes=codes,
        rates=values[:-2],
        signal=float(signal),
        noise=float(noise),
        root=root,
        weights=root.T @ (root @ scores),
    )


def _squares(a: Array, of_a: Codes, b: Array, of_b: Codes) -> Array:
    """Squared distances in each range, and whether each choice differs, shape (d + c, rows of a, rows of b)."""
    ranges = (a[:, None, :] - b[None, :, :]) ** 2
    choices = (of_a[:, None, :] != of_b[None, :, :]).astype(np.float64)
    return np.ascontiguousarray(np.moveaxis(np.concatenate([ranges, choices], axis=2), 2, 0))


def _kernel(squares: Array, rates: Array, signal: float) -> Array:
    return np.asarray(signal * np.exp(-0.5 * np.tensordot(rates, squares, axes=1)))
