"""The search space: arms of the study, and the unit cube that each arm is sampled from."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from playbook_cli.records import Parameter, Value


class Space:
    """All settings of a study's hyperparameters.

    `dimensions` span the unit cube: every nuisance hyperparameter and every scientific range, each conditional one
    with a dimension of its own. `arms` are the settings of the scientific hyperparameters that have choices; there is
    at least one, {} where no scientific hyperparameter has choices.
    """

    def __init__(self, parameters: Sequence[Parameter], fixed: Mapping[str, Value]) -> None:
        self.parameters = tuple(parameters)
        self.fixed = dict(fixed)
        makes_arms = [p for p in parameters if p.role == "scientific" and p.kind == "choice"]
        self.dimensions = tuple(p for p in parameters if p not in makes_arms)
        self.arms = tuple(_arms(_in_order(makes_arms), self.fixed))
        self._sampling_order = _in_order(self.dimensions)
        self._index = {p.label: index for index, p in enumerate(self.dimensions)}

    def params(self, arm: Mapping[str, Value], point: Sequence[float]) -> dict[str, Value]:
        """All hyperparameters of the trial at `point` of the unit cube, one coordinate a dimension, in this arm."""
        return self.chosen(arm, lambda parameter: parameter.from_unit(float(point[self._index[parameter.label]])))

    def chosen(self, arm: Mapping[str, Value], choose: Callable[[Parameter], Value]) -> dict[str, Value]:
        """All hyperparameters of the trial in this arm whose active dimensions `choose` sets, one after the other."""
        settings = {**self.fixed, **arm}
        for parameter in self._sampling_order:
            if parameter.active(settings):
                settings[parameter.name] = choose(parameter)
        names = dict.fromkeys([p.name for p in self.parameters] + list(self.fixed))
        return {name: settings[name] for name in names if name in settings}

    def grid(self, arm: Mapping[str, Value]) -> list[tuple[float, ...]]:
        """The points of the full grid in this arm: every choice, and `points` values of every range, ends included.

        Points that differ only in hyperparameters that are inactive are one point.
        """
        axes = [_grid_axis(p) for p in self.dimensions]
        distinct = {tuple(self.params(arm, point).items()): point for point in reversed(list(itertools.product(*axes)))}
        return list(reversed(distinct.values()))


def grid_size(space: Space, *, at_most: int) -> int | None:
    """Number of trials of the full grid over all arms; None where that is more than `at_most`."""
    bound = len(space.arms) * math.prod(len(_grid_axis(p)) for p in space.dimensions)
    return None if bound > at_most else sum(len(space.grid(arm)) for arm in space.arms)


def _grid_axis(parameter: Parameter) -> list[float]:
    if parameter.kind == "choice":
        count = len(parameter.choices)
        return [(index + 0.5) / count for index in range(count)]
    count = parameter.points or 1
    return [0.5] if count == 1 else [index / (count - 1) for index in range(count)]


def _in_order(parameters: Sequence[Parameter]) -> list[Parameter]:
    """Parameters after those that their conditions name; the order of the file otherwise."""
    waiting = list(parameters)
    ordered: list[Parameter] = []
    while waiting:
        undecided = {p.name for p in waiting}
        ready = next((p for p in waiting if not (p.when.keys() & undecided)), None)
        if ready is None:
            raise ValueError(f"conditions go round in a circle: {', '.join(sorted(undecided))}")
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def _arms(parameters: Sequence[Parameter], fixed: Mapping[str, Value]) -> list[dict[str, Value]]:
    """Every combination of choices; a conditional one takes part only where it is active."""
    arms: list[dict[str, Value]] = [{}]
    for parameter in parameters:
        extended = []
        for arm in arms:
            if parameter.active({**fixed, **arm}):
                extended += [{**arm, parameter.name: choice} for choice in parameter.choices]
            else:
                extended.append(arm)
        arms = extended
    return arms


def clashes(parameters: Sequence[Parameter], fixed: Mapping[str, Value]) -> list[str]:
    """Names that two alternatives claim at once under some setting of what their conditions name."""
    clashing = []
    by_name: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        by_name.setdefault(parameter.name, []).append(parameter)
    choices: dict[str, set[Value]] = {}
    for parameter in parameters:
        choices.setdefault(parameter.name, set()).update(parameter.choices)
    for name, alternatives in by_name.items():
        named = sorted({key for p in alternatives for key in p.when})
        options = [[fixed[key]] if key in fixed else list(choices.get(key, ())) for key in named]
        for values in itertools.product(*options):
            settings = dict(zip(named, values, strict=True))
            if sum(p.active(settings) for p in alternatives) > 1:
                clashing.append(name)
                break
    return clashing
