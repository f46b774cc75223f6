"""At which norm gradients should be clipped, and whether that is too often. Both figures are the playbook's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from playbook_cli.instability.rise import Numbers

QUANTILE = 0.9
"""Of the unclipped norm: the threshold."""
TOO_MANY = 0.5
"""Where more than this share of the updates is clipped, the learning rate should be cut instead."""
DIGITS = 3
"""Of the threshold, significant ones."""


@dataclass(frozen=True, kw_only=True)
class Norms:
    """The unclipped gradient norm of one run."""

    median: float
    quantile: float
    """The 90th percentile."""
    largest: float


def norms(values: Numbers) -> Norms | None:
    """Of the finite values, shape (n,); None where there are none."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return None
    median, quantile, largest = np.quantile(finite, [0.5, QUANTILE, 1.0])
    return Norms(median=float(median), quantile=float(quantile), largest=float(largest))


def threshold(at_best: Norms) -> float:
    """Where to clip, from the norms at the best learning rate."""
    return float(f"{at_best.quantile:.{DIGITS}g}")


def clipped(values: Numbers, limit: float) -> float | None:
    """The share of updates whose unclipped norm is above `limit`; None where none has a norm."""
    known = values[~np.isnan(values)]
    return float((known > limit).mean()) if known.size else None
