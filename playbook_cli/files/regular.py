"""Open regular files only: anything else in their place is an immediate error, never a wait.

All code that reads or appends to a file that may come from someone else opens it here. It imports only small parts of
the standard library, since training scripts load it.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_NEVER_WAIT = os.O_NONBLOCK | os.O_CLOEXEC
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def descriptor(path: str | os.PathLike[str], flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
    """A descriptor of a regular file; with O_CREAT in `flags`, a new one is created if there is none.

    OSError, which names `path`, if it can't be opened, or is a folder, a pipe, a socket or a device. Links are
    followed, unless `flags` include O_NOFOLLOW.
    """
    try:
        _require(os.stat(path, follow_symlinks=not flags & os.O_NOFOLLOW), path)  # opening a device may have effects
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    file = os.open(path, flags | _NEVER_WAIT, mode)
    try:
        _require(os.fstat(file), path)
        if flags & (os.O_WRONLY | os.O_RDWR):
            os.set_blocking(file, True)  # a program may get it as its output
    except OSError:
        os.close(file)
        raise
    return file


def opened(path: str | os.PathLike[str], flags: int = 0) -> BinaryIO:
    """A regular file to read. OSError as `descriptor`."""
    return os.fdopen(descriptor(path, os.O_RDONLY | flags), "rb")


def appended(path: str | os.PathLike[str]) -> BinaryIO:
    """A regular file to append to, created if there is none. OSError as `descriptor`; links are not followed."""
    return os.fdopen(descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW), "ab")


def content(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a regular file. OSError as `descriptor`."""
    try:
        with opened(path) as file:
            return file.read()
    except OSError as error:
        raise named(error, path) from None


def stamp(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Size and time of the last change, by which it is seen whether a file has changed; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def refuse_irregular(path: str | os.PathLike[str]) -> None:
    """OSError, which names `path`, if it is, or links to, a folder, a pipe, a socket or a device."""
    try:
        status = os.stat(path)
    except OSError:  # there is nothing to check
        return
    _require(status, path)


def named(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """The same error with this path; errors from reads, writes and syncs name none."""
    if error.errno is None:
        return error
    return type(error)(error.errno, error.strerror or os.strerror(error.errno), os.fspath(path))


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """In this context, errors that name no path, such as those of writes, get this one."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise named(error, path) from None


def _require(status: os.stat_result, path: str | os.PathLike[str]) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "this is a folder, not a file", os.fspath(path))
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "this is a symbolic link", os.fspath(path))
    kind = next(kind for is_one, kind in _KINDS if is_one(status.st_mode))
    raise OSError(errno.EINVAL, f"this is {kind}, not a file", os.fspath(path))
