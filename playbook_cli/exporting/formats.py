"""Tables as files: CSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import io
import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from playbook_cli.errors import PlaybookError
from playbook_cli.files import atomic
from playbook_cli.importing.cells import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from playbook_cli.exporting.tables import Table


def write(tables: Sequence[Table], folder: Path, form: str, *, overwrite: bool) -> list[Path]:
    """Write each table as NAME.EXTENSION into `folder`; the paths. All of them, or none where one can't be written.

    PlaybookError for an unknown format, one whose package is not installed, or files that are there already.
    """
    if form not in FORMATS:
        raise PlaybookError(
            f"there is no format {form!r}", hint=f"--format with one of: {', '.join((*FORMATS, *TOOLS))}"
        )
    paths = {folder / f"{table.name}.{form}": table for table in tables}
    there = [path for path in paths if os.path.lexists(path)]
    if there and not overwrite:
        raise PlaybookError("the file is there already", where=str(there[0]), hint="--overwrite replaces it")
    folder.mkdir(parents=True, exist_ok=True)
    atomic.replace_all({path: partial(FORMATS[form], table) for path, table in paths.items()})
    return list(paths)


def as_csv(table: Table, file: BinaryIO) -> None:
    """Empty cells where a row lacks a column; true, false and null as JSON has them; nan and inf as Python has them.

    An apostrophe stands before text that a spreadsheet program would take for a formula.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", errors=_ESCAPED, newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(escaped, table.columns))
    writer.writerows([_cell(row, column) for column in table.columns] for row in table.rows)
    text.flush()
    text.detach()


def as_json_lines(table: Table, file: BinaryIO) -> None:
    """An object a row, with the columns that it has; NaN and Infinity as Python's json writes them."""
    file.writelines(_encoded(json.dumps(row, ensure_ascii=False)) + b"\n" for row in table.rows)


def as_parquet(table: Table, file: BinaryIO) -> None:
    """Nulls where a row lacks a column; a column whose values are of several kinds is text. It holds them all."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise PlaybookError("Parquet needs pyarrow, which is not installed", hint="pip install pyarrow") from None
    columns = {}
    rows = list(table.rows)
    for column in table.columns:
        cells = [row.get(column) for row in rows]
        name = _encoded(column).decode()
        try:
            columns[name] = pa.array(cells)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
            columns[name] = pa.array([None if cell is None else _encoded(_text(cell)).decode() for cell in cells])
    parquet.write_table(pa.table(columns), file)


FORMATS: Mapping[str, Callable[[Table, BinaryIO], None]] = {
    "csv": as_csv,
    "jsonl": as_json_lines,
    "parquet": as_parquet,
}


TOOLS = ("mlflow", "tensorboard", "wandb")
"""Formats that are not one of tables."""


def _cell(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None:
        return "null" if column in row and column.startswith(("params.", "config.")) else ""
    return escaped(value) if isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | tuple) else str(value)


def _encoded(text: str) -> bytes:
    """As UTF-8; half of a surrogate pair, which has no place there, as the escape that JSON has for it."""
    return text.encode(errors=_ESCAPED)


_ESCAPED = "backslashreplace"
