"""A difference between two sides, and the one test of it: a difference is there where its interval leaves out 0."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVEL = 0.95
"""Of the interval of a difference, two-sided. Whatever says that one side is better says it by this interval."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """How much better one side is than another; positive is better. By Student's t."""

    gain: float
    error: float
    """Standard error of the gain."""
    freedom: float
    """Degrees of freedom of `error`."""
    alpha: float = 1.0 - LEVEL
    """One minus the level at which t is taken; less where the results decided when to stop (`analysis.looking`)."""

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return quantile(self.freedom, self.alpha) * self.error

    @property
    def interval(self) -> tuple[float, float]:
        """Of the true gain, at `LEVEL`."""
        return self.gain - self.half, self.gain + self.half

    def exceeds(self, least: float = 0.0) -> bool:
        """Whether the true gain is shown to be more than `least`: the whole interval is."""
        return self.interval[0] > least

    def within(self, bound: float) -> bool:
        """Whether the true gain is shown to be less than `bound`, in either direction: the whole interval is."""
        low, high = self.interval
        return -bound < low and high < bound

    def p_value(self, least: float = 0.0) -> float:
        """Two-sided, against a true gain of `least`: below 1 - `LEVEL` where the interval leaves that out."""
        from scipy.special import stdtr

        beyond = abs(self.gain - least)
        if self.error == 0.0:
            return 1.0 if beyond == 0.0 else 0.0
        nominal = 2 * float(stdtr(self.freedom, -beyond / self.error))
        return min(nominal * (1.0 - LEVEL) / self.alpha, 1.0)


def error_of(parts: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Standard error of a sum, and its degrees of freedom, from each part's variance and degrees of freedom.

    F. E. Satterthwaite 1946, Biometrics Bulletin 2, 110-114; of two means that is Welch's test.
    """
    parts = list(parts)
    total = sum(variance for variance, _ in parts)
    weight = sum(variance**2 / max(free, 1) for variance, free in parts)
    return math.sqrt(total), total**2 / weight if weight else math.inf


def quantile(free: float, alpha: float = 1.0 - LEVEL) -> float:
    """Of Student's t, two-sided: how many standard errors an interval of level 1 - `alpha` reaches."""
    from scipy.special import ndtri, stdtrit

    share = 1.0 - alpha / 2
    return float(ndtri(share)) if math.isinf(free) else float(stdtrit(free, share))
