"""CSV and JSON-lines files as rows, all at once or as they grow.

A row is a mapping of names to cells: text in a CSV file, numbers, text, booleans and None in JSON lines. A last line
without its line break is still being written, and waits for the rest.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from playbook_cli.errors import PlaybookError
from playbook_cli.formats import marks, units
from playbook_cli.formats.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, Any]
_UNNAMED = re.compile(r"(Unnamed: \d+)?")
"""Header of an unnamed column; pandas writes its row numbers under it."""

MAX_LINE = 1_000_000
"""Maximal bytes of one line; longer lines are not a table and are skipped."""
MAX_PROBLEMS = 5
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")


_MARKED = re.compile(rb"\d,\d|%|\d ?[A-Za-z\xc2]")
"""Bytes that a file must contain for its numbers to be ambiguous or to have a unit."""


class Rows(Protocol):
    """Turns the bytes of a file into rows."""

    problems: list[str]
    """The first few things that could not be read, each with its line."""

    def feed(self, data: bytes) -> list[Row]:
        """The rows that these additional bytes complete."""
        ...


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of a whole file."""

    rows: list[Row]
    problems: list[str]
    """The first few things that could not be read, each with its line."""
    differing: Sequence[str] = ()
    """Names shared by several columns with different values; these columns are left out."""


def read_csv(content: bytes) -> Table:
    """The rows of a CSV file; a last line without a line break counts if it is a whole row.

    PlaybookError if a column's numbers can be read two ways, or are in several units. Columns of the same name are
    merged if they hold the same; else they are left out and reported as a problem.
    """
    reader = CsvRows(whole=True)
    table = replace(_read(reader, content), differing=reader.differing)
    for row in table.rows:
        for name in reader.differing:
            row.pop(name, None)
    columns = {name: [row[name] for row in table.rows if name in row] for row in table.rows[:1] for name in row}
    found, unclear = columns, None
    if _MARKED.search(content):
        bare, mixed = units.without(columns)
        if mixed:
            raise PlaybookError(mixed, hint="use one unit in this column, or leave it out")
        found, unclear = marks.settled(bare, reader.separator)
    if unclear:
        raise PlaybookError(unclear, hint="write its numbers with a decimal point and without commas")
    if found == columns:
        return table
    cells = {name: iter(column) for name, column in found.items()}
    rows = [{name: next(cells[name]) if name in cells else cell for name, cell in row.items()} for row in table.rows]
    return replace(table, rows=rows)


def read_json_lines(content: bytes) -> Table:
    """The objects of a JSON-lines file, flattened; a last line without a line break counts if it is an object."""
    return _read(JsonRows(), content)


def _read(reader: Rows, content: bytes) -> Table:
    rows = reader.feed(content)
    whole = list(reader.problems)
    if not content.endswith(b"\n"):
        rows += reader.feed(b"\n")
    return Table(rows=rows, problems=whole)


def number(cell: object) -> float | None:
    """A cell as a number; None if it is empty or not a number. `1,024` and `98%` are numbers, True is not."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, int | float):
        return _float(cell)
    if not isinstance(cell, str):
        return None
    text = cell.strip().rstrip(",;:%)]}")
    if "_" in text:  # Python reads 12_34 as a number
        return None
    return _float(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text)


def _float(value: str | float) -> float | None:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def whole_number(cell: object) -> int | None:
    """A cell as a step, a whole number from 0; None if it is not one."""
    if isinstance(cell, int) and not isinstance(cell, bool):
        return cell if 0 <= cell < 2**63 else None
    value = number(cell)
    return int(value) if value is not None and 0 <= value < 2**63 and value.is_integer() else None


class CsvRows:
    """Rows of a CSV file by its header.

    Fields may be quoted, and quoted fields may contain line breaks. The separator is a comma, or a semicolon or tab if
    the header has no comma; unambiguous numbers decide what commas in numbers mean. An unnamed column is a row counter
    and left out. A repeated header is skipped, and a new one (every cell is text, and one of them is known) applies to
    the rows after it. A row with more or fewer cells than its header is a problem.
    """

    def __init__(self, *, whole: bool = False, step: str = "step") -> None:
        self.problems: list[str] = []
        self.header: list[str] | None = None
        """The names of the columns, once known."""
        self.differing: list[str] = []
        """Names shared by several columns with different values."""
        self.separator = ","
        self._marks: Marks | None = None
        """Interprets commas in numbers; None if the table is read as a whole, and before the header."""
        self._whole, self._step = whole, step
        self._lines = _Lines()
        self._open = b""
        """Lines of a row whose last quoted field is still open."""

    def feed(self, data: bytes) -> list[Row]:
        rows = []
        for line in self._lines.feed(data):
            row = self._open + line
            if row.count(b'"') % 2 and len(row) < MAX_LINE:
                self._open = row + b"\n"
                continue
            self._open = b""
            cells = self._cells(row.decode("utf-8-sig", errors="replace"))
            if any(cells) and (named := self._named(cells)) is not None:
                rows.append(named if self._whole else self._clear(named))
        return rows

    def _clear(self, row: Row) -> Row:
        if self.separator == "," and not any("," in cell for cell in row.values()):
            return row
        if self._marks is None:
            self._marks = Marks(comma=self.separator == ";")
        clear = self._marks.read(row, self._step)
        if self._marks.problem:
            _complain(self.problems, f"line {self._lines.number}: {self._marks.problem}")
        return clear

    def _cells(self, line: str) -> list[str]:
        if self.header is None:
            self.separator = next((mark for mark in ",;\t" if mark in line), ",")
        try:
            cells = next(csv.reader([line], delimiter=self.separator, skipinitialspace=True), [])
        except csv.Error as error:
            _complain(self.problems, f"line {self._lines.number}: {error}")
            return []
        return [cell.strip() for cell in cells]

    def _named(self, cells: list[str]) -> Row | None:
        if self.header is None or self._is_header(cells, self.header):
            self.header = cells
            return None
        if len(cells) != len(self.header):
            count, expected = len(cells), len(self.header)
            _complain(
                self.problems,
                f"line {self._lines.number} has {count} cells, but the header has {expected}: {', '.join(self.header)}",
            )
            return None
        named: Row = {}
        for name, cell in zip(self.header, cells, strict=True):
            if named.setdefault(name, cell) != cell and name not in self.differing and not _UNNAMED.fullmatch(name):
                self.differing.append(name)
                what = f"several columns named {name} have different values"
                _complain(self.problems, f"line {self._lines.number}: {what}")
        return {name: cell for name, cell in named.items() if not self._left_out(name)} or None

    def _left_out(self, name: str) -> bool:
        return name in self.differing or _UNNAMED.fullmatch(name) is not None

    @staticmethod
    def _is_header(cells: list[str], header: list[str]) -> bool:
        return cells == header or (
            all(cell and number(cell) is None for cell in cells) and len(set(cells) & set(header)) * 2 > len(cells)
        )


class JsonRows:
    """Objects of a JSON-lines file, flattened: {"eval": {"loss": 1}} has a cell `eval.loss`.

    Lists are left out. NaN and Infinity are accepted as Python writes them.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._lines = _Lines()

    def feed(self, data: bytes) -> list[Row]:
        rows = []
        for line in self._lines.feed(data):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                value = None
            if isinstance(value, dict):
                rows.append(dict(_flat(value)))
            else:
                shown = line[:80].decode("utf-8", errors="replace")
                _complain(self.problems, f"line {self._lines.number} is not a JSON object: {shown}")
        return rows


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    cells: list[tuple[str, Any]] = []
    for name, cell in value.items():
        if isinstance(cell, dict):
            cells += _flat(cell, f"{prefix}{name}.")
        elif not isinstance(cell, list):
            cells.append((f"{prefix}{name}", cell))
    return cells


class _Lines:
    """Splits chunks into whole lines; a line that is too long is dropped."""

    def __init__(self) -> None:
        self.number = 0
        """Number of the last returned line, from 1."""
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> Any:
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self.number += 1
            if not self._skipping:
                yield line.rstrip(b"\r")
            self._skipping = False
        if len(self._rest) > MAX_LINE:
            self._rest, self._skipping = b"", True


def _complain(problems: list[str], what: str) -> None:
    if len(problems) < MAX_PROBLEMS:
        problems.append(what)
