"""The runs of a ladder, as the numbers that are judged."""

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
    """One training of a point: how long, at which learning rate, on which seed, and what it came to."""

    steps: int
    """Its max_train_steps."""
    factor: float
    """Its learning rate as a multiple of the point's own, above 0."""
    seed: int
    """Which of the point's seeds, from 0 on. Runs of one factor and seed begin alike, however long they are."""
    loss: float | None
    """Its result, turned so that smaller is better; None where it was infeasible."""
    jitter: float = 0.0
    """Standard deviation of one evaluation late in training; 0 where it is not known."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """On which scale noise is about the same at all lengths: logarithms of what is above 0, else the values."""

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
    """The logarithm where every loss is above 0; not of a metric that is maximized, whose losses are below."""
    return Scale(logarithmic=all(run.loss is None or run.loss > 0.0 for run in runs))
