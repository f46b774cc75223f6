"""The warmup ladder: the shortest warmup with which a much higher learning rate trains stably.

From the playbook: a peak of ten times the rate that is unstable without it, and at most a tenth of max_train_steps. If
the longest warmup is not enough at ten times, lower peaks are tried with it; that is Playbook's default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.instability.rise import Course

PEAKS = (10.0, 5.0, 2.0, 1.0)
"""Peaks to try, as multiples of the unstable learning rate; the first one is the playbook's."""
LONGEST = 0.1
"""Longest warmup as a share of max_train_steps; from the playbook."""
LONG = 0.05
"""A warmup above this share of max_train_steps needs more steps (the playbook); here they are always added."""
RUNGS = 6
"""Number of warmup lengths, each half as long as the one before."""

Tried = dict[tuple[float, int], "Course"]
"""The outcomes of training, by the multiple of the unstable learning rate and the steps of the warmup."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The end of the ladder."""

    peak: float | None
    """Multiple of the unstable learning rate; None if no warmup makes any of them stable."""
    steps: int | None
    """The shortest warmup that makes it stable."""


def rungs(max_train_steps: int, present: int) -> list[int]:
    """Lengths of warmup to try in steps, longest first; all longer than the one that the study already has."""
    longest = int(LONGEST * max_train_steps)
    lengths = dict.fromkeys(longest >> number for number in range(RUNGS))
    return [length for length in lengths if length > max(present, 0)]


def climb(tried: Mapping[tuple[float, int], Course], lengths: list[int]) -> tuple[float, int] | Found:
    """What to train next, or the end of the ladder.

    The longest warmup comes first, from the highest peak down; then shorter ones, until one is unstable.
    """
    if not lengths:
        return Found(peak=None, steps=None)
    for peak in PEAKS:
        course = tried.get((peak, lengths[0]))
        if course is None:
            return peak, lengths[0]
        if course != "stable":
            continue
        shortest = lengths[0]
        for length in lengths[1:]:
            course = tried.get((peak, length))
            if course is None:
                return peak, length
            if course != "stable":
                break
            shortest = length
        return Found(peak=peak, steps=shortest)
    return Found(peak=None, steps=None)
