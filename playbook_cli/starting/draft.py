"""A study file in the making: its data, the reasons beside it, and what a person still has to look at."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playbook_cli.spec.load import WIDTH, annotated, validate
from playbook_cli.spec.source import parse

if TYPE_CHECKING:
    from playbook_cli.spec.source import Location


@dataclass(kw_only=True)
class Draft:
    """A proposed study."""

    data: dict[str, Any]
    comments: dict[Location, str] = field(default_factory=dict)
    """Above the keys that they are about."""
    header: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be carried over, or is a guess."""

    def text(self, name: str) -> str:
        """The study file. SpecError where it would be refused, with its lines."""
        notes = [line for note in self.notes for line in textwrap.wrap(f"- {note}", WIDTH - 2)]
        text = annotated(self.data, self.comments, [*self.header, *notes])
        validate(parse(text, name))
        return text


def study_name(text: str) -> str:
    """A name that a study can have, as near to `text` as can be."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:80] or "study"
