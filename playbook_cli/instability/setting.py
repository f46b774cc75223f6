"""A probe's study, made from the user's: the point of one trial, with the learning rate and possible fixes varied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.instability.names import steps_of
from playbook_cli.instability.runs import params_of, scaled
from playbook_cli.spec.load import probing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.instability.names import Names
    from playbook_cli.instability.runs import Point
    from playbook_cli.records import TrialRecord, Value
    from playbook_cli.spec.model import StudySpec

STEPS = 500
"""Steps of each run; from the playbook."""
WARMED_UP = 3
"""A run with warmup trains at least this many times the warmup steps; from the playbook."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is probed, and how."""

    study: StudySpec
    """The user's study."""
    trial: TrialRecord
    """The trial whose point is probed."""
    names: Names
    steps: int
    """Steps of each run, at most max_train_steps."""
    eval_every: int
    loss: str | None
    """The metric to judge; None if the user does not name it."""

    @property
    def base(self) -> Mapping[str, Value]:
        """The point, including the fixed hyperparameters of the study."""
        return self.trial.params

    @property
    def rate(self) -> float:
        """The learning rate of the point."""
        value = self.base[self.names.learning_rate]
        return float(value) if isinstance(value, int | float) else 0.0

    @property
    def warmup(self) -> int:
        """Warmup steps that the point already has."""
        return steps_of(self.base, self.names.warmup)

    def at(self, multiple: float) -> float:
        """The point's learning rate times `multiple`."""
        return scaled(self.rate, multiple)

    def stop(self, point: Point) -> int:
        """The step at which a run may stop."""
        longer = WARMED_UP * (self.warmup if point.warmup is None else point.warmup)
        return min(max(self.steps, longer), self.study.max_train_steps)

    def params(self, point: Point) -> dict[str, Value]:
        return params_of(point, self.names, self.base)

    def spec(self, points: Sequence[Point]) -> StudySpec:
        """The study of runs at these points. Schedules keep their length, because max_train_steps is the study's."""
        all_params = [self.params(point) for point in points]
        rates = [point.learning_rate for point in points]
        varied: dict[str, Any] = {
            self.names.learning_rate: {"min": min(rates), "max": max(rates), "scale": "log", "type": "float"}
        }
        for name in (self.names.warmup, self.names.clip):
            values = list(dict.fromkeys(params.get(name) for params in all_params)) if name is not None else []
            if name is not None and len(values) > 1:
                varied[name] = {"values": values}
        return probing(
            self.study,
            "instability",
            goal=f"Is training unstable just above the learning rate of trial {self.trial.id}, {self.rate:.4g}, in the "
            f"first {self.steps} steps, and what fixes it?",
            eval_every=self.eval_every,
            trials=len(points),
            sampler="listed",
            points=[{name: params.get(name) for name in varied} for params in all_params],
            nuisance=varied,
            fixed={name: value for name, value in self.base.items() if name not in varied},
        )
