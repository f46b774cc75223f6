"""Seconds of a training step, from the times at which evaluations were recorded.

A client's probe is evaluated every `every` steps, and at its end after each step. The first kind of interval holds
`every` steps and one evaluation, the second one step and one evaluation, so their difference is free of what an
evaluation costs, checkpoints and all. What comes before the first evaluation is left out: much is done there once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RESOLUTION_SECONDS = 0.001
"""Precision of an evaluation's time, in seconds; the follower of an unmodified program looks less often."""
FOLLOWED_SECONDS = 0.1
PRECISE = 40
"""An interval of at least this many times the resolution is long enough."""
LOOSEST = 0.5
"""A time with a relative error above this counts as unknown."""
Z90 = 1.645
_MAD_TO_SIGMA, _MEDIAN_TO_MEAN = 1.4826, 1.2533
"""For a normal distribution: standard deviation / median absolute deviation, and a median's error / a mean's."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The time of a training step, with its error."""

    seconds: float
    """Median seconds per step over the intervals."""
    error: float
    """Standard error of `seconds`, in seconds."""
    interval: float
    """Median seconds from one evaluation to the next."""
    intervals: int
    every: int
    """Number of steps in each interval."""
    evaluation: float | None
    """Seconds per evaluation, excluded from `seconds`; None if unknown, and then `seconds` includes them."""
    waited: float
    """Share of the time in which other processes had the cores; it is excluded from `seconds`."""
    precise: bool
    """Whether the intervals were long enough for the clock."""

    def without(self, evaluation: float) -> Timing:
        """The same without evaluations, given the seconds per evaluation that probes of other sizes measured."""
        if self.evaluation is not None or evaluation >= self.interval / 2:
            return self
        return replace(self, seconds=(self.interval - evaluation) / self.every, evaluation=evaluation)

    def of_updates(self, updates: float) -> Timing:
        """The same of one update, where a step is so many of them, as an epoch is."""
        return replace(self, seconds=self.seconds / updates, error=self.error / updates)

    @property
    def low(self) -> float:
        """Lower end of the 90% interval."""
        return max(self.seconds - Z90 * self.error, self.seconds / 10)

    @property
    def high(self) -> float:
        return self.seconds + Z90 * self.error


def timing(times: Sequence[tuple[int, float, float]], resolution: float = RESOLUTION_SECONDS) -> Timing | None:
    """The time of a step from (step, seconds, seconds of waiting for a core) of evaluations, in order.

    None if there are fewer than two intervals, or they are too short for the clock.
    """
    rows = np.array(times, dtype=np.float64).reshape(-1, 3)
    rows = rows[np.concatenate([[True], np.diff(rows[:, 0]) > 0])] if len(rows) else rows
    gaps = np.diff(rows, axis=0)
    if len(gaps) < 2:
        return None
    waiting = np.clip(gaps[:, 2], 0.0, gaps[:, 1])
    steps, spent = gaps[:, 0], gaps[:, 1] - waiting
    share = float(waiting.sum() / gaps[:, 1].sum()) if gaps[:, 1].sum() > 0 else 0.0
    every = _usual(steps)
    long, short = spent[steps == every], spent[steps == 1]
    interval = float(np.median(long))
    found = Timing(
        seconds=interval / every,
        error=_error(long, resolution) / every,
        interval=interval,
        intervals=len(long),
        every=every,
        evaluation=None,
        waited=share,
        precise=interval >= PRECISE * resolution,
    )
    if not found.precise:
        total = float(spent.sum())
        covered = float(steps.sum())
        found = replace(found, seconds=total / covered, error=1.5 * resolution / covered, intervals=len(spent))
    elif every > 1 and len(short) >= 2:
        evaluation = (float(np.median(short)) * every - interval) / (every - 1)  # of one step and it, less the step
        if evaluation > 0.0:
            found = replace(
                found,
                seconds=(interval - evaluation) / every,
                error=math.hypot(_error(long, resolution), _error(short, resolution)) / (every - 1),
                evaluation=evaluation,
            )
    return found if found.error < LOOSEST * found.seconds else None


def _usual(steps: NDArray[np.float64]) -> int:
    """The most frequent number of steps of an interval, not counting single steps if there are others."""
    several = steps[steps > 1]
    values, counts = np.unique(several if len(several) >= 2 else steps, return_counts=True)
    return int(values[counts.argmax()])


def _error(intervals: NDArray[np.float64], resolution: float) -> float:
    """Standard error of the median of these, in seconds."""
    deviation = _MAD_TO_SIGMA * float(np.median(np.abs(intervals - np.median(intervals))))
    return _MEDIAN_TO_MEAN * math.hypot(deviation, resolution) / math.sqrt(len(intervals))
