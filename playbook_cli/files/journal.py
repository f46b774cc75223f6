"""Append and read JSON lines: a record is complete or absent, and a torn last line is ignored.

It imports only small parts of the standard library, and orjson with the first record, since training scripts load it.
"""

from __future__ import annotations

import atexit
import json
import os
from functools import cache, partial
from time import monotonic

from playbook_cli.errors import JournalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

PERIOD_SECONDS = 0.01
AT_ONCE = 16
"""Number of records per period that are written at once."""
TOGETHER = 64
"""Further records are written in batches of this size."""


class Journal:
    """A file of JSON lines that one process appends to.

    Each record is one write call, so that it survives the death of the process; `durable` also waits for the disk. A
    torn last line of an earlier writer is cut off.
    """

    def __init__(self, path: str | os.PathLike[str], *, durable: bool = False) -> None:
        from playbook_cli.files import regular

        self._fd = regular.descriptor(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._path = path
        self._durable = durable
        _cut_torn_tail(self._fd)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write `record`. OSError if it can't be written; then no part of it remains."""
        self._write(_line(record))
        if self._durable:
            from playbook_cli.files.atomic import sync_open

            try:
                sync_open(self._fd)
            except OSError as error:
                raise self._named(error) from None

    def fileno(self) -> int:
        """The open file's descriptor."""
        return self._fd

    def close(self) -> None:
        """Close the file; does nothing if it is closed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, lines: bytes) -> None:
        try:
            written = os.write(self._fd, lines)
        except OSError as error:
            raise self._named(error) from None
        if written != len(lines):
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise OSError(28, "no space left for a complete record", os.fspath(self._path))

    def _named(self, error: OSError) -> OSError:
        from playbook_cli.files import regular

        return regular.named(error, self._path)


class QuickJournal(Journal):
    """A journal that is cheap for a loop that appends thousands of records per second.

    The first 16 records of every 10 ms are written at once. Further ones are buffered and written together: when there
    are 64, at the first `append` or `settle` after the 10 ms, at `flush` and `close`, when the interpreter exits, and
    before it forks. No thread or signal does that, since both would affect the caller's program. A process that is
    killed loses its buffer, at most 63 records, and nothing if each record takes a millisecond.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._held: list[bytes] = []
        self._due = 0.0
        """When the period ends, by the monotonic clock."""
        self._at_once = 0
        """Number of records in this period that may still be written at once."""
        _quick.append(self)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write `record`, or buffer it for a moment. OSError as in `flush`."""
        held = self._held
        held.append(_line(record))
        now = monotonic()
        if now >= self._due:
            self._due = now + PERIOD_SECONDS
            self._at_once = AT_ONCE
        if self._at_once > 0:
            self._at_once -= 1
            self.flush()
        elif len(held) >= TOGETHER:
            self.flush()

    def settle(self) -> None:
        """Write the buffer if its period has ended. Cheap enough for every training step."""
        if self._held and monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Write the buffer. OSError if it can't be written; then no part of it remains."""
        lines: list[bytes] = []
        take = self._held.pop
        try:
            while True:
                lines.append(take(0))  # so that another thread may append or flush at the same time
        except IndexError:
            pass
        if lines:
            self._write(b"".join(lines))

    def close(self) -> None:
        """Write the buffer and close the file; does nothing if it is closed."""
        if self in _quick:
            _quick.remove(self)
        try:
            self.flush()
        finally:
            super().close()


_quick: list[QuickJournal] = []


def flush_all() -> None:
    """Write the buffers of all open journals; for a process that ends by os._exit."""
    for journal in _quick:
        journal.flush()


atexit.register(flush_all)
os.register_at_fork(before=flush_all)  # else the child would write them, too


def read(path: str | os.PathLike[str], *, pass_over_damage: bool = False) -> list[dict[str, Any]]:
    """All records of a journal, in order; [] if there is no file.

    JournalError, with file and line, if a line other than the last is damaged, unless `pass_over_damage`.
    """
    from playbook_cli.files import regular

    try:
        content = regular.content(path)
    except FileNotFoundError:
        return []
    lines = content.split(b"\n")
    lines.pop()  # what follows the last line break: nothing, or a torn record
    if lines and b"\0" in lines[-1]:
        lines.pop()  # torn, too: if a record spans two disk blocks, a power loss may leave only the second
    try:
        records = json.loads(b"[" + b",".join(lines) + b"]")
        if len(records) == len(lines) and set(map(type, records)) <= {dict}:
            return list(records)
    except (ValueError, RecursionError):
        pass
    return _line_by_line(path, lines, pass_over_damage=pass_over_damage)


def _line_by_line(path: str | os.PathLike[str], lines: list[bytes], *, pass_over_damage: bool) -> list[dict[str, Any]]:
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            records.append(record)
        elif not pass_over_damage:
            raise JournalError(
                "this line is not a JSON object",
                where=f"{os.fspath(path)}:{number}",
                hint="the file was edited or damaged; restore it, or delete the line to continue without it",
            )
    return records


def rewrite(path: str | os.PathLike[str], records: Iterable[Mapping[str, Any]]) -> None:
    """Replace the records of a journal atomically."""
    from playbook_cli.files import atomic

    atomic.write(path, b"".join(map(_line, records)))


def set_aside(path: str | os.PathLike[str]) -> str | None:
    """Rename a file that is not empty, or a folder, to the first free one of NAME.1, NAME.2, ...

    Returns the new path; None if there is nothing to move.
    """
    try:
        if os.stat(path).st_size == 0 and not os.path.isdir(path):
            return None
    except FileNotFoundError:
        return None
    number = 1
    while os.path.lexists(aside := f"{os.fspath(path)}.{number}"):
        number += 1
    os.rename(path, aside)
    return aside


def _cut_torn_tail(fd: int) -> None:
    end = os.fstat(fd).st_size
    keep = _line_start(fd, end)
    last = _line_start(fd, keep - 1) if keep else 0
    if b"\0" in os.pread(fd, keep - last, last):
        keep = last
    if keep != end:
        os.ftruncate(fd, keep)


def _line_start(fd: int, end: int) -> int:
    """Where the last line of a file's first `end` bytes begins: after their last line break, or at 0."""
    while end > 0:
        start = max(0, end - 65536)
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _line(record: Mapping[str, Any]) -> bytes:
    """The record as one line of JSON; NaN, infinities and long integers, which orjson lacks, as Python writes them."""
    try:
        line = _encoder()(record)
    except TypeError:
        return _plainly(record)
    return line if b"null" not in line else _plainly(record)


def warm_up() -> None:
    """Load what the first record needs, so that forked processes have it."""
    _encoder()


@cache
def _encoder() -> Callable[[Mapping[str, Any]], bytes]:
    """The encoder of orjson, which takes a twentieth of the time; Python's own if orjson is not installed."""
    try:
        import orjson
    except ImportError:
        return _plainly
    return partial(orjson.dumps, option=orjson.OPT_APPEND_NEWLINE)


def _plainly(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
