"""What it means to fit the training set, and the first evaluation at which a trial does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.records import Curve, Metric


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The first evaluation at which the target is reached."""

    step: int
    before: int
    """Step of the evaluation before it; 0 if it is the first one."""

    @property
    def resolution(self) -> int:
        """How many steps up to `step` the target may have been reached at; 1 if it is known exactly."""
        return self.step - self.before


@dataclass(frozen=True, kw_only=True)
class Target:
    """A metric of the training set that has to reach a value."""

    metric: Metric
    value: float

    def __str__(self) -> str:
        sign = "<=" if self.metric.goal == "minimize" else ">="
        return f"{self.metric.name} {sign} {self.value:g}"

    def holds(self, value: float) -> bool:
        """Whether `value` is as good as the target; NaN never is."""
        return self.metric.loss(value) <= self.metric.loss(self.value)

    def reached(self, curve: Curve | None, within: int | None = None) -> Fit | None:
        """Where a curve first reaches the target; evaluations without the metric are skipped.

        For a trial that should reach it `within` this many steps, the first evaluation from that step on is the last
        one that counts, because how far a program trains beyond it is arbitrary.
        """
        before = 0
        for step, value in self._evaluations(curve):
            if within is not None and before >= within:
                return None
            if self.holds(value):
                return Fit(step=step, before=before)
            before = step
        return None

    def evaluated(self, curve: Curve | None) -> list[int]:
        """The steps at which the metric was measured; other metrics may be measured in between."""
        return [step for step, _ in self._evaluations(curve)]

    def _evaluations(self, curve: Curve | None) -> Iterator[tuple[int, float]]:
        if curve is None or self.metric.name not in curve.values:
            return
        for step, value in zip(curve.steps.tolist(), curve.values[self.metric.name].tolist(), strict=True):
            if value == value:  # noqa: PLR0124 (not NaN)
                yield step, value
