"""What it means to fit the training set, and the first evaluation at which a trial does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    def reached(self, curve: Curve | None, within: int | None = None) -> Fit | None:
        """Where a curve first reaches the target; evaluations without the metric are passed over.

        Of a trial that was wanted `within` so many steps, the first evaluation from there on is the last that counts:
        how far a program trains beyond them is chance.
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
        """The steps at which the metric was measured; other metrics may have come in between."""
        return [step for step, _ in self._evaluations(curve)]

    def _evaluations(self, curve: Curve | None) -> Iterator[tuple[int, float]]:
        if curve is None or self.metric.name not in curve.values:
            return
        for step, value in zip(curve.steps.tolist(), curve.values[self.metric.name].tolist(), strict=True):
            if value == value:  # noqa: PLR0124 (not NaN)
                yield step, value
