"""Whether the best learning rate drifts with the length of training, and what it is at other lengths."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from playbook_cli.horizon.surface import BENT, PARABOLA, Interval

if TYPE_CHECKING:
    from playbook_cli.horizon.surface import Surface

Word = Literal["none", "drifts", "curved", "undecided"]
STEADY = 0.25
"""A best rate that changes by less than 2^0.25 = 1.19 per doubling does not drift: it moves by less than a factor of
1.7 in three doublings. Playbook's default."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How the best rate changes with the length."""

    word: Word
    factor: Interval
    """The factor on the best rate per doubling of the length."""
    p_bend: float
    """P-value against a drift by the same factor per doubling; NaN if that cannot be tested."""
    why: str
    """The reason if the result is undecided, else empty."""


def drift(surface: Surface) -> Drift:
    """The drift of the best rate, as a verdict.

    `none` and `drifts` are claims too: `none` needs a small interval, and both rule out a curve first, as far as the
    lengths allow.
    """
    found = surface.drift()
    word: Word = "undecided"
    why = ""
    if len(surface.lengths) < PARABOLA:
        why = "that needs three lengths"
    elif surface.bend < BENT:
        word = "curved"
    elif surface.rates < PARABOLA:
        why = "fewer than three learning rates train well"
    elif not surface.resolved:
        why = "the learning rates tried differ too little, compared with the noise, to say which one is best"
    elif not found.holds(0.0):
        word = "drifts"
    elif found.low >= -STEADY and found.high <= STEADY:
        word = "none"
    else:
        why = "the interval of its change is too wide"
    return Drift(word=word, factor=_powers(found), p_bend=surface.bend, why=why)


def rate(surface: Surface, found: Drift, doublings: float) -> Interval | None:
    """The best rate at a length relative to the carried one, with its interval; None if unknown.

    Within the trained lengths it is read off the fitted line. Beyond them the line is extrapolated if the drift is
    known, constant if there is none, and not extrapolated if the drift is curved.
    """
    if not surface.resolved or (found.word in ("curved", "undecided") and doublings > surface.doublings[-1]):
        return None
    return _powers(surface.rate(doublings))


def _powers(interval: Interval) -> Interval:
    low, value, high = (_power(x) for x in (interval.low, interval.value, interval.high))
    return Interval(value=value, low=low, high=high)


def _power(x: float) -> float:
    return math.nan if math.isnan(x) else 2.0 ** min(max(x, -1000.0), 1000.0)
