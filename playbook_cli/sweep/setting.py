"""A sweep's study, made from the user's: one learning rate varies, the rest stands still, nothing regularizes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.errors import SpecError
from playbook_cli.records import Metric
from playbook_cli.space import Space
from playbook_cli.spec.load import carried
from playbook_cli.spec.model import StudySpec
from playbook_cli.sweep.grid import Grid
from playbook_cli.sweep.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Parameter, Value
    from playbook_cli.spec.model import LrSweepSpec

SUSPICIOUS = re.compile(
    r"drop_?out|drop_?(path|block|connect)|stochastic_?depth|weight_?decay|decay|(^|_)(wd|l1|l2)(_|$)|smoothing"
    r"|mix_?up|cut_?(mix|out)|augment|erasing|jitter|flip|random_?crop|regulari|penalty"
    r"|schedul|warm_?up|anneal|cosine",
    re.IGNORECASE,
)
"""Names of regularization, augmentation and learning-rate schedules."""
OFF_WORDS = ("none", "off", "no", "constant", "identity")
"""Text that turns such a hyperparameter off, as 0, false and null do."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a sweep varies, and what it holds still at which values."""

    study: StudySpec
    """The user's."""
    sweep: LrSweepSpec
    fixed: Mapping[str, Value]
    """Every hyperparameter of the sweep's trials but the learning rate."""
    off: Mapping[str, Value]
    """Turned off for the sweep."""
    chosen: Mapping[str, str]
    """What varies in the study and needs one value here: name -> the value, and why that one."""
    harmless: tuple[str, ...]
    """What only looks like regularization, by the user's word."""

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

    def spec(self, suffix: str, steps: int, rates: Sequence[float]) -> StudySpec:
        """The study of trials with these learning rates, `steps` steps long each."""
        sweep = self.sweep.model_dump(mode="json", exclude_none=True)
        return StudySpec.model_validate(
            carried(self.study)
            | {
                "name": f"{self.study.name}-{suffix}",
                "goal": f"At which constant learning rate does training first reach {self.target}, and when?",
                "metric": {"name": self.target.metric.name, "goal": self.target.metric.goal},
                "max_train_steps": steps,
                "eval_every": self.interval(steps),
                "trials": len(rates),
                "sampler": "listed",
                "nuisance": {self.sweep.parameter: {"min": min(rates), "max": max(rates), "scale": "log"}},
                "fixed": dict(self.fixed),
                "lr_sweep": sweep,
                "probe": suffix,
            }
        )


def settle(study: StudySpec, sweep: LrSweepSpec, where: str) -> Setting:
    """Hold everything still but the learning rate.

    What varies in the study takes its value under `at`, else the middle of its range, else its first choice. SpecError
    where something looks like regularization, augmentation or a schedule, and is not turned off.
    """
    given: dict[str, Value] = {**study.fixed, **sweep.at, **sweep.off}
    given.pop(sweep.parameter, None)
    varied = [p for p in study.parameters() if p.name not in given and p.name != sweep.parameter]
    space = Space(varied, given)
    middle = space.params(space.first_arm, [_unit(p) for p in space.dimensions])
    fixed = {name: _rounded(value) if name not in given else value for name, value in middle.items()}
    chosen = {}
    for p in varied:
        if p.name in fixed:
            how = "the first of its values" if p.kind == "choice" else f"the middle of its range, {p.scale} scale"
            chosen[p.name] = f"{_shown(fixed[p.name])}, {how}"
    acting = [
        name
        for name, value in fixed.items()
        if SUSPICIOUS.search(name) and name not in sweep.off and name not in sweep.harmless and not _is_off(value)
    ]
    if acting:
        write = ", ".join(f"{name}: {_off_value(name)}" for name in acting)
        raise SpecError(
            f"lr_sweep: {', '.join(acting)} would act during the sweep, and by the name it is regularization, "
            "augmentation or a schedule: a sweep needs a constant learning rate and neither of the others",
            where=where,
            hint=f"turn it off, under lr_sweep: off: {{{write}}}, or declare it harmless: [{', '.join(acting)}]",
        )
    return Setting(
        study=study,
        sweep=sweep,
        fixed=fixed,
        off={
            name: value
            for name, value in fixed.items()
            if name in sweep.off or (SUSPICIOUS.search(name) and _is_off(value))
        },
        chosen=chosen,
        harmless=tuple(name for name in sweep.harmless if name in fixed),
    )


def _unit(parameter: Parameter) -> float:
    return 0.5 / len(parameter.choices) if parameter.kind == "choice" else 0.5


def _is_off(value: Value) -> bool:
    return value is None or value == 0 or (isinstance(value, str) and value.lower() in OFF_WORDS)


def _off_value(name: str) -> str:
    return "constant" if re.search("schedul", name, re.IGNORECASE) else "0.0"


def _rounded(value: Value) -> Value:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _shown(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
