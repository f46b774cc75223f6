"""A study file in the making: its data, the reasons beside it, and what a person still has to look at."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from playbook_cli.spec.fill import with_stand_ins
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
        read = parse(text, name)
        validate(replace(read, data=with_stand_ins(read.data)))
        return text

    def guess(self, *at: str | int, why: str) -> None:
        """Mark what stands there as a guess, after what is said of it already."""
        self._add(at, "guess: ", why)

    def fill(self, *at: str | int, what: str) -> None:
        """Say what a person has to fill in there, in the file and to the user."""
        self._add(at, "fill in: ", what)
        self.notes.append(f"fill in {'.'.join(map(str, at))}: {what}")

    def _add(self, at: Location, kind: str, text: str) -> None:
        before = self.comments.get(at)
        last = max((known for known in _KINDS if before and known in before), key=(before or "").rfind, default=None)
        said = text if last == kind else f"{kind}{text}"
        self.comments[at] = f"{before}; {said}" if before else said


_KINDS = ("guess: ", "fill in: ")


def study_name(text: str) -> str:
    """A name that a study can have, as near to `text` as can be."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:80] or "study"
