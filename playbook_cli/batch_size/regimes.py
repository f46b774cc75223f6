"""How the number of steps to a target decreases with the batch size: the curve, and its three regimes.

The curve is S(B) = S_min (1 + B_crit / B) (McCandlish et al. 2018, arXiv 1812.06162, whose trade-off between steps and
examples says the same). Below B_crit a doubling nearly halves the steps, above it gains ever less: the perfect scaling,
diminishing returns and maximal parallelism of Shallue et al. 2018 (arXiv 1811.03600), who draw the borders by eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PERFECT, MAXIMAL = 0.8, 0.2
"""Borders of the exponent by which steps decrease: 1 halves them per doubling, 0 is no gain. Playbook's default."""
DRAWS = 400
REACH = 64
"""B_crit is searched up to this factor beyond the sizes that were tried."""
FEWEST = 3
"""Sizes needed to fit two numbers, with one to spare."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Steps against batch size, as fitted."""

    critical: float
    """B_crit, in examples: the size that takes twice the fewest possible steps."""
    interval: tuple[float, float]
    """Interval of B_crit that contains 90% of the draws."""
    fewest: float
    """S_min, in steps."""
    misfit: float
    """Root mean square error in log2 steps: 0.1 is 7%."""
    open_below: bool
    """Whether, given these data, B_crit may be anywhere below the sizes that were tried."""
    open_above: bool

    def steps(self, batch_size: float) -> float:
        return self.fewest * (1.0 + self.critical / batch_size)

    def regime(self, batch_size: float) -> str:
        """The regime of a size; two of them if the interval of B_crit allows both."""
        names = [_regime(critical / (critical + batch_size)) for critical in (*self.interval, self.critical)]
        return " or ".join(name for name in REGIMES if name in names)


REGIMES = ("perfect scaling", "diminishing returns", "maximal parallelism")


def fit(sizes: Sequence[int], draws: NDArray[np.float64]) -> Curve | None:
    """The curve of these sizes. `draws`, shape (n, sizes), are steps: the measured ones first, then resampled ones.

    Infinity is a size that never reached the target; the fit leaves it out. None if fewer than three sizes reached it.
    """
    batch = np.asarray(sizes, dtype=np.float64)
    grid = np.geomspace(batch.min() / REACH, batch.max() * REACH, 481)
    if np.isfinite(draws[0]).sum() < FEWEST:
        return None
    fits = [_fit(batch, row, grid) for row in draws if np.isfinite(row).sum() >= FEWEST]
    critical, fewest, misfit = fits[0]
    among = np.array([one[0] for one in fits])
    low, high = np.quantile(among, [0.05, 0.95])
    return Curve(
        critical=critical,
        interval=(float(min(low, critical)), float(max(high, critical))),
        fewest=fewest,
        misfit=misfit,
        open_below=bool(low <= 1.01 * grid[0]),
        open_above=bool(high >= 0.99 * grid[-1]),
    )


def _fit(
    batch: NDArray[np.float64], steps: NDArray[np.float64], grid: NDArray[np.float64]
) -> tuple[float, float, float]:
    """B_crit, S_min and the misfit of least squares in log steps."""
    there = np.isfinite(steps)
    shape = np.log2(1.0 + grid[:, None] / batch[there])
    level = (np.log2(steps[there]) - shape).mean(axis=1)
    misfits = np.sqrt(((np.log2(steps[there]) - shape - level[:, None]) ** 2).mean(axis=1))
    best = int(misfits.argmin())
    return float(grid[best]), float(2.0 ** level[best]), float(misfits[best])


def _regime(exponent: float) -> str:
    return REGIMES[0] if exponent >= PERFECT else REGIMES[2] if exponent <= MAXIMAL else REGIMES[1]
