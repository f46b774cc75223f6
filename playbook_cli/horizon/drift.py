"""Whether the best learning rate drifts with the length of training, and what that makes of it at other lengths."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from playbook_cli.horizon.surface import BENT, PARABOLA, Interval

if TYPE_CHECKING:
    from playbook_cli.horizon.surface import Surface

Word = Literal["none", "drifts", "curved", "undecided"]
STEADY = 0.25
"""A best rate that changes by less than 2^0.25 = 1.19 in a doubling does not drift: it moves by less than a factor of
1.7 in three doublings. Playbook's own choice."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What the lengths say of the best rate."""

    word: Word
    factor: Interval
    """By which the best rate is multiplied when the length doubles."""
    p_bend: float
    """P-value against a drift of the same factor at each doubling; NaN where that can't be tested."""
    why: str
    """What stands in the way, where it is undecided."""


def drift(surface: Surface) -> Drift:
    """`none` and a straight drift are claims, too.

    For the first the whole interval must be small; for both a curve is ruled out first, as far as the lengths can tell.
    """
    found = surface.drift()
    word: Word = "undecided"
    why = ""
    if len(surface.lengths) < PARABOLA:
        why = "it takes three lengths to tell a drift from a curve"
    elif surface.bend < BENT:
        word = "curved"
    elif surface.rates < PARABOLA:
        why = "fewer than three learning rates train well"
    elif not surface.resolved:
        why = "the rates of the bracket differ too little against the noise to say which one is best"
    elif not found.holds(0.0):
        word = "drifts"
    elif found.low >= -STEADY and found.high <= STEADY:
        word = "none"
    else:
        why = "its interval is too wide"
    return Drift(word=word, factor=_powers(found), p_bend=surface.bend, why=why)


def rate(surface: Surface, found: Drift, doublings: float) -> Interval | None:
    """The best rate over the carried one at a length, with its interval; None where that can't be said.

    Within the lengths that were trained the line is read off. Beyond them it goes on where the drift is known, stays
    where it is known to be none, and is not extrapolated where it is curved.
    """
    if not surface.resolved or (found.word in ("curved", "undecided") and doublings > surface.doublings[-1]):
        return None
    return _powers(surface.rate(doublings))


def _powers(interval: Interval) -> Interval:
    low, value, high = (_power(x) for x in (interval.low, interval.value, interval.high))
    return Interval(value=value, low=low, high=high)


def _power(x: float) -> float:
    return math.nan if math.isnan(x) else 2.0 ** min(max(x, -1000.0), 1000.0)
