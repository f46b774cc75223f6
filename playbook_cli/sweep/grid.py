"""Learning rates evenly spaced on a log scale, inside the requested grid and beyond its edges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Side = Literal["lower", "upper"]

EXTENSION_DECADES = 3
"""How far the grid may grow beyond each edge, in powers of ten."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """`points` learning rates from `low` (index 0) to `high` (index points - 1)."""

    low: float
    high: float
    points: int

    @property
    def decades(self) -> float:
        """Distance between neighbouring learning rates, in powers of ten."""
        return math.log10(self.high / self.low) / (self.points - 1)

    def rate(self, index: int) -> float:
        """The learning rate at an index, which may be outside the grid.

        It has six significant digits, so that grids shifted by whole steps share exactly the same learning rates.
        """
        return float(f"{10 ** (math.log10(self.low) + index * self.decades):.6g}")

    def middle_outward(self) -> list[float]:
        """All learning rates, from the middle of the grid to its ends: the fastest is probably not at an end."""
        middle = (self.points - 1) / 2
        order = sorted(range(self.points), key=lambda index: (abs(index - middle), -index))
        return [self.rate(index) for index in order]

    def beyond(self, known: Sequence[float], side: Side) -> list[float]:
        """The next learning rates past all `known` ones: a decade of them, at least one, [] at the limit."""
        count = max(1, round(1 / self.decades))
        reach = round(EXTENSION_DECADES / self.decades)
        if side == "upper":
            rates = (self.rate(index) for index in range(self.points, self.points + reach))
            further = [rate for rate in rates if rate > max(known)]
        else:
            rates = (self.rate(index) for index in range(-1, -1 - reach, -1))
            further = [rate for rate in rates if rate < min(known)]
        return further[:count]


def coarse(grid: Grid) -> Grid:
    """The same range with one point per decade, or with the grid's own spacing if that is wider."""
    points = max(2, round(math.log10(grid.high / grid.low)) + 1)
    return Grid(low=grid.low, high=grid.high, points=min(points, grid.points))
