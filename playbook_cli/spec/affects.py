"""What each key of a study file affects, and thus when it may change: declared once, beside each key in `model`."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


class Affects(enum.Enum):
    """What depends on a key. Once a trial has a result, keys that its results depend on can't change."""

    PROGRAM = enum.auto()
    """What is trained; affects results."""
    TRAINING = enum.auto()
    """How and how long it is trained, and what is recorded; affects results."""
    SEARCH = enum.auto()
    """Which trials there are."""
    SIZE = enum.auto()
    """How many trials there are; the number may grow at any time."""
    LAUNCHING = enum.auto()
    """Where and when trials run; may change at any time, and applies from the next run on."""
    READING = enum.auto()
    """How results are read; may change at any time, and applies at once."""
    OTHER_VERBS = enum.auto()
    """What verbs other than `run` do with the study; may change at any time."""

    @property
    def decides_results(self) -> bool:
        """Whether trials from before and after a change can't be in the same study."""
        return self in (Affects.PROGRAM, Affects.TRAINING, Affects.SEARCH, Affects.SIZE)


def declared(field: FieldInfo) -> Affects | None:
    """What a field declares about itself; None if nothing."""
    return next((what for what in field.metadata if isinstance(what, Affects)), None)


def affects(model: type[BaseModel], key: str) -> Affects:
    """What a dotted key of a study file, such as `resources.timeout`, affects, by its innermost declaration.

    KeyError if there is no such key, or if no section around it declares it.
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
    """The names of the fields that affect any of these, in the order of the model."""
    return tuple(name for name, field in model.model_fields.items() if declared(field) in what)


def _field(section: type[BaseModel] | None, part: str) -> FieldInfo | None:
    if section is None:
        return None
    fields = section.model_fields
    return fields.get(part) or next((field for field in fields.values() if field.alias == part), None)
