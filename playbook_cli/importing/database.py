"""SQLite files that other tools wrote, opened read-only and without trust in their content."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from playbook_cli.errors import PlaybookError
from playbook_cli.files import regular

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 120.0
"""A query that takes longer is cancelled, because a file can hold a computation that never ends."""
_BEGINS = b"SQLite format 3\x00"
_VIRTUAL = re.compile(r"\s*CREATE\s+VIRTUAL\b", re.IGNORECASE)
_STEPS = 100_000
"""Number of SQLite's instructions between checks of the clock."""


def path_of(source: str) -> str:
    """The file that a source names: itself, or what follows `sqlite:///`."""
    match = re.fullmatch(r"sqlite(?:\+\w+)?:///(.+)", source)
    return match[1] if match else source


def is_sqlite(source: str) -> bool:
    """Whether this names an SQLite file."""
    try:
        with regular.opened(path_of(source)) as file:
            return file.read(len(_BEGINS)) == _BEGINS
    except (OSError, ValueError):
        return False


def tables(source: str) -> set[str]:
    """The names of the tables in an SQLite file; empty if it is not one."""
    if not is_sqlite(source):
        return set()
    try:
        with opened(source) as database:
            return set(plain_tables(database))
    except PlaybookError:
        return set()


def plain_tables(database: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of each plain table, which excludes views and virtual tables because they compute."""
    kept = database.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
    names = [name for name, kind, sql in kept if kind == "table" and not _VIRTUAL.match(str(sql or ""))]
    return {
        str(name): [str(row[1]) for row in database.execute("SELECT * FROM pragma_table_info(?)", (name,))]
        for name in names
    }


@contextmanager
def opened(source: str) -> Iterator[sqlite3.Connection]:
    """A read-only connection. PlaybookError if it is not an SQLite file, is damaged, or takes too long.

    Text that is not UTF-8 is read with its bad bytes replaced.
    """
    path = path_of(source)
    uri = f"file:{quote(str(Path(path).absolute()))}?mode=ro"
    try:
        with regular.opened(path), closing(sqlite3.connect(uri, uri=True)) as database:
            deadline = time.monotonic() + SECONDS
            database.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            database.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA query_only = ON")
            yield database
    except OSError as error:
        raise PlaybookError(f"cannot read this file: {error.strerror}", where=source) from None
    except UnicodeDecodeError:  # SQLite quotes what it cannot decode
        raise PlaybookError("cannot read this database: its schema is damaged", where=source) from None
    except (sqlite3.Error, OverflowError) as error:
        raise PlaybookError(f"cannot read this database: {error}", where=source) from None


def one_file(folder: Path, wanted: set[str]) -> Path | None:
    """The only database in a folder that has these tables."""
    found = [path for path in sorted(folder.glob("*.db")) if tables(str(path)) >= wanted]
    return found[0] if len(found) == 1 else None
