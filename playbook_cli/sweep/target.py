"""What it means to fit the training set, and the first evaluation at which a trial does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playbook_cli.records import Curve, Metric


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The first evaluation at which the target holds."""

    step: int
    before: int
    """The evaluation before it, at which it does not hold; 0 where it is the first one."""

    @property
    def resolution(self) -> int:
        """The target is reached within so many steps up to `step`; 1 where it is known exactly."""
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

    def reached(self, curve: Curve | None) -> Fit | None:
        """Where a curve first reaches the target; evaluations without the metric are passed over."""
        if curve is None or self.metric.name not in curve.values:
            return None
        before = 0
        for step, value in zip(curve.steps.tolist(), curve.values[self.metric.name].tolist(), strict=True):
            if self.holds(value):
                return Fit(step=step, before=before)
            if value == value:  # noqa: PLR0124 (not NaN)
                before = step
        return None
