"""Tables as files: CSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from playbook_cli.exporting.tables import Table


def write(tables: Sequence[Table], folder: Path, form: str, *, overwrite: bool) -> list[Path]:
    """Write each table as NAME.EXTENSION into `folder`; the paths. All of them, or none where one can't be written.

    PlaybookError for an unknown format, one whose package is not installed, or files that are there already.
    """
    if form not in FORMATS:
        raise PlaybookError(f"there is no format {form!r}", hint=f"--format with one of: {', '.join(FORMATS)}")
    contents = {folder / f"{table.name}.{form}": FORMATS[form](table) for table in tables}
    there = [path for path in contents if path.exists()]
    if there and not overwrite:
        raise PlaybookError("the file is there already", where=str(there[0]), hint="--overwrite replaces it")
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(content)
        temporary.replace(path)
    return list(contents)


def as_csv(table: Table) -> bytes:
    """Empty cells where a row lacks a column; true, false and null as JSON has them; nan and inf as Python has them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([_cell(row, column) for column in table.columns])
    return _encoded(text.getvalue())


def as_json_lines(table: Table) -> bytes:
    """An object a row, with the columns that it has; NaN and Infinity as Python's json writes them."""
    return b"".join(_encoded(json.dumps(row, ensure_ascii=False)) + b"\n" for row in table.rows)


def as_parquet(table: Table) -> bytes:
    """Nulls where a row lacks a column; a column whose values are of several kinds is text."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise PlaybookError("Parquet needs pyarrow, which is not installed", hint="pip install pyarrow") from None
    columns = {}
    for column in table.columns:
        cells = [row.get(column) for row in table.rows]
        name = _encoded(column).decode()
        try:
            columns[name] = pa.array(cells)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
            columns[name] = pa.array([None if cell is None else _encoded(_text(cell)).decode() for cell in cells])
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink)
    return sink.getvalue()


FORMATS: Mapping[str, Callable[[Table], bytes]] = {"csv": as_csv, "jsonl": as_json_lines, "parquet": as_parquet}


def _cell(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None:
        return "null" if column in row and column.startswith("params.") else ""
    return _text(value)


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | tuple) else str(value)


def _encoded(text: str) -> bytes:
    """As UTF-8; half of a surrogate pair, which has no place there, as the escape that JSON has for it."""
    return text.encode(errors="backslashreplace")
