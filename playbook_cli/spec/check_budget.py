"""Whether a study tunes more hyperparameters than its trials support, and which to fix first."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.spec.problem import Problem, listed
from playbook_cli.spec.samplers import SAMPLERS
from playbook_cli.spec.space import MAX_ARMS
from playbook_cli.spec.tiers import TIERS, needed, tier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from playbook_cli.records import Parameter, Value
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Location
    from playbook_cli.spec.space import Space

_FEW = 5
"""Most names that are joined by `and`."""


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Trials that search the same hyperparameters."""

    trials: int
    """Number of trials, at least 1."""
    tuned: Sequence[Parameter]
    """Nuisance hyperparameters: ranges and choices."""
    ranges: int
    """Number of ranges of any role, whose edges the report judges."""
    offsets: int
    where: str
    """Text that names these trials; empty for all."""


def budget_warnings(spec: StudySpec) -> list[Problem]:
    """A warning for each optimizer hyperparameter that is tuned with too few trials, and for each crowded search."""
    kind = SAMPLERS[spec.sampler]
    if not (kind.drawn and kind.seeded) or spec.imported is not None or spec.trials is None:
        return []
    space = spec.space()
    deciding = _deciding(space)
    combinations = space.arm_count * math.prod(len(p.choices) for p in deciding)
    if combinations > max(MAX_ARMS, spec.trials):
        return [
            Problem(
                location=("nuisance",),
                what=f"{listed(p.name for p in deciding)} decide which hyperparameters a trial has, with "
                f"{combinations:,} combinations: too many for {spec.trials} trials",
                hint="fix some of them",
            )
        ]
    groups = _groups(space, deciding, spec.trials)
    early = _too_early(groups)
    return [
        *(_early_problem(spec, parameter, trials) for parameter, trials in early),
        *_crowded(spec, groups, {parameter.label for parameter, _ in early}),
    ]


def _too_early(groups: Sequence[_Group]) -> list[tuple[Parameter, int]]:
    """Hyperparameters below their tier, with the trials that have them; the least important first."""
    counts: dict[str, int] = {}
    by_label: dict[str, Parameter] = {}
    for group in groups:
        for parameter in group.tuned:
            by_label[parameter.label] = parameter
            counts[parameter.label] = counts.get(parameter.label, 0) + group.trials
    found = [
        (parameter, counts[label])
        for label, parameter in by_label.items()
        if (of := tier(parameter.name)) is not None and of.name in _OF_OPTIMIZERS and counts[label] < of.trials
    ]
    return sorted(found, key=lambda each: _rank(each[0].name), reverse=True)


_OF_OPTIMIZERS = ("beta1", "epsilon", "beta2")
"""The hyperparameters that the playbook's tiers are about."""


def _early_problem(spec: StudySpec, parameter: Parameter, trials: int) -> Problem:
    of = TIERS[_usual(parameter.name)]
    return Problem(
        location=_location(spec, parameter),
        what=f"{parameter.label} is tuned with {trials} trials: the playbook tunes only Adam's learning rate below 10 "
        f"trials, beta1 from 10, epsilon from 25, and beta2 with many more",
        hint=f"fix {parameter.name} at its default, or run {of.trials} trials or more"
        + ("" if of.whose == "from the Google playbook" else " (default, not from the Google playbook)"),
    )


def _crowded(spec: StudySpec, groups: Sequence[_Group], fixed: set[str]) -> Iterator[Problem]:
    """Warnings for groups with too few trials to judge the edges of their ranges, once those in `fixed` are fixed."""
    for group in groups:
        tuned = [p for p in group.tuned if p.kind != "choice" and p.label not in fixed]
        ranges = group.ranges - sum(p.kind != "choice" and p.label in fixed for p in group.tuned)
        need = needed(ranges, group.offsets)
        if ranges < 2 or not tuned or group.trials >= need:
            continue
        first = sorted(tuned, key=lambda p: _rank(p.name), reverse=True)
        enough = next((k for k in range(1, ranges) if group.trials >= needed(ranges - k, group.offsets)), ranges - 1)
        fixed_first = [p.name for p in first[: min(enough, len(first))]]
        names = " and ".join(fixed_first) if len(fixed_first) <= _FEW else listed(fixed_first)
        about = f" {group.where}" if group.where else ""
        yield Problem(
            location=("nuisance",),
            what=f"{group.trials} trials{about} tune {ranges} ranges: too few to judge whether "
            f"the ranges are wide enough; that takes {need} trials with a result",
            hint=f"fix {names} first, or run {_total(spec, groups, group, need)} trials",
        )


def _total(spec: StudySpec, groups: Sequence[_Group], group: _Group, need: int) -> int:
    """Trials of the whole study that give this group what it needs, split equally among the arms."""
    arms = spec.space().arm_count
    whole = -(-need * sum(g.trials for g in groups) // group.trials)
    return -(-whole // arms) * arms


def _rank(name: str) -> int:
    """How early a hyperparameter is worth tuning, 0 for the learning rate; one without a tier comes after beta1."""
    order = list(TIERS)
    usual = _usual(name)
    return order.index(usual) if usual in order else order.index("weight_decay")


def _usual(name: str) -> str:
    of = tier(name)
    return of.name if of else ""


def _location(spec: StudySpec, parameter: Parameter) -> Location:
    alternatives = spec.nuisance[parameter.name]
    if len(alternatives) == 1:
        return ("nuisance", parameter.name)
    when = {name: list(values) for name, values in parameter.when.items()}
    index = next(index for index, given in enumerate(alternatives) if given.when == when)
    return ("nuisance", parameter.name, index)


def _deciding(space: Space) -> list[Parameter]:
    """The sampled categories that conditions depend on."""
    named = {name for p in space.parameters for name in p.when}
    return [p for p in space.dimensions if p.kind == "choice" and p.name in named]


def _groups(space: Space, deciding: Sequence[Parameter], trials: int) -> list[_Group]:
    """The trials grouped by what they search: arms or category values with the same space are one group."""
    combinations = [
        {**arm, **dict(zip((p.name for p in deciding), chosen, strict=True))}
        for arm in space.arms
        for chosen in itertools.product(*(p.choices for p in deciding))
    ]
    by_space: dict[tuple[str, ...], list[Mapping[str, Value]]] = {}
    for settings in combinations:
        active = tuple(p.label for p in space.dimensions if p.active({**space.fixed, **settings}))
        by_space.setdefault(active, []).append(settings)
    alone = len(by_space) == 1
    return [
        _group(space, active, settings, max(1, round(trials * len(settings) / len(combinations))), alone=alone)
        for active, settings in by_space.items()
    ]


def _group(
    space: Space, active: Sequence[str], settings: Sequence[Mapping[str, Value]], trials: int, *, alone: bool
) -> _Group:
    parameters = [p for p in space.dimensions if p.label in active]
    levels: dict[str, set[Value]] = {}
    for each in settings:
        for name, value in each.items():
            levels.setdefault(name, set()).add(value)
    free = [p for p in parameters if p.kind == "choice" and p.name not in levels]
    told = [f"{name}={' or '.join(map(str, sorted(v, key=str)))}" for name, v in levels.items() if not alone]
    return _Group(
        trials=trials,
        tuned=[p for p in parameters if p.role == "nuisance"],
        ranges=sum(p.kind != "choice" for p in parameters),
        offsets=sum(len(v) - 1 for v in levels.values()) + sum(len(p.choices) - 1 for p in free),
        where=f"of {', '.join(told)}" if told else "",
    )
