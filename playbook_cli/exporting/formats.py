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
    """Write each table as NAME.EXTENSION into `folder` and return the paths. If one cannot be written, none is.

    PlaybookError for an unknown format, a format whose package is not installed, or files that already exist.
    """
    if form not in FORMATS:
        raise PlaybookError(
            f"there is no format {form!r}", hint=f"use --format with one of: {', '.join((*FORMATS, *TOOLS))}"
        )
    paths = {folder / f"{table.name}.{form}": table for table in tables}
    there = [path for path in paths if os.path.lexists(path)]
    if there and not overwrite:
        raise PlaybookError("this file already exists", where=str(there[0]), hint="to replace it: --overwrite")
    folder.mkdir(parents=True, exist_ok=True)
    atomic.replace_all({path: partial(FORMATS[form], table) for path, table in paths.items()})
    return list(paths)


def as_csv(table: Table, file: BinaryIO) -> None:
    """CSV with empty cells for missing columns, true, false and null as in JSON, nan and inf as in Python.

    Text that a spreadsheet program would take for a formula gets a leading apostrophe.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", errors=_ESCAPED, newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(escaped, table.columns))
    writer.writerows([_cell(row, column) for column in table.columns] for row in table.rows)
    text.flush()
    text.detach()


def as_json_lines(table: Table, file: BinaryIO) -> None:
    """One object per row, with the columns that it has; NaN and Infinity as Python's json writes them."""
    file.writelines(_encoded(json.dumps(row, ensure_ascii=False)) + b"\n" for row in table.rows)


def as_parquet(table: Table, file: BinaryIO) -> None:
    """Parquet with nulls for missing columns; a column with values of several types becomes text. All in memory."""
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
"""Formats of other tools, which are not plain tables."""


def _cell(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None:
        return "null" if column in row and column.startswith(("params.", "config.")) else ""
    return escaped(value) if isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | tuple) else str(value)


def _encoded(text: str) -> bytes:
    """The text as UTF-8; half of a surrogate pair, which UTF-8 cannot hold, becomes its escape as in JSON."""
    return text.encode(errors=_ESCAPED)


_ESCAPED = "backslashreplace"
