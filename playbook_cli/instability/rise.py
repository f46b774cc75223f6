"""Whether a training loss has a sustained rise that neither noise nor oscillation explains.

The formula is Playbook's; the playbook says only that an unstable loss goes up during periods of training.

    low(t)   the lowest loss up to evaluation t, each smoothed by the median of it and its neighbours; at the start
             the loss before training
    held(t)  the lowest of the evaluations t, t + 1 and t + 2
    unstable if held(t) - low(t) > max(RISE x drop, NOISES x noise) for any t, or if the loss is not finite

`drop` is the largest decrease of the loss in any of the probe's runs, `noise` the standard deviation of an evaluation
at the best learning rate: 1.4826 / sqrt(2) times the median change from one to the next. A rise over three evaluations
is neither a spike nor the oscillation of training at the edge of stability. Early instability can be over after that
many updates, so a longer period would miss it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

RISE = 0.2
"""Share of the whole drop by which the loss may rise again. Playbook's default, like the next two."""
NOISES = 5.0
FEWEST = 20
"""With fewer evaluations the result is inconclusive, unless the loss is not finite."""

Course = Literal["stable", "unstable", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The training loss of one run; `steps` and `values` have shape (n,), all finite."""

    steps: NDArray[np.int64]
    values: Numbers
    diverged: bool
    """Whether the loss became NaN or infinite after these evaluations."""


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """What a rise is compared with, in units of the loss."""

    start: float
    """The loss before training."""
    drop: float
    """The largest decrease in any run; 0 or less if no run lowered the loss."""
    noise: float

    @property
    def tolerance(self) -> float:
        return max(RISE * self.drop, NOISES * self.noise)


@dataclass(frozen=True, kw_only=True)
class Rise:
    """The course of one run's loss."""

    course: Course
    rise: float | None
    """Largest rise above the lowest loss so far; None if there is nothing to measure."""
    tolerance: float
    """Largest rise that does not count as instability."""
    first: int | None
    """First step at which the rise is above the tolerance or the loss is not finite; None if there is none."""
    above: int
    """Number of evaluations at which the rise is above the tolerance."""
    lowest: float | None
    """Lowest loss."""
    diverged: bool


def yardstick(reference: Losses, runs: Sequence[Losses]) -> Yardstick:
    """The yardstick from the run at the best learning rate and all runs of the probe, each with >= 1 evaluation.

    The loss before training is not reported; after one update at the best learning rate it is still near.
    """
    start = float(reference.values[0])
    lowest = min(float(smoothed(run.values).min()) for run in runs)
    changes = np.abs(np.diff(reference.values))
    noise = 1.4826 / math.sqrt(2) * float(np.median(changes)) if changes.size else 0.0
    return Yardstick(start=start, drop=start - lowest, noise=noise)


def judge(run: Losses, against: Yardstick, *, warmed_up: bool = False) -> Rise:
    """The course of this run's loss; `undecided` if there are too few evaluations, or no run lowered the loss.

    A run that is `warmed_up` begins at a rate so low that its own first evaluation is the loss before training; the
    same is taken where evaluations begin later than after the first step.
    """
    tolerance = against.tolerance
    if run.values.size == 0:
        course: Course = "unstable" if run.diverged else "undecided"
        return Rise(
            course=course,
            rise=None,
            tolerance=tolerance,
            first=1 if run.diverged else None,
            above=0,
            lowest=None,
            diverged=run.diverged,
        )
    smooth = smoothed(run.values)
    own = warmed_up or run.steps[0] > 1
    low = np.minimum.accumulate(smooth if own else np.minimum(smooth, against.start))
    rise = held(run.values) - low
    over = rise > tolerance
    judged = run.values.size >= FEWEST and against.drop > 0
    first = int(run.steps[int(over.argmax())]) if judged and over.any() else None
    if first is None and run.diverged:
        first = int(run.steps[-1]) + 1
    return Rise(
        course="unstable" if first is not None else "stable" if judged else "undecided",
        rise=max(float(rise.max()), 0.0),
        tolerance=tolerance,
        first=first,
        above=int(over.sum()),
        lowest=float(smooth.min()),
        diverged=run.diverged,
    )


def held(values: Numbers) -> Numbers:
    """The minimum of each evaluation and the two after it, minus infinity for the last two; shape (n,)."""
    padded = np.concatenate([values, [-np.inf, -np.inf]])
    return np.asarray(np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:]), dtype=np.float64)


def smoothed(values: Numbers) -> Numbers:
    """Each evaluation as the median of itself and its neighbours (one at the ends, else two); shape (n,)."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray(np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0), dtype=np.float64)
