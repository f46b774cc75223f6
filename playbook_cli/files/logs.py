"""The last output of a trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.files import containment

if TYPE_CHECKING:
    from pathlib import Path

LENGTH = 300
"""Characters shown of a line: the first ones, since an exception begins with its type."""
WINDOW_BYTES = 20_000
MOST_BYTES = 1 << 26
"""Bytes searched for the start of the last lines; of a longer line, only the end is found."""


def said(log: Path, length: int = 200) -> str | None:
    """The last line that a program printed, cut to `length` characters; None if it printed nothing."""
    return next((line.strip()[:length] for line in last_lines(log, 1)), None)


def printed(log: Path, start: int = 0, most: int = WINDOW_BYTES) -> str:
    """The end of a log, at most so many bytes, from byte `start` at the earliest; "" if it can't be read."""
    try:
        with containment.opened(log) as file:
            size = file.seek(0, 2)
            file.seek(max(start, size - most))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def last_lines(log: Path, count: int, start: int = 0) -> list[str]:
    """The last lines of a log that are not empty, from byte `start` at the earliest; [] if it can't be read."""
    window = WINDOW_BYTES
    try:
        with containment.opened(log) as file:
            size = file.seek(0, 2)
            while True:
                begin = file.seek(max(start, size - window))
                lines = file.read(size - begin).rstrip().split(b"\n")
                if begin == start or len(lines) > count or window >= MOST_BYTES:
                    break
                window *= 8
    except (OSError, ValueError):  # ValueError: it ends before `start`
        return []
    return [shown for line in lines[-count:] if (shown := line.decode("utf-8", errors="replace")[:LENGTH].rstrip())]
