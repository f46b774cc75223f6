"""What a check of a design looks at, and how a check is declared."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.spec.meaning import meaning, names_optimizer, number
from playbook_cli.spec.space import MAX_ARMS, grid_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from playbook_cli.records import Role, Value
    from playbook_cli.spec.meaning import Meaning
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.problem import Problem


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A hyperparameter of a study, and the values that it can take."""

    name: str
    role: Role
    meaning: Meaning | None
    values: tuple[Value, ...]
    """The values; for a range, its ends."""

    @property
    def varies(self) -> bool:
        return len(set(self.values)) > 1

    @property
    def numbers(self) -> list[float]:
        """The values that are numbers."""
        return [value for value in map(number, self.values) if value is not None]

    def __str__(self) -> str:
        """`name is 8` if it has one value, else `name goes up to 8`, or only its name."""
        if not self.varies:
            return f"{self.name} is {wording.value(self.values[0])}"
        return f"{self.name} goes up to {wording.value(max(self.numbers))}" if self.numbers else self.name


@dataclass(frozen=True)
class Design:
    """What the checks look at: a study, and whether it is the first of its project."""

    spec: StudySpec
    _: KW_ONLY
    first: bool

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """All hyperparameters; for a listed study, with the values of its points."""
        spec = self.spec
        values: dict[tuple[Role, str], list[Value]] = {}
        for parameter in spec.parameters():
            of = values.setdefault((parameter.role, parameter.name), [])
            if spec.points is None:
                of += parameter.choices if parameter.kind == "choice" else (parameter.low, parameter.high)
            else:
                of += [point[parameter.name] for point in spec.points if parameter.name in point]
        values |= {("fixed", name): [value] for name, value in spec.fixed.items()}
        return tuple(
            Setting(name=name, role=role, meaning=meaning(name), values=tuple(given))
            for (role, name), given in values.items()
            if given
        )

    def of(self, *meanings: Meaning) -> list[Setting]:
        """The hyperparameters with one of these meanings."""
        return [setting for setting in self.settings if setting.meaning in meanings]

    @cached_property
    def optimizers(self) -> list[Setting]:
        """The hyperparameters that choose between optimizers, recognized by name or by values."""
        return [
            s for s in self.settings if s.varies and (s.meaning == "optimizer" or all(map(names_optimizer, s.values)))
        ]

    @cached_property
    def trials(self) -> int | None:
        """Number of trials of the whole study; None if it is not known."""
        if self.spec.sampler == "grid":
            return grid_size(self.spec.space(), at_most=MAX_ARMS)
        return self.spec.trials or len(self.spec.points or ()) or None


@dataclass(frozen=True)
class Check:
    """One check of a design, as a decorator of the function that makes it."""

    look: Callable[[Design], Problem | None]
    _: KW_ONLY
    name: str
    title: str
    source: str
    """Section of the playbook."""

    def __call__(self, design: Design) -> Problem | None:
        """The problem, with the reason; None if there is none."""
        return self.look(design)
