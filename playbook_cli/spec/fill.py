"""What a proposed study file leaves for a person to fill in: the places that say FILL-IN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.spec.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.spec.source import Location

FILL = "FILL-IN"
"""Stands in a proposed study file where nothing is known."""


def unfilled(data: Any) -> list[Problem]:
    """The places of a study file that are still to be filled in."""
    return [
        Problem(
            location=location, what=f"{what} is still to be filled in", hint=f"replace {FILL}; see the comment above it"
        )
        for location, what in _places(data, ())
    ]


def with_stand_ins(data: Any, key: str = "") -> Any:
    """The data with something that can stand in each of these places, to check all the rest."""
    if isinstance(data, dict):
        return {("filled" if name == FILL else name): with_stand_ins(value, str(name)) for name, value in data.items()}
    if isinstance(data, list):
        return [with_stand_ins(each, key) for each in data]
    if data == FILL and key in _STAND_INS:
        return _STAND_INS[key]
    return data.replace(FILL, "filled") if isinstance(data, str) else data


_STAND_INS: dict[str, Any] = {
    "goal": "minimize",
    "min": 0.1,
    "max": 0.2,
    "max_train_steps": 10**6,
    "stdout": r"(?P<step>\d+) (?P<filled>\d+)",
}


def _places(data: Any, at: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(data, dict):
        for name, value in data.items():
            if name == FILL:
                yield (*at, name), "the name of a hyperparameter"
            else:
                yield from _places(value, (*at, name))
    elif isinstance(data, list):
        for index, each in enumerate(data):
            yield from _places(each, (*at, index))
    elif isinstance(data, str) and FILL in data:
        yield at, "it" if data == FILL else data
