"""What each key of a study file affects, and so when it may be changed: declared once, beside each key in `model`."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


class Affects(enum.Enum):
    """What depends on a key. A study in which a trial has ended well refuses a change of what its results depend on."""

    PROGRAM = enum.auto()
    """What is trained: the results."""
    TRAINING = enum.auto()
    """How it is trained, how long, and what is recorded of it: the results."""
    SEARCH = enum.auto()
    """Which trials there are."""
    SIZE = enum.auto()
    """How many trials there are: it may grow at any time."""
    LAUNCHING = enum.auto()
    """Where and when trials run: it may be changed at any time, and counts from the next run on."""
    READING = enum.auto()
    """What is made of the results: it may be changed at any time, and counts at once."""
    OTHER_VERBS = enum.auto()
    """What other verbs than `run` make of the study: it may be changed at any time."""

    @property
    def decides_results(self) -> bool:
        """Whether trials from before and after a change can't stand in one study."""
        return self in (Affects.PROGRAM, Affects.TRAINING, Affects.SEARCH, Affects.SIZE)


def declared(field: FieldInfo) -> Affects | None:
    """What a field says of itself; None where it says nothing."""
    return next((what for what in field.metadata if isinstance(what, Affects)), None)


def affects(model: type[BaseModel], key: str) -> Affects:
    """What a dotted key of a study file affects, such as `resources.timeout`: as its innermost declaration says.

    KeyError where there is no such key, or nothing on the way declares it.
    """
    found: Affects | None = None
    section: type[BaseModel] | None = model
    for part in key.split("."):
        field = _field(section, part)
        if field is None:
            break
        found = declared(field) or found
        annotation: Any = field.annotation
        section = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    if found is None:
        raise KeyError(key)
    return found


def fields(model: type[BaseModel], *what: Affects) -> tuple[str, ...]:
    """The names of the fields that affect one of these, in the order of the model."""
    return tuple(name for name, field in model.model_fields.items() if declared(field) in what)


def _field(section: type[BaseModel] | None, part: str) -> FieldInfo | None:
    if section is None:
        return None
    fields = section.model_fields
    return fields.get(part) or next((field for field in fields.values() if field.alias == part), None)
