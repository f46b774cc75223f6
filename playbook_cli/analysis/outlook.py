"""Whether more training would have helped, as far as curves can say: how they end, and at which learning rates.

A curve that falls at its end speaks for more steps only where its learning rate was still high. Where a schedule has
decayed it by then, that alone makes curves fall. There the part of training counts in which the rate was held at its
peak, if that is long enough to be read. A decay to zero also makes curves flat, however much is left to learn: where
the rate is not known, a curve must have been flat for `STARVED` of training, as it then was at a high rate as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from playbook_cli.analysis import curves, schedule
from playbook_cli.analysis.curves import Series
from playbook_cli.analysis.cycles import cycle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.analysis.curves import Line
    from playbook_cli.analysis.cycles import Cycle
    from playbook_cli.analysis.schedule import Course
    from playbook_cli.records import Curve, Metric, TrialRecord

Moves = Literal["falls", "flat", "rises", "unclear"]

_REMEDY = "log learning_rate, or declare the schedule (fixed: {schedule: constant})"
_FLAT = 0.05
"""Chance that a curve that still falls is taken for one that does not."""
_FEW = 0.2
"""Part of the fall at the end of a decay; a curve that fell by less at a high rate owes its fall to the decay."""
_READABLE = 8
"""Evaluations of a part of training that is read by itself."""
STARVED = 0.6
"""The last part of training in which a cosine, linear or stepped decay sums up to what the last quarter does at a
constant rate: 30%, 36% and 36% of the sum over all of training, and 55% where the decay takes the last fifth alone."""
SHORTEST = 0.3
"""Part of training for which a learning rate must be held at its peak for that part to be read by itself."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """How curves of one kind end, over several trials, as parts of what they gained after the first tenth."""

    name: str
    """Of the metric."""
    end: Line
    """Over the last part of training; of what its learning rates sum up to, where they are known to decay."""
    held: Line | None
    """Over the last part of the time at the peak's learning rate; None where the schedule has no such time."""
    high: Line | None
    """Over the later half of the time in which a decaying learning rate was still high; None where nothing decays."""
    long: Line | None
    """Over the last `STARVED` of training where the learning rate is not known; else None."""
    last: float
    """By how much the curves fell over the last part of training, whatever the learning rates were."""
    course: Course
    """What the learning rate does in the second half of training."""
    cycle: Cycle | None
    """Where the curves rise and fall again and again."""
    curves: int

    def moves(self, gain: float, p_value: float) -> Moves:
        """What the curves do at their end, whatever makes them."""
        return moves(self.end, gain, p_value)

    def longer(self, gain: float, p_value: float) -> Moves:
        """What they would do with more steps: `falls` where those would help, `unclear` where nobody can say."""
        if self.cycle is not None or self.course == "restarts":
            return "unclear"
        end = self.moves(gain, p_value)
        if self.held is not None:
            held = moves(self.held, gain, p_value)
            return held if held in ("falls", "flat") else "unclear"
        # A decay only adds to a fall: what was flat before most of it had come to its end.
        if self.high is not None and moves(self.high, max(gain, _FEW * self.last), p_value) == "flat":
            return "flat"
        if self.starved(gain, p_value):
            return "unclear"
        return "unclear" if end == "falls" and self.course != "constant" else end

    def starved(self, gain: float, p_value: float) -> bool:
        """Whether the curves are flat at the end alone, which a decay that nobody knows of may have made them."""
        flat = self.cycle is None and self.moves(gain, p_value) == "flat"
        return flat and self.long is not None and moves(self.long, gain, p_value) != "flat"

    def why(self, gain: float, p_value: float) -> str | None:
        """What keeps the end from speaking for or against more steps; None where nothing does."""
        if self.starved(gain, p_value):
            return (
                "the learning rate is unknown, and a schedule that decays it to zero would flatten any curve at "
                f"its end: {_REMEDY}"
            )
        waves = self.cycle is not None or self.course == "restarts"
        falls = self.end.fall >= gain / 2 and self.moves(gain, p_value) != "flat"
        return self._hidden if waves or falls else None

    @property
    def is_of_the_end(self) -> bool:
        """Whether the end itself was read, and no earlier part of a decay in its place."""
        return self.held is None and self.high is None

    @property
    def owed(self) -> str:
        """That a fall at the end is the schedule's, as a clause; empty where no decay is known to make it."""
        if self.high is None:
            return ""
        return f"; by {max(self.high.fall, 0.0):.1%} while the learning rate was high, so the schedule causes that fall"

    @property
    def _hidden(self) -> str | None:
        if self.cycle is not None:
            return (
                f"the curves oscillate every {self.cycle.steps:.0f} steps, so their end does not predict longer "
                "training"
            )
        reasons: dict[Course, str | None] = {
            "constant": None,
            "restarts": "the learning rate restarts, which by itself makes curves rise and fall",
            "decays": "the schedule has decayed the learning rate, which by itself makes curves fall: only longer runs "
            "can show whether more steps help",
            "unknown": "the learning rate is unknown, and a schedule that decays it would make any curve fall: "
            f"{_REMEDY}",
        }
        return reasons[self.course]


def moves(line: Line, gain: float, p_value: float) -> Moves:
    """`falls` by at least `gain` and surely at all; `rises` likewise; `flat` where it surely falls by less."""
    if line.fall >= gain and line.p_fall() < p_value:
        return "falls"
    if line.fall <= -gain and line.p_rise() < p_value:
        return "rises"
    return "flat" if line.p_less(gain) < _FLAT else "unclear"


def outlook(
    trials: Sequence[TrialRecord],
    metric: Metric,
    max_train_steps: int,
    *,
    share: float,
    evaluations: float,
    decayed: float,
    memory: float,
    of: Callable[[Curve | None, Metric], Series | None] = curves.objective,
) -> Outlook | None:
    """Read these completed trials' last `share` of training; None where no curve has so many `evaluations`.

    A learning rate below the part `decayed` of its peak counts as decayed; `memory` is that of the curves' noise.
    """
    every = [(t, s) for t in trials if (s := of(t.curve, metric)) is not None and s.losses.size >= evaluations]
    read = [(t, s) for t, s in every if curves.readable(s, share)]
    if not read:
        return None
    series = [s for _, s in read]
    course = schedule.shared(schedule.course(t, max_train_steps, decayed=decayed) for t, _ in read)
    decays = course == "decays"
    held = [part for t, s in read if decays and (part := _until(t, s, max_train_steps, held=True)) is not None]
    high = [(part, s) for t, s in read if decays and (part := _until(t, s, max_train_steps, held=False)) is not None]
    ends = [_by_rate(t, s, max_train_steps) if decays else s for t, s in read]
    return Outlook(
        name=series[0].name,
        end=curves.pooled([curves.line(s, share, memory) for s in ends], [scale(s) for s in series]),
        held=curves.pooled([curves.line(s, share, memory) for s in held], [scale(s) for s in held]) if held else None,
        high=_pooled_high(high, memory) if high and not held else None,
        long=_pooled_long(read, memory) if course == "unknown" else None,
        last=curves.pooled([curves.line(s, share, memory) for s in series], [scale(s) for s in series]).fall,
        course=course,
        cycle=cycle(series),
        curves=len(series),
    )


def scale(series: Series) -> float:
    """What a fall is measured by: after a fast start nothing but noise may be left, so no less than a fifth of all."""
    return max(series.later_drop, series.drop / 5)


def _pooled_high(parts: Sequence[tuple[Series, Series]], memory: float) -> Line:
    """By the scale of whole curves: the part of one may be all but flat."""
    return curves.pooled([curves.line(part, 0.5, memory) for part, _ in parts], [scale(whole) for _, whole in parts])


def _pooled_long(read: Sequence[tuple[TrialRecord, Series]], memory: float) -> Line:
    return curves.pooled([curves.line(s, STARVED, memory) for _, s in read], [scale(s) for _, s in read])


def _by_rate(trial: TrialRecord, series: Series, max_train_steps: int) -> Series:
    """The curve against the sum of its learning rates: at a rate near zero steps bring nothing, whatever is left."""
    known = schedule.rates(trial, max_train_steps)
    if known is None:
        return series
    sums = known.summed(series.steps)
    return Series(name=series.name, steps=sums, losses=series.losses) if (np.diff(sums) > 0.0).all() else series


def _until(trial: TrialRecord, series: Series, max_train_steps: int, *, held: bool) -> Series | None:
    """The curve as far as the learning rate stayed at its peak, or high; None where that is too short to be read."""
    known = schedule.rates(trial, max_train_steps)
    last = None if known is None else known.held_until if held else known.high_until
    if last is None or last < SHORTEST * max_train_steps:
        return None
    kept = series.steps <= last
    if kept.sum() < _READABLE:
        return None
    return Series(name=series.name, steps=series.steps[kept], losses=series.losses[kept])
