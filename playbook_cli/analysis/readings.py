"""How results are read before a Gaussian process describes them: the scale on which they rise evenly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

_DECADE = 10.0
"""Positive losses that span this factor may be read in their logarithm."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """Losses as scores of mean 0 and deviation 1."""

    scores: Array
    change: float
    """Logarithm of how much denser scores lie than losses: by it readings can be compared."""
    logarithm: bool
    mean: float
    deviation: float

    def losses(self, scores: Array) -> Array:
        """Of scores among the better half."""
        values = self.mean + self.deviation * scores
        return np.exp(values) if self.logarithm else values


def ways(losses: Array) -> list[tuple[bool, bool]]:
    """Whether losses may be read in their logarithm, and eased."""
    low = float(losses.min())
    wide = low > 0.0 and float(losses.max()) > _DECADE * low
    return [(logarithm, eased) for logarithm in ((False, True) if wide else (False,)) for eased in (False, True)]


def read(losses: Array, arms: Codes, way: tuple[bool, bool]) -> Reading:
    """Losses of these arms, both of shape (n,), read in one of the ways."""
    logarithm, eased = way
    values = np.log(losses) if logarithm else losses
    change = -float(values.sum()) if logarithm else 0.0
    if eased:
        values, slopes = _eased(values, arms)
        change += slopes
    mean, deviation = float(values.mean()), max(float(values.std()), 1e-300)
    return Reading(
        scores=(values - mean) / deviation,
        change=change - losses.size * math.log(deviation),
        logarithm=logarithm,
        mean=mean,
        deviation=deviation,
    )


def _eased(values: Array, arms: Codes) -> tuple[Array, float]:
    """The worse half of each arm drawn together by a logarithm, and the sum of the logarithms of its slopes."""
    eased, slopes = values.copy(), 0.0
    for arm in range(int(arms.max()) + 1):
        own = arms == arm
        edge = float(np.median(values[own]))
        scale = edge - float(values[own].min())
        if scale > 0.0:
            over = np.log1p(np.maximum(values[own] - edge, 0.0) / scale)
            eased[own] = np.minimum(values[own], edge) + scale * over
            slopes -= float(over.sum())
    return eased, slopes
