"""Write files atomically: a reader finds either the old content or all of the new."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from playbook_cli.files.regular import descriptor, named, refuse_irregular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

_CANNOT_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""Errors of fsync on a pipe or a socket, and on file systems that can't sync."""
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write(
    path: str | os.PathLike[str], content: str | bytes, *, durable: bool = False, mode: int | None = None
) -> None:
    """Replace the content of `path` by `content` (text as UTF-8); `durable` waits until a power loss can't undo it.

    The file has the permissions `mode`, or those of any new file. OSError, which names `path`, if it can't be written;
    then the old content stays, and nothing else is left behind.
    """
    data = content.encode() if isinstance(content, str) else content
    replace(path, lambda file: file.write(data), durable=durable, mode=mode)


def replace(
    path: str | os.PathLike[str],
    put: Callable[[BinaryIO], object],
    *,
    durable: bool = False,
    mode: int | None = None,
) -> None:
    """As `write`, but `put` writes the content to an open file."""
    replace_all({path: put}, durable=durable, mode=mode)


def replace_all(
    files: Mapping[str | os.PathLike[str], Callable[[BinaryIO], object]],
    *,
    durable: bool = False,
    mode: int | None = None,
) -> None:
    """As `replace` for several files; if one can't be written, none is replaced."""
    written = {os.fspath(path): _temporary(path) for path in files}
    target = ""
    try:
        for target, put in zip(written, files.values(), strict=True):
            refuse_irregular(target)  # for example, never replace /dev/stdout
            _new(written[target], put, durable=durable, mode=mode)
        for target, temporary in written.items():
            os.replace(temporary, target)
        for target in written if durable else ():
            sync_folder(os.path.dirname(target) or ".")
    except OSError as error:
        raise named(error, target) from None
    finally:
        for temporary in written.values():
            with suppress(FileNotFoundError):
                os.unlink(temporary)


def create(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Create a new file atomically. FileExistsError if the path exists; OSError on other failures."""
    data = content.encode() if isinstance(content, str) else content
    temporary = _temporary(path)
    try:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        _new(temporary, lambda file: file.write(data))
        put_new(temporary, path)
    except OSError as error:
        raise named(error, path) from None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def put_new(temporary: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Put a finished file at a free path; its temporary name may remain. FileExistsError if the path is taken."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links here, as on FAT
        os.close(os.open(path, _CREATE, 0o666))
        os.replace(temporary, path)


def sync(path: str | os.PathLike[str]) -> None:
    """Wait until the content of a file is on disk; does nothing if there is no file. OSError if it can't be written."""
    try:
        fd = descriptor(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:  # reading it will show what is wrong
        return
    try:
        sync_open(fd)
    except OSError as error:
        raise named(error, path) from None
    finally:
        os.close(fd)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Wait until the names in a folder are on disk; does nothing if it can't be opened or synced.

    OSError, which names it, if they can't be written.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # for example, a parent folder without read permission
        return
    try:
        sync_open(fd)
    except OSError as error:
        raise named(error, folder) from None
    finally:
        os.close(fd)


def sync_open(fd: int) -> None:
    """Wait until an open file is on disk; does nothing if the file system can't sync. OSError as `sync`."""
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def _temporary(path: str | os.PathLike[str]) -> str:
    return f"{os.fspath(path)}.{os.getpid()}-{os.urandom(4).hex()}.tmp"


def _new(
    path: str | os.PathLike[str], put: Callable[[BinaryIO], object], *, durable: bool = False, mode: int | None = None
) -> None:
    with os.fdopen(os.open(path, _CREATE, 0o666), "wb") as file:
        put(file)
        file.flush()
        if mode is not None:
            os.fchmod(file.fileno(), mode & 0o7777)
        if durable:
            sync_open(file.fileno())
