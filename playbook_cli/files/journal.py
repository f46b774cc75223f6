"""Append and read JSON lines: a record is whole or absent, a torn last line never happened.

Only small parts of the standard library are imported, and orjson with the first record: training scripts pay for this.
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
"""So many records of each period are written as they come."""
TOGETHER = 64
"""The others are written so many at a time."""


class Journal:
    """A file of JSON lines that one process appends to.

    Each record is one write call, so that it survives the death of the process; `durable` also waits for the disk.
    A torn last line that an earlier writer left is cut off.
    """

    def __init__(self, path: str | os.PathLike[str], *, durable: bool = False) -> None:
        from playbook_cli.files import regular

        self._fd = regular.descriptor(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._path = path
        self._durable = durable
        _cut_torn_tail(self._fd)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write `record`; OSError where the disk does not take it, and then nothing of it remains."""
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
        """Close the file; harmless when it is closed already."""
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
            raise OSError(28, "no space left to write a whole record", os.fspath(self._path))

    def _named(self, error: OSError) -> OSError:
        from playbook_cli.files import regular

        return regular.named(error, self._path)


class QuickJournal(Journal):
    """A journal that costs a loop little which appends thousands of records a second.

    The first 16 records of every 10 ms are written as they come. Those that come still faster are held back and
    written together: at 64 of them, at the first `append` or `settle` after the 10 ms, at `flush` and `close`, when
    the interpreter exits, and before it forks. No thread and no signal does that, for both would be felt in the
    caller's program: a process that is killed loses what it holds, at most 63 records, and none of a loop that takes
    a millisecond for each.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._held: list[bytes] = []
        self._due = 0.0
        """When the period ends, on the monotonic clock."""
        self._at_once = 0
        """Records of this period that may still be written as they come."""
        _quick.append(self)

    def append(self, record: Mapping[str, Any]) -> None:
        """Write `record`, or hold it back for a moment. OSError as in `flush`."""
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
        """Write what was held back for long enough. Cheap enough for every step of training."""
        if self._held and monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Write what is held back; OSError where the disk does not take it, and then nothing of it remains."""
        lines: list[bytes] = []
        take = self._held.pop
        try:
            while True:
                lines.append(take(0))  # so that another thread may append or flush meanwhile
        except IndexError:
            pass
        if lines:
            self._write(b"".join(lines))

    def close(self) -> None:
        """Write what is held back, and close the file; harmless when it is closed already."""
        if self in _quick:
            _quick.remove(self)
        try:
            self.flush()
        finally:
            super().close()


_quick: list[QuickJournal] = []


def flush_all() -> None:
    """Write what open journals hold back; for a process that ends by os._exit."""
    for journal in _quick:
        journal.flush()


atexit.register(flush_all)
os.register_at_fork(before=flush_all)  # else the child would write them, too


def read(path: str | os.PathLike[str], *, pass_over_damage: bool = False) -> list[dict[str, Any]]:
    """All records of a journal, in order; [] where there is no file.

    JournalError, with file and line, where a line that is not the last one is damaged, unless it is to be passed over.
    """
    from playbook_cli.files import regular

    try:
        content = regular.content(path)
    except FileNotFoundError:
        return []
    lines = content.split(b"\n")
    lines.pop()  # what follows the last line break: nothing, or a torn record
    if lines and b"\0" in lines[-1]:
        lines.pop()  # torn, too: of a record over two blocks of the disk, a power loss may leave the second alone
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
                hint="the file was edited or damaged; restore it, or delete the line to go on without it",
            )
    return records


def rewrite(path: str | os.PathLike[str], records: Iterable[Mapping[str, Any]]) -> None:
    """Replace a journal by these records, at once or not at all."""
    from playbook_cli.files import atomic

    atomic.write(path, b"".join(map(_line, records)))


def set_aside(path: str | os.PathLike[str]) -> str | None:
    """Move a file that has content, or a folder, out of the way: to the first free of NAME.1, NAME.2, ...

    The new path; None where there is nothing to move.
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
    """The record as one line of JSON; what orjson has no word for (NaN, infinities, long integers) as Python has it."""
    try:
        line = _encoder()(record)
    except TypeError:
        return _plainly(record)
    return line if b"null" not in line else _plainly(record)


def warm_up() -> None:
    """Load what the first record needs, so that processes which are forked from this one have it."""
    _encoder()


@cache
def _encoder() -> Callable[[Mapping[str, Any]], bytes]:
    """orjson's, which takes a twentieth of the time; Python's own where a script's environment lacks it."""
    try:
        import orjson
    except ImportError:
        return _plainly
    return partial(orjson.dumps, option=orjson.OPT_APPEND_NEWLINE)


def _plainly(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
