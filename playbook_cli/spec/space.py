"""The search space: arms of the study, and the unit cube that each arm is sampled from."""

from __future__ import annotations

import itertools
import math
from functools import cached_property
from typing import TYPE_CHECKING

from playbook_cli.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from playbook_cli.records import Parameter, Value


MAX_ARMS = 100_000
"""Most arms that are ever built: an arm needs at least one trial, and no study has more trials (`spec.check`)."""


class Space:
    """All settings of a study's hyperparameters.

    `dimensions` span the unit cube: every nuisance hyperparameter and every scientific range, each conditional one
    with a dimension of its own. A space costs no more than its parameters: arms are counted without being built.
    """

    def __init__(self, parameters: Sequence[Parameter], fixed: Mapping[str, Value]) -> None:
        self.parameters = tuple(parameters)
        self.fixed = dict(fixed)
        makes_arms = [p for p in parameters if _makes_arms(p)]
        self.dimensions = tuple(p for p in parameters if not _makes_arms(p))
        self.arm_makers = tuple(_in_order(makes_arms))
        """The scientific hyperparameters with choices; conditional ones come after those that they depend on."""
        self._sampling_order = _in_order(self.dimensions)
        self._index = {p.label: index for index, p in enumerate(self.dimensions)}

    @cached_property
    def arm_count(self) -> int:
        """Number of arms, at least 1; above `MAX_ARMS` it may be only a lower bound."""
        return combinations(self.arm_makers, self.fixed, at_most=MAX_ARMS)

    @cached_property
    def arms(self) -> tuple[dict[str, Value], ...]:
        """The settings of the scientific hyperparameters with choices; a single arm {} if there are none.

        SpecError if there are more than `MAX_ARMS`, which nothing may build.
        """
        if self.arm_count > MAX_ARMS:
            raise SpecError(
                f"the values under scientific: give {self.arm_count:,} arms or more; the limit is {MAX_ARMS:,}",
                hint="keep the one or two that the question is about, and move the others to nuisance: or fixed:",
            )
        return tuple(_arms(self.arm_makers, self.fixed))

    @property
    def first_arm(self) -> dict[str, Value]:
        """The first of `arms`, without building them: every scientific choice has its first value."""
        return self._arm(lambda parameter: parameter.choices[0])

    def arm_of(self, settings: Mapping[str, Value]) -> dict[str, Value]:
        """The arm of a trial with these settings, which must be in the space."""
        return self._arm(lambda parameter: parameter.choices[parameter.choices.index(settings[parameter.name])])

    def _arm(self, choose: Callable[[Parameter], Value]) -> dict[str, Value]:
        arm: dict[str, Value] = {}
        for parameter in self.arm_makers:
            if parameter.active({**self.fixed, **arm}):
                arm[parameter.name] = choose(parameter)
        return arm

    def params(self, arm: Mapping[str, Value], point: Sequence[float]) -> dict[str, Value]:
        """All hyperparameters of the trial at `point` of the unit cube, one coordinate per dimension, in this arm."""
        return self.chosen(arm, lambda parameter: parameter.from_unit(float(point[self._index[parameter.label]])))

    def chosen(self, arm: Mapping[str, Value], choose: Callable[[Parameter], Value]) -> dict[str, Value]:
        """All hyperparameters of a trial in this arm; `choose` sets its active dimensions one after the other."""
        settings = {**self.fixed, **arm}
        for parameter in self._sampling_order:
            if parameter.active(settings):
                settings[parameter.name] = choose(parameter)
        names = dict.fromkeys([p.name for p in self.parameters] + list(self.fixed))
        return {name: settings[name] for name in names if name in settings}

    def grid(self, arm: Mapping[str, Value]) -> list[tuple[float, ...]]:
        """The points of the full grid in this arm: every choice, and `points` values of every range, ends included.

        Points that differ only in inactive hyperparameters are the same point.
        """
        axes = [_grid_axis(p) for p in self.dimensions]
        distinct = {tuple(self.params(arm, point).items()): point for point in reversed(list(itertools.product(*axes)))}
        return list(reversed(distinct.values()))


def grid_size(space: Space, *, at_most: int) -> int | None:
    """Number of trials of the full grid over all arms; None if there are more than `at_most`."""
    bound = space.arm_count * math.prod(_grid_values(p) for p in space.dimensions)
    return None if bound > at_most else sum(len(space.grid(arm)) for arm in space.arms)


def combinations(parameters: Sequence[Parameter], fixed: Mapping[str, Value], *, at_most: int) -> int:
    """Number of combinations of choices, without building them; parameters come after those they depend on.

    Exact while the values that later conditions depend on have at most `at_most` combinations; otherwise a lower bound
    above `at_most`. Combinations that later conditions can't distinguish are counted together.
    """
    last_asked = {name: index for index, p in enumerate(parameters) for name in p.when}
    counts: dict[tuple[tuple[str, Value], ...], int] = {(): 1}
    for index, parameter in enumerate(parameters):
        extended: dict[tuple[tuple[str, Value], ...], int] = {}
        matters = last_asked.get(parameter.name, -1) > index
        for known, count in counts.items():
            settings = dict(known)
            kept = tuple((name, value) for name, value in known if last_asked[name] > index)
            if not parameter.active({**fixed, **settings}):
                extended[kept] = extended.get(kept, 0) + count
            elif not matters:
                extended[kept] = extended.get(kept, 0) + count * len(parameter.choices)
            else:
                for choice in parameter.choices:
                    told = (*kept, (parameter.name, choice))
                    extended[told] = extended.get(told, 0) + count
        counts = extended
        if len(counts) > at_most:
            break  # further parameters only add combinations
    return sum(counts.values())


def _makes_arms(parameter: Parameter) -> bool:
    return parameter.role == "scientific" and parameter.kind == "choice"


def _grid_values(parameter: Parameter) -> int:
    """Number of values that a grid takes from a parameter."""
    return len(parameter.choices) if parameter.kind == "choice" else parameter.points or 1


def _grid_axis(parameter: Parameter) -> list[float]:
    count = _grid_values(parameter)
    if parameter.kind == "choice":
        return [(index + 0.5) / count for index in range(count)]
    return [0.5] if count == 1 else [index / (count - 1) for index in range(count)]


def _in_order(parameters: Sequence[Parameter]) -> list[Parameter]:
    """Parameters in the order of the file, but after those that their conditions name."""
    waiting = list(parameters)
    ordered: list[Parameter] = []
    while waiting:
        undecided = {p.name for p in waiting}
        ready = next((p for p in waiting if not (p.when.keys() & undecided)), None)
        if ready is None:
            raise ValueError(f"these conditions depend on each other in a circle: {', '.join(sorted(undecided))}")
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def _arms(parameters: Sequence[Parameter], fixed: Mapping[str, Value]) -> list[dict[str, Value]]:
    """Every combination of choices; a conditional parameter takes part only when active."""
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
    """Names for which two alternatives apply at the same time under some settings."""
    by_name: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        by_name.setdefault(parameter.name, []).append(parameter)
    choices: dict[str, set[Value]] = {name: {value} for name, value in fixed.items()}
    for parameter in parameters:
        choices.setdefault(parameter.name, set()).update(parameter.choices)
    return [
        name
        for name, alternatives in by_name.items()
        if any(_both_active(*pair, choices) for pair in itertools.combinations(alternatives, 2))
    ]


def _both_active(first: Parameter, second: Parameter, choices: Mapping[str, set[Value]]) -> bool:
    """Whether some settings fulfil both conditions."""
    return all(
        choices.get(name, set()).intersection(*(p.when[name] for p in (first, second) if name in p.when))
        for name in {**first.when, **second.when}
    )
