"""The one file of a pursuit: which studies belong to it and why, a line before each step, and one after it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import JournalError
from playbook_cli.files import journal
from playbook_cli.files.paths import StudyPaths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from playbook_cli.pursuit.loop import Kind
    from playbook_cli.records import Value

FILE = "pursuit.jsonl"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A step as it was planned, and whether it has been taken."""

    kind: Kind
    study: str
    reason: str
    cost: int
    file: str | None = None
    """The study file, by name, in the folder of the user's; None for a step that needs none."""
    text: str | None = None
    """What was written to it; None for the user's own file."""
    changes: Sequence[str] = ()
    left: Sequence[str] = ()
    trials: Sequence[int] = ()
    repeats: int = 0
    baseline: str | None = None
    """The study of the baseline, if it is repeated, too."""
    begins: int = 0
    """Trials that the study had before, if it only grew."""
    done: bool = False
    skipped: str | None = None
    """Why it could not be taken; the pursuit went on without it."""


@dataclass(frozen=True, kw_only=True)
class Diary:
    """What the file says."""

    study: str
    file: str
    """Path of the user's study file."""
    baseline: Mapping[str, Value]
    """The settings to beat."""
    baseline_from: str
    """Where they come from, in words."""
    time: float = 0.0
    """When it began, in seconds since the epoch: what was trained before costs it nothing."""
    pace: float | None = None
    """Seconds per step that one short trial showed; None for a budget of steps."""
    steps: Sequence[Planned] = field(default_factory=list)


def folder(runs: Path, study: str) -> Path:
    """The folder of the pursuit of this study; it has no study of its own."""
    return runs / f"{study}-pursuit"


def paths(runs: Path, study: str) -> StudyPaths:
    """The same, for its lock."""
    return StudyPaths(folder(runs, study))


def read(where: Path) -> Diary | None:
    """The diary in this folder; None if it has not begun. JournalError if a line is damaged."""
    diary: Diary | None = None
    for number, line in enumerate(journal.read(where / FILE), start=1):
        try:
            diary = _with(diary, line)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise JournalError(
                f"this is not an event of a pursuit: {error!r}",
                where=f"{where / FILE}:{number}",
                hint="the file was edited; restore it, or delete it to start over with the existing studies",
            ) from None
    return diary


def _with(diary: Diary | None, line: Mapping[str, Any]) -> Diary:
    about = {name: given for name, given in line.items() if name != "event"}
    if line["event"] == "began":
        return Diary(**about)
    if diary is None:
        raise KeyError("began")
    steps = list(diary.steps)
    if line["event"] == "planned":
        steps.append(Planned(**about))
    elif line["event"] == "done":
        steps[-1] = replace(steps[-1], done=True)
    elif line["event"] == "skipped":
        steps[-1] = replace(steps[-1], done=True, skipped=str(line["reason"]))
    else:
        raise ValueError(line["event"])
    return replace(diary, steps=steps)


def append(where: Path, event: str, **about: Any) -> None:
    """Add an event, durably."""
    where.mkdir(parents=True, exist_ok=True)
    written = journal.Journal(where / FILE, durable=True)
    try:
        written.append({"event": event, **about})
    finally:
        written.close()
