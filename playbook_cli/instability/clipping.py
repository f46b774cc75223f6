"""The norm at which to clip gradients, and whether that clips too often. Both figures are the playbook's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from playbook_cli.instability.rise import Numbers

QUANTILE = 0.9
"""Percentile of the unclipped norm that is the threshold, in percent."""
TOO_MANY = 0.5
"""If more than this share of the updates is clipped, the learning rate should be lowered instead."""
DIGITS = 3
"""Significant digits of the threshold."""


@dataclass(frozen=True, kw_only=True)
class Norms:
    """The unclipped gradient norm of one run."""

    median: float
    quantile: float
    """The 90th percentile."""
    largest: float


def norms(values: Numbers) -> Norms | None:
    """Statistics of the finite values of `norms`, shape (n,); None if there are none."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return None
    median, quantile, largest = np.quantile(finite, [0.5, QUANTILE, 1.0])
    return Norms(median=float(median), quantile=float(quantile), largest=float(largest))


def threshold(at_best: Norms) -> float:
    """The clipping threshold, from the norms at the best learning rate."""
    return float(f"{at_best.quantile:.{DIGITS}g}")


def clipped(values: Numbers, limit: float) -> float | None:
    """The share of updates whose unclipped norm is above `limit`; None if there are no norms."""
    known = values[~np.isnan(values)]
    return float((known > limit).mean()) if known.size else None
