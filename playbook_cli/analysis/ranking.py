"""Whether two lists of results rank the same points in the same order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST = 5
"""Points below which no order is far from chance: of 4 points, one order in 24 is the same by chance."""


@dataclass(frozen=True, kw_only=True)
class RankCorrelation:
    """Spearman's rank correlation with its interval."""

    value: float
    """From -1, the reverse order, to 1, the same order."""
    low: float
    high: float
    points: int


def rank_correlation(
    first: Sequence[float], second: Sequence[float], *, confidence: float = 0.95
) -> RankCorrelation | None:
    """How far two results of the same points agree on their order; ties share a rank, infinity is a result too.

    The interval is Fisher's, with the variance (1 + r^2 / 2) / (n - 3) of Bonett and Wright 2000. A perfect order is
    taken half a step back first (a step is what one exchange of neighbours costs), since Fisher's z has no end there.
    None with fewer than `LEAST` points, or where all of one list are equal.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    n = len(first)
    if n < LEAST:
        return None
    ranks = [rankdata(values) for values in (first, second)]
    if any(np.ptp(column) == 0.0 for column in ranks):
        return None
    value = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    furthest = 1.0 - 6.0 / (n * (n * n - 1))
    inside = min(max(value, -furthest), furthest)
    reach = float(ndtri(0.5 + confidence / 2)) * math.sqrt((1.0 + inside * inside / 2) / (n - 3))
    return RankCorrelation(
        value=min(max(value, -1.0), 1.0),
        low=math.tanh(math.atanh(inside) - reach),
        high=math.tanh(math.atanh(inside) + reach),
        points=n,
    )
