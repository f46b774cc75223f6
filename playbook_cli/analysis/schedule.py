"""What is known about a trial's learning rate over its training: logged, declared, or nothing.

It is logged in a column `learning_rate` or `lr`, or one that ends so after a separator (`optim/lr`). It is declared by
a hyperparameter, a fixed one too, that is called `schedule`, `lr_schedule`, `lr_scheduler_type` or the like. Its
values are those of `playbook_cli.schedules` and what libraries call the same.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from playbook_cli import schedules
from playbook_cli.storage.metric_names import is_learning_rate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from playbook_cli.records import TrialRecord

Course = Literal["constant", "decays", "restarts", "unknown"]

_DECLARED = re.compile(r"(^|[._])((lr|learning_rate|rate)_?)?sched(ule|uler)?(_?(type|name|kind))?$")
_KINDS: dict[str, tuple[Course, str | None]] = {
    "constant": ("constant", "constant"),
    "fixed": ("constant", "constant"),
    "flat": ("constant", "constant"),
    "none": ("constant", "constant"),
    "constantwithwarmup": ("constant", "constant"),
    "cosine": ("decays", "cosine"),
    "cos": ("decays", "cosine"),
    "cosineannealing": ("decays", "cosine"),
    "cosineannealinglr": ("decays", "cosine"),
    "cosinedecay": ("decays", "cosine"),
    "linear": ("decays", "linear"),
    "lineardecay": ("decays", "linear"),
    "warmupstabledecay": ("decays", schedules.WSD),
    "wsd": ("decays", schedules.WSD),
    "trapezoidal": ("decays", schedules.WSD),
    "step": ("decays", None),
    "steps": ("decays", None),
    "steplr": ("decays", None),
    "multistep": ("decays", None),
    "multisteplr": ("decays", None),
    "exponential": ("decays", None),
    "exponentiallr": ("decays", None),
    "polynomial": ("decays", None),
    "poly": ("decays", None),
    "inversesqrt": ("decays", None),
    "rsqrt": ("decays", None),
    "onecycle": ("decays", None),
    "onecyclelr": ("decays", None),
    "cosinewithrestarts": ("restarts", None),
    "cosineannealingwarmrestarts": ("restarts", None),
    "sgdr": ("restarts", None),
    "cyclic": ("restarts", None),
    "cycliclr": ("restarts", None),
}
"""From a declared name, in small letters alone, to what it does and the schedule of this package that it is."""
_BACK = 0.3
"""A rate that has fallen by this part of its peak and rises by as much again is one of restarts."""
_LITTLE = 1e-4
_ALIKE = 0.1
"""Rates that differ by less, as parts of their peaks so far, belong to one stage of a schedule."""
_HIGH = 0.5
_HOLDING = 0.97
"""Part of the peak from which on a rate counts as held there."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The learning rate of one trial where it is known, as parts of its peak; arrays of shape (n,), n at least 1."""

    steps: NDArray[np.float64]
    parts: NDArray[np.float64]

    def at(self, step: float) -> float:
        """The part at the nearest step that is known."""
        return float(self.parts[int(np.argmin(np.abs(self.steps - step)))])

    def summed(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of the parts up to each of these steps, a little more at each: zero adds next to nothing."""
        edges = np.concatenate([[0.0], self.steps])
        parts = np.concatenate([self.parts[:1], np.maximum(self.parts, _LITTLE)])
        sums = np.concatenate([[0.0], np.cumsum((parts[1:] + parts[:-1]) / 2 * np.diff(edges))])
        return np.asarray(np.interp(steps, edges, sums) + 1e-9 * steps, dtype=np.float64)

    @property
    def held_until(self) -> float:
        """The last step of the peak's plateau, which is never left before; the peak's own where there is none."""
        return self._until(_HOLDING)

    @property
    def high_until(self) -> float:
        """The last step before the rate falls below half of its peak."""
        return self._until(_HIGH)

    def _until(self, part: float) -> float:
        peak = int(np.argmax(self.parts))
        below = np.flatnonzero(self.parts[peak:] < part)
        return float(self.steps[-1] if below.size == 0 else self.steps[peak + max(int(below[0]) - 1, 0)])


def rates(trial: TrialRecord, max_train_steps: int) -> Rates | None:
    """The learning rates of this trial as they were logged, or else as a declared schedule has them; None unknown."""
    curve = trial.curve
    if curve is not None:
        for name, column in curve.values.items():
            known = np.isfinite(column)
            if is_learning_rate(name) and known.any() and float(column[known].max()) > 0.0:
                steps = curve.steps[known].astype(np.float64)
                return Rates(steps=steps, parts=column[known] / float(column[known].max()))
    _, declared = _declared(trial)
    if declared is None:
        return None
    steps = np.unique(np.linspace(1, max(max_train_steps, 1), 201).round())
    warmup, decay = (_number(trial, key) for key in ("warmup_steps", "decay_steps"))
    parts = [
        schedules.multiplier(
            declared, int(step), max_train_steps=max_train_steps, warmup_steps=warmup or 0.0, decay_steps=decay
        )
        for step in steps
    ]
    return Rates(steps=steps, parts=np.array(parts))


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where a trial stands in its schedule at some step, by the learning rates until then."""

    declared: Course
    part: float | None
    """The rate as a part of the highest one so far; None where it is not known."""
    rises: bool
    """Whether the rate is still rising: the trial warms up."""

    def like(self, other: Stage) -> bool:
        """Whether two curves can be compared here."""
        if self.declared != other.declared or (self.part is None) != (other.part is None):
            return False
        near = self.part is None or other.part is None or abs(self.part - other.part) <= _ALIKE
        return near and self.rises == other.rises


def stage(trial: TrialRecord, step: float, max_train_steps: int) -> Stage:
    """Where this trial stands at this step, which may be the last one so far."""
    declared, known = _declared(trial)[0], rates(trial, max_train_steps)
    until = known.parts[known.steps <= step] if known is not None else np.empty(0)
    if not until.size or float(until.max()) <= 0.0:
        return Stage(declared=declared, part=None, rises=False)
    highest = float(until.max())
    rises = bool(
        until[-1] >= _HOLDING * highest and until[0] < _HOLDING * highest and until[-1] > until[:-1].max(initial=0.0)
    )
    return Stage(declared=declared, part=float(until[-1]) / highest, rises=rises)


def course(trial: TrialRecord, max_train_steps: int, *, decayed: float) -> Course:
    """What the learning rate does in the second half of training: constant where it stays above the part `decayed`."""
    known = rates(trial, max_train_steps)
    if known is None:
        return _declared(trial)[0]
    peak = int(np.argmax(known.parts))
    after = known.parts[peak:]
    if (after - np.minimum.accumulate(after)).max() >= _BACK:
        return "restarts"
    late = known.parts[known.steps >= known.steps[-1] / 2]
    return "decays" if float(late.min()) < decayed else "constant"


def shared(courses: Iterable[Course]) -> Course:
    """What most of these trials' learning rates do; anything else than constant where no more than half are that."""
    counts = Counter(courses)
    if 2 * counts["constant"] > counts.total():
        return "constant"
    del counts["constant"]
    return counts.most_common(1)[0][0] if counts else "unknown"


def _declared(trial: TrialRecord) -> tuple[Course, str | None]:
    for name, value in trial.params.items():
        if _DECLARED.search(name.lower()) and isinstance(value, str):
            return _KINDS.get(re.sub(r"[^a-z]", "", value.lower()), ("unknown", None))
    return "unknown", None


def _number(trial: TrialRecord, name: str) -> float | None:
    value = trial.params.get(name)
    return float(value) if isinstance(value, int | float) and value >= 0 else None
