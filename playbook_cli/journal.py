"""Append and read JSON lines: a record is whole or absent, a torn last line never happened.

Only the standard library's os and json are imported: training scripts pay for this module.
"""

from __future__ import annotations

import json
import os

from playbook_cli.errors import JournalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


class Journal:
    """A file of JSON lines that one process appends to.

    Each record is one write call, so that it survives the death of the process; `durable` also waits for the disk.
    A torn last line that an earlier writer left is cut off.
    """

    def __init__(self, path: str | os.PathLike[str], *, durable: bool = False) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._durable = durable
        _cut_torn_tail(self._fd)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write `record`; OSError where the disk does not take it, and then nothing of it remains."""
        line = json.dumps(record).encode() + b"\n"
        written = os.write(self._fd, line)
        if written != len(line):
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise OSError(28, "no space left to write a whole record")
        if self._durable:
            os.fsync(self._fd)

    def close(self) -> None:
        """Close the file; harmless when it is closed already."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """All records of a journal, in order; [] where there is no file.

    JournalError, with file and line, where a line that is not the last one is damaged.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return []
    lines = content.split(b"\n")
    lines.pop()  # what follows the last line break: nothing, or a torn record
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise JournalError(
                "this line is not a JSON object",
                where=f"{os.fspath(path)}:{number}",
                hint="the file was edited or damaged; restore it, or delete the line to go on without it",
            )
        records.append(record)
    return records


def rewrite(path: str | os.PathLike[str], records: Iterable[Mapping[str, Any]]) -> None:
    """Replace a journal by these records, at once or not at all."""
    temporary = f"{os.fspath(path)}.tmp"
    with open(temporary, "wb") as file:
        file.writelines(json.dumps(record).encode() + b"\n" for record in records)
    os.replace(temporary, path)


def set_aside(path: str | os.PathLike[str]) -> None:
    """Move a journal that has content out of the way, to the first free of NAME.1, NAME.2, ..."""
    try:
        if os.stat(path).st_size == 0:
            return
    except FileNotFoundError:
        return
    number = 1
    while os.path.exists(aside := f"{os.fspath(path)}.{number}"):
        number += 1
    os.rename(path, aside)


def _cut_torn_tail(fd: int) -> None:
    end = os.fstat(fd).st_size
    keep = end
    while keep > 0:
        start = max(0, keep - 65536)
        found = os.pread(fd, keep - start, start).rfind(b"\n")
        if found >= 0:
            keep = start + found + 1
            break
        keep = start
    if keep != end:
        os.ftruncate(fd, keep)
