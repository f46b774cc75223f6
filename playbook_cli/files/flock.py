"""File locks that end with their process, on file systems that have locks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from pathlib import Path


def lock(fd: int, *, shared: bool = False) -> bool | None:
    """Lock an open file without waiting: True if locked, False if another has it, None if locks don't work here."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # ENOSYS, ENOLCK, EOPNOTSUPP and others: none of them says whether it is locked
        return None
    return True


def proven_lock(fd: int, path: Path) -> bool | None:
    """As `lock`, on the file at `path`; also None if the file system grants the same lock to everyone."""
    locked = lock(fd)
    if not locked:
        return locked
    try:
        second = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return True if lock(second) is False else None
    finally:
        os.close(second)
