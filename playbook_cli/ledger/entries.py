"""The ledger's file: adoptions and notes, one JSON object per line, append-only."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from playbook_cli.errors import JournalError, StudyError
from playbook_cli.files import journal, regular
from playbook_cli.files.flock import lock
from playbook_cli.storage import events

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from playbook_cli.records import Value

FILE = "ledger.jsonl"
"""Its name, in the folder that holds all studies."""
LOCK_SECONDS = 10.0
"""How long a writer waits for another one."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Result of a trial's repeats, in the metric's units."""

    n: int
    """Number of completed repeats."""
    mean: float
    sd: float | None
    """Standard deviation of the repeats; None for a single one."""


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """A study became the baseline: with which trial, replacing what, and with what evidence."""

    EVENT: ClassVar[str] = "adopted"

    time: float
    """Seconds since the epoch."""
    user: str
    study: str
    """Name of its folder."""
    metric: str
    goal: str
    """`minimize` or `maximize`."""
    trial: int
    value: float
    """The trial's own result; optimistic, since the trial was selected for it."""
    step: int
    params: Mapping[str, Value]
    trials: Mapping[str, int]
    """Number of trials of the search by state."""
    repeats: Estimate | None
    """The result of its repeats; None if there are none."""
    warnings: Sequence[Mapping[str, str | None]]
    """Warnings of the report at that time: rule, subject, message."""
    over: str | None
    """Folder of the previous baseline."""
    comparison: Mapping[str, Any] | None
    """The result of `compare` for the two."""
    against: Sequence[str]
    """Objections, as sentences."""
    note: str | None

    def same(self, other: Adoption) -> bool:
        """Whether both record the same, except user and time; a missing note counts as the same."""
        mine, theirs = (replace(entry, time=0.0, user="") for entry in (self, other))
        return _plain(mine if mine.note else replace(mine, note=theirs.note)) == _plain(theirs)


@dataclass(frozen=True, kw_only=True)
class Note:
    """A user's note on a study."""

    EVENT: ClassVar[str] = "noted"

    time: float
    user: str
    study: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """All entries, oldest first."""

    adopted: Sequence[Adoption] = ()
    notes: Sequence[Note] = ()

    def latest(self, study: str) -> Adoption | None:
        """The latest adoption of this study, unless another study has replaced it since."""
        latest = None
        for entry in self.adopted:
            if entry.study == study:
                latest = entry
            elif entry.over == study:
                latest = None
        return latest


def read(runs: Path) -> Ledger:
    """The ledger of this folder, empty if there is none. JournalError if a line is damaged."""
    adopted, notes = [], []
    for number, line in enumerate(journal.read(runs / FILE), start=1):
        try:
            if line["event"] == Adoption.EVENT:
                adopted.append(_adoption(line))
            elif line["event"] == Note.EVENT:
                notes.append(Note(**{field.name: _typed(line, field.name) for field in fields(Note)}))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise JournalError(
                f"this is not a ledger entry: {error!r}",
                where=f"{runs / FILE}:{number}",
                hint="the file was edited; restore it, or delete the line to continue without it",
            ) from None
    return Ledger(adopted=adopted, notes=notes)


def as_json(entry: Adoption | Note) -> dict[str, Any]:
    """The entry as the JSON object of its line in the file."""
    return {"event": entry.EVENT, **_plain(entry)}


def adopt(runs: Path, entry: Adoption) -> bool:
    """Add an adoption; returns False, and adds nothing, if the current one of this study says the same."""
    with _writing(runs):
        standing = read(runs).latest(entry.study)
        if standing is not None and entry.same(standing):
            return False
        _append(runs, entry)
    return True


def note(runs: Path, entry: Note) -> None:
    """Add a note."""
    with _writing(runs):
        _append(runs, entry)


def _append(runs: Path, entry: Adoption | Note) -> None:
    written = journal.Journal(runs / FILE, durable=True)
    try:
        written.append(as_json(entry))
    finally:
        written.close()


@contextmanager
def _writing(runs: Path) -> Iterator[None]:
    """Lock the ledger for one writer, on any machine. StudyError if another writer keeps it locked."""
    fd = regular.descriptor(runs / FILE, os.O_RDWR | os.O_CREAT)
    deadline = time.monotonic() + LOCK_SECONDS
    try:
        while True:
            if lock(fd) is not False:  # without locks, that is enough: an entry is one line, appended in one call
                break
            if time.monotonic() > deadline:
                raise StudyError(
                    "another process keeps the ledger locked",
                    where=str(runs / FILE),
                    hint="nothing was written; run the command again",
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(fd)


def _plain(entry: Adoption | Note) -> dict[str, Any]:
    """The entry in JSON types."""
    return {name: _lists(value) for name, value in asdict(entry).items()}


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lists(item) for name, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value


def _adoption(line: Mapping[str, Any]) -> Adoption:
    known = {field.name: _typed(line, field.name) for field in fields(Adoption)}
    known["params"] = events.settings(line, "params")
    known["repeats"] = None if line["repeats"] is None else _estimate(line["repeats"])
    if not all(isinstance(sentence, str) for sentence in known["against"]):
        raise TypeError("against has a value that is not text")
    return Adoption(**known)


def _estimate(given: Mapping[str, Any]) -> Estimate:
    return Estimate(n=_typed(given, "n"), mean=_typed(given, "mean"), sd=_typed(given, "sd"))


def _typed(line: Mapping[str, Any], name: str) -> Any:
    """A field, if it has the type that it was written with."""
    value = line[name]
    kinds = _TYPES[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{name} is {value!r:.40}")
    if isinstance(value, int) and abs(value) >= events.MAX_SECONDS:
        raise ValueError(f"{name} is a number of many digits")
    return value


_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("user", "study", "metric", "goal", "text"), (str,)),
    **dict.fromkeys(("over", "note"), (str, type(None))),
    **dict.fromkeys(("trial", "step", "n"), (int,)),
    **dict.fromkeys(("time", "value", "mean"), (int, float)),
    **dict.fromkeys(("params", "trials"), (dict,)),
    **dict.fromkeys(("warnings", "against"), (list,)),
    "comparison": (dict, type(None)),
    "repeats": (dict, type(None)),
    "sd": (int, float, type(None)),
}
