"""A sweep's study, made from the user's: the learning rate varies, the rest is fixed, regularization is off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.errors import SpecError
from playbook_cli.records import Metric
from playbook_cli.running.probing import held
from playbook_cli.spec.load import probing
from playbook_cli.sweep.grid import Grid
from playbook_cli.sweep.suspicious import acting, is_off, remedy, suspects
from playbook_cli.sweep.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Value
    from playbook_cli.spec.model import LrSweepSpec, StudySpec
    from playbook_cli.spec.probe import ProbeKind


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a sweep varies, and the values of what it holds fixed."""

    study: StudySpec
    """The user's study."""
    where: str
    """File and line of its lr_sweep section."""
    sweep: LrSweepSpec
    fixed: Mapping[str, Value]
    """Every hyperparameter of the sweep's trials except the learning rate."""
    off: Mapping[str, Value]
    """The hyperparameters that are turned off for the sweep."""
    chosen: Mapping[str, str]
    """Hyperparameters that vary in the study and need one value here: name -> the value and the reason."""
    harmless: tuple[str, ...]
    """Hyperparameters that only look like regularization, according to the user."""

    @property
    def grid(self) -> Grid:
        return Grid(low=self.sweep.min, high=self.sweep.max, points=self.sweep.points)

    @property
    def target(self) -> Target:
        target = self.sweep.target
        return Target(metric=Metric(name=target.metric, goal=target.goal), value=target.value)

    def interval(self, steps: int) -> int:
        """Steps between evaluations: finer than the study's own, since trials fit long before max_train_steps."""
        quarter = self.study.steps_between_evaluations // 4
        return self.sweep.eval_every or max(1, min(quarter, steps // 20))

    def spec(self, kind: ProbeKind, steps: int, rates: Sequence[float]) -> StudySpec:
        """The study of trials with these learning rates, `steps` steps long each."""
        sweep = self.sweep.model_dump(mode="json", exclude_none=True)
        return probing(
            self.study,
            kind,
            goal=f"At which constant learning rate does training first reach {self.target}, and when?",
            metric={"name": self.target.metric.name, "goal": self.target.metric.goal},
            max_train_steps=steps,
            eval_every=self.interval(steps),
            trials=len(rates),
            sampler="listed",
            nuisance={self.sweep.parameter: {"min": min(rates), "max": max(rates), "scale": "log"}},
            fixed=dict(self.fixed),
            lr_sweep=sweep,
        )


def settle(study: StudySpec, sweep: LrSweepSpec, where: str) -> Setting:
    """Hold everything fixed but the learning rate.

    A hyperparameter that varies in the study takes its value under `at`, else the middle of its range, else its first
    choice. SpecError if something looks like regularization, augmentation or a schedule and is not turned off.
    """
    fixed, chosen = held(study, sweep.parameter, {**sweep.at, **sweep.off})
    if on := acting(fixed, (*sweep.off, *sweep.harmless)):
        raise SpecError(
            f"lr_sweep: {', '.join(on)} would be on during the sweep and {'look' if len(on) > 1 else 'looks'} like "
            "regularization, augmentation or a schedule; a sweep needs a constant learning rate without any of these",
            where=where,
            hint=remedy(fixed, on),
        )
    return Setting(
        study=study,
        where=where,
        sweep=sweep,
        fixed=fixed,
        off={
            name: value
            for name, value in fixed.items()
            if name in sweep.off or (suspects(name) and is_off(name, value))
        },
        chosen=chosen,
        harmless=tuple(name for name in sweep.harmless if name in fixed),
    )
