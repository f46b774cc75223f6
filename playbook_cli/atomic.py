"""Write a file whole: whoever reads it finds what was there before, or all that is there now."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_CANNOT_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""Of a pipe or a socket, and of file systems that leave the disk to the system."""
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Make `content` (text as UTF-8) all that `path` holds; `durable` also waits until a power loss can't undo it.

    OSError, which names `path`, where it can't be written; then what was there stays, and nothing else is left behind.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        try:
            _put(temporary, data, durable=durable)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        raise named(error, path) from None


def named(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """The same error, about this path: one from a write or a sync names none, and a rename names the temporary."""
    if error.errno is None:
        return error
    return OSError(error.errno, error.strerror or os.strerror(error.errno), os.fspath(path))


def sync(path: str | os.PathLike[str]) -> None:
    """Wait until what a file holds is on the disk; nothing where there is none. OSError where it can't be written."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        sync_open(fd)
    except OSError as error:
        raise named(error, path) from None
    finally:
        os.close(fd)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Wait until the names in a folder are on the disk; nothing where it can't be opened, or can't be synced."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # one above the study's, say, that only lets through
        return
    try:
        sync_open(fd)
    finally:
        os.close(fd)


def sync_open(fd: int) -> None:
    """Wait until an open file is on the disk; nothing on a file system that can't be asked. OSError as `sync`."""
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def _put(path: Path, data: bytes, *, durable: bool) -> None:
    fd = os.open(path, _CREATE, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        if durable:
            sync_open(fd)
    finally:
        os.close(fd)
