"""The runs of a ladder, as the numbers to judge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training of a point: its length, learning rate, seed and result."""

    steps: int
    """Its max_train_steps."""
    factor: float
    """Its learning rate as a multiple of the point's own, above 0."""
    seed: int
    """Index of the point's seed, from 0. Runs of one factor and seed begin identically, whatever their length."""
    loss: float | None
    """Its result, with the sign that makes smaller better; None if it is infeasible."""
    jitter: float = 0.0
    """Standard deviation of one evaluation late in training; 0 if unknown."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The scale on which noise is about the same at all lengths: the logarithm for positive losses, else the loss."""

    logarithmic: bool

    def __call__(self, losses: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log(losses) if self.logarithmic else losses

    def loss(self, level: float) -> float:
        """The loss at a level of this scale."""
        return math.exp(level) if self.logarithmic else level

    def spread(self, level: float, deviation: float) -> float:
        """A deviation of the loss around `level`, on this scale."""
        return deviation / math.exp(level) if self.logarithmic else deviation


def scale_of(runs: Sequence[Run]) -> Scale:
    """The logarithm if every loss is above 0; never for a maximized metric, whose losses are negative."""
    return Scale(logarithmic=all(run.loss is None or run.loss > 0.0 for run in runs))
