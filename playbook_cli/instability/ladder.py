"""The warm-up ladder: the shortest warm-up with which a much higher learning rate trains stably.

The playbook's: a peak of ten times the rate that is unstable without it, and at most a tenth of max_train_steps. Where
the longest warm-up does not do at ten times, lower peaks are tried with it; that is Playbook's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.instability.rise import Course

PEAKS = (10.0, 5.0, 2.0, 1.0)
"""Multiples of the unstable learning rate, the playbook's first."""
LONGEST = 0.1
"""Share of max_train_steps; the playbook's."""
LONG = 0.05
"""A warm-up above this share asks for more steps; the playbook's. They are always prepended here."""
RUNGS = 6
"""From the longest warm-up down, each half as long as the one before."""

Tried = dict[tuple[float, int], "Course"]
"""What training did, by the multiple of the unstable learning rate and the steps of the warm-up."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Where the ladder ends."""

    peak: float | None
    """Multiple of the unstable learning rate; None where no warm-up makes any of them stable."""
    steps: int | None
    """The shortest warm-up that does, of the rungs."""


def rungs(max_train_steps: int, present: int) -> list[int]:
    """Lengths of a warm-up to try, longest first; all longer than the one that the study has already."""
    longest = int(LONGEST * max_train_steps)
    lengths = dict.fromkeys(longest >> number for number in range(RUNGS))
    return [length for length in lengths if length > max(present, 0)]


def climb(tried: Mapping[tuple[float, int], Course], lengths: list[int]) -> tuple[float, int] | Found:
    """What to train next, or where the ladder ends.

    The longest warm-up goes first, from the highest peak down; then shorter ones, until one is unstable.
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
