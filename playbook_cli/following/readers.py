"""Sources of a running program's metrics: its output, or the files that it writes."""

from __future__ import annotations

import glob
import math
import os
import re
from typing import TYPE_CHECKING, Any, Protocol

from playbook_cli.files import journal
from playbook_cli.following.growing import Growing
from playbook_cli.following.printed import Counting, Printed
from playbook_cli.formats.tables import CsvRows, JsonRows, number, whole_number
from playbook_cli.formats.tensorboard import EventReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from playbook_cli.following.printed import Reading
    from playbook_cli.formats.tables import Row, Rows

SHOWN_NAMES = 20
SHOWN_CELL = 40


class Source(Protocol):
    """New evaluations, with the program's names of metrics."""

    problem: str | None
    """Why its data can't be trusted; None if it can."""
    notes: list[str]
    """What was ignored."""

    @property
    def files(self) -> Sequence[str]:
        """The files that it has read."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """The names that the program gives its metrics, as far as they were seen."""
        ...

    def poll(self) -> Iterator[list[Reading]]:
        """The evaluations since the last call."""
        ...

    def finish(self) -> list[Reading]:
        """The evaluations in an incomplete last line, once the program has ended."""
        ...

    def silence(self) -> str:
        """What was found instead of the study's metric."""
        ...


class PrintedSource:
    """Regular expressions over the output."""

    def __init__(self, log: str, patterns: Sequence[str], step: str, counts: Mapping[str, Any] | None = None) -> None:
        self.problem: str | None = None
        self.notes: list[str] = []
        self._file = Growing(path=log, start=os.path.getsize(log) if os.path.exists(log) else 0)
        self._printed = Printed(patterns, step, None if counts is None else Counting(**counts))
        self._log = log

    @property
    def files(self) -> Sequence[str]:
        return [self._log]

    @property
    def names(self) -> Sequence[str]:
        return self._printed.groups

    def poll(self) -> Iterator[list[Reading]]:
        while self.problem is None and (data := self._file.read()[0]):
            readings = self._printed.feed(data)
            self.problem = self._printed.too_slow or self._printed.unclear
            yield readings

    def finish(self) -> list[Reading]:
        readings = self._printed.finish()
        self.problem = self._printed.too_slow or self._printed.unclear
        self.notes += [*self._printed.problems, *self._printed.unmatched]
        return readings

    def silence(self) -> str:
        return "it printed nothing" if self._printed.silent else "; ".join(self.notes) or "no matching line has it"


class TableSource:
    """CSV or JSON-lines files that match the glob `files`, without `own` files; their rows are merged by step."""

    def __init__(self, kind: str, files: str, step: str, *, own: Sequence[str], resuming: bool) -> None:
        self.problem: str | None = None
        self.notes: list[str] = []
        self._kind, self._pattern, self._step = kind, files, step
        self._files: dict[str, tuple[Growing, Rows]] = {}
        self._own = own
        self._resuming = resuming
        self._seen: dict[str, None] = {}
        """Names of all columns."""
        self._texts: dict[str, str] = {}
        """The first cell of each column with text."""
        if not resuming:
            for path in self._paths():
                journal.set_aside(path)

    @property
    def files(self) -> Sequence[str]:
        return list(self._files)

    @property
    def names(self) -> Sequence[str]:
        return [name for name in self._seen if name != self._step]

    def poll(self) -> Iterator[list[Reading]]:
        for path in self._paths():
            file, rows = self._files.setdefault(path, (Growing(path=path), self._reader()))
            while (part := file.read())[0] or part[1]:
                if part[1]:
                    rows = self._reader()
                    self._files[path] = (file, rows)
                yield self._readings(path, rows, rows.feed(part[0]))

    def finish(self) -> list[Reading]:
        readings = [r for path, (_, rows) in self._files.items() for r in self._readings(path, rows, rows.feed(b"\n"))]
        if self._kind == "jsonl":
            self.notes += [f"{path}: {problem}" for path, (_, rows) in self._files.items() for problem in rows.problems]
        return readings

    def silence(self) -> str:
        if not self._files:
            return f"there is no file {self._pattern}"
        names = ", ".join(self._shown(name) for name in list(self._seen)[:SHOWN_NAMES]) or "nothing"
        missing = "set metrics.names to its name there, and metrics.step to the name of the step"
        hint = "set metrics.names to its name there" if self._step in self._seen else missing
        return "; ".join([*self.notes, f"{', '.join(self._files)} has {names}: {hint}"])

    def _shown(self, name: str) -> str:
        return f"{name} ({self._texts[name][:SHOWN_CELL]!r}, not a number)" if name in self._texts else name

    def _paths(self) -> list[str]:
        return sorted(path for path in glob.glob(self._pattern) if path not in self._own)

    def _reader(self) -> Rows:
        return CsvRows(step=self._step) if self._kind == "csv" else JsonRows()

    def _readings(self, path: str, rows: Rows, found: Sequence[Row]) -> list[Reading]:
        readings = []
        header = rows.header if isinstance(rows, CsvRows) else None
        self._seen.update(dict.fromkeys(header or ()))
        if header and self._step not in header:
            self._fail(f"{path} has no column {self._step}; it has {', '.join(header[:SHOWN_NAMES])}: set metrics.step")
        elif self._kind == "csv" and rows.problems and not self._resuming:
            self._fail(f"{path}: {rows.problems[0]}")
        for row in found:
            self._seen.update(dict.fromkeys(row))
            for name, text in row.items():
                if isinstance(text, str) and text and number(text) is None:
                    self._texts.setdefault(name, text)
            cell = row.get(self._step)
            step = whole_number(cell)
            if step is not None:
                values = {name: number(value) for name, value in row.items() if name != self._step}
                readings.append((step, {name: value for name, value in values.items() if value is not None}))
            elif cell not in (None, ""):
                self._fail(
                    f"{path}: {self._step} is {cell!r}, not a whole number: set metrics.step to what counts steps"
                )
        return readings

    def _fail(self, why: str) -> None:
        self.problem = self.problem or why


_OF_A_RUN = re.compile(
    r"(?!1\d{9}(\.\d+)?\Z).*([A-Z][a-z]{2}\d{2}_\d{2}-\d{2}-\d{2}|(?<!\d)1\d{9}(?!\d)|20\d{2}-?[01]\d-?[0-3]\d).*"
)
"""A folder with a date or a time in its name, as SummaryWriter() and many programs name the folder of a run. One that
is a time and no more is that of HParams, whose numbers are no evaluations."""


class EventSource:
    """TensorBoard event files below a folder; tags in a folder below it are its name, a slash, the tag.

    The folder of a run, which has another name in every trial, is no part of the tag. Where `counter` is not `step`, it
    is the tag whose value counts the steps: Lightning writes the epoch beside whatever it logs.
    """

    def __init__(self, files: str, counter: str = "step", *, resuming: bool) -> None:
        self.problem: str | None = None
        self._counter = counter
        self._waiting: dict[str, tuple[int, dict[str, float]]] = {}
        """By file, the last step of its events and what was logged there, until it is known what counts it."""
        self.notes: list[str] = []
        self._pattern = files
        self._files: dict[str, tuple[Growing, EventReader]] = {}
        self._tags: dict[str, None] = {}
        self._writers: dict[str, str] = {}
        """The folder of a run that each tag comes from."""
        self._resuming = resuming
        self._old = set() if resuming else {path for _, path in self._paths()}
        """Files of an earlier attempt, which are ignored."""

    @property
    def files(self) -> Sequence[str]:
        return list(self._files)

    @property
    def names(self) -> Sequence[str]:
        return list(self._tags)

    def poll(self) -> Iterator[list[Reading]]:
        for prefix, path in self._paths():
            if path in self._old:
                continue
            file, events = self._files.setdefault(path, (Growing(path=path), EventReader()))
            while data := file.read()[0]:
                readings: list[Reading] = []
                for event in events.feed(data):
                    values = {f"{prefix}{tag}": value for tag, value in event.scalars.items()}
                    self._note_writer(values, os.path.dirname(path))
                    self._tags.update(dict.fromkeys(values))
                    if self._counter != "step":
                        readings += self._counted(path, event.step, values)
                    elif event.step >= 0:
                        readings.append((event.step, values))
                if events.problem and self.problem is None:
                    self.problem = f"{path}: {events.problem}"
                yield readings

    def _counted(self, path: str, at: int, values: Mapping[str, float]) -> Iterator[Reading]:
        """What was logged at one step of the events, by the value of the tag that counts."""
        before, waiting = self._waiting.get(path, (at, {}))
        waiting = {**(waiting if before == at else {}), **values}
        self._waiting[path] = at, waiting
        count = whole_number(waiting.get(self._counter))
        if count is not None:
            yield count, {tag: value for tag, value in waiting.items() if tag != self._counter}

    def _note_writer(self, tags: Iterable[str], folder: str) -> None:
        """Two runs with one tag are two curves in one; of a trial that resumes they are one curve in two files."""
        if self._resuming:
            return
        for tag in tags:
            other = self._writers.setdefault(tag, folder)
            if other != folder and self.problem is None:
                base = os.path.basename(other)
                self.problem = (
                    f"both {base} and {os.path.basename(folder)} have the tag {tag}: name one of these folders, with "
                    f"a wildcard if its name varies: tensorboard: {self._pattern}/*{_ending(base)}"
                )

    def finish(self) -> list[Reading]:
        return []

    def silence(self) -> str:
        if not self._files:
            return f"there is no event file in {self._pattern}"
        tags = ", ".join(list(self._tags)[:SHOWN_NAMES]) or "(none)"
        if self._counter != "step" and self._counter not in self._tags:
            return f"its event files have no tag {self._counter}, which metrics.step names; they have {tags}"
        below = f"; or, if they contain the folder of a run, write tensorboard: {self._pattern}/*"
        inside = any(os.path.dirname(path) not in glob.glob(self._pattern) for path in self._files)
        return f"its event files have the tags {tags}: name the metric in metrics.names{below if inside else ''}"

    def _paths(self) -> list[tuple[str, str]]:
        found = []
        for root in glob.glob(self._pattern):
            for folder, _, names in os.walk(root):
                parts = [part for part in os.path.relpath(folder, root).split(os.sep) if part != "."]
                prefix = "".join(f"{part}/" for part in parts if not _OF_A_RUN.fullmatch(part))
                found += [(prefix, os.path.join(folder, name)) for name in names if "tfevents" in name]
        return sorted(found, key=lambda each: each[1])


def renamed(values: Mapping[str, float], names: Mapping[str, str], metric: str, *, all_named: bool) -> dict[str, float]:
    """Metrics with the study's names; `names` maps these to the program's.

    A NaN or an infinity counts if the study asks for that metric: by `names`, as its own `metric`, or with `all_named`;
    otherwise it is an empty cell.
    """
    ours = {name: values[theirs] for name, theirs in names.items() if theirs in values}
    mapped = set(names.values())
    for name, value in values.items():
        wanted = all_named or name == metric or math.isfinite(value)
        if name not in mapped and name not in names and wanted and name not in _RESERVED:
            ours[name] = value
    return ours


def _ending(name: str) -> str:
    """What follows the last digit of a name, by which its folder may be known in every trial."""
    return re.split(r"\d", name)[-1]


_RESERVED = ("step", "infeasible", "failed")
