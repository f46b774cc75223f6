"""Taking a study's lock: this process puts its note at a path atomically, unless a live process has one there.

If the file system has locks, the holder also holds a lock on that file, and a free lock proves that its holder is
dead. Without them, the process number tells on the same machine, and the heartbeat (the note's time) elsewhere.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from playbook_cli.acts import command
from playbook_cli.errors import StudyError
from playbook_cli.files.flock import proven_lock
from playbook_cli.files.regular import naming
from playbook_cli.storage.heartbeats import HEARTBEAT_SECONDS, SILENT_SECONDS, silent_seconds
from playbook_cli.storage.store import began, noted, runs_here
from playbook_cli.storage.whoami import boot, machine, user

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.storage.store import Runner

    Identity = tuple[int, int]

RACE_SECONDS = 0.1
"""Pause before another look, if another process was faster."""
MOST_RACES = 100
WAIT_SECONDS = 0.5
"""Pause between two attempts while waiting for another runner."""
SETTLE_SECONDS = 0.5
"""Pause after putting a note without locks: two processes may do so at once, and the later note stays."""
SURE_SECONDS = 2.5 * HEARTBEAT_SECONDS
"""How long the note of a runner elsewhere must stay unchanged while watched, before that runner counts as dead."""
CLOCKS_APART_SECONDS = 3600.0
"""Clocks of machines that share a folder differ by less than this; longer silence needs no second look."""


def taken(paths: StudyPaths, *, wait: bool, tell: Callable[[str], None]) -> tuple[int, bool]:
    """The open note of this process, now at its path, and whether it is locked."""
    seen, told, raced = _Seen(), None, 0
    while True:
        try:
            mine = _try(paths, seen)
        except (_HeldError, _UnsureError) as error:
            if isinstance(error, _HeldError) and not wait:
                raise
            if type(error) is not told:
                told = type(error)
                tell(f"{error}; waiting for it to end" if isinstance(error, _HeldError) else str(error))
            time.sleep(WAIT_SECONDS)
            continue
        if mine is not None:
            return mine
        raced += 1  # another process was faster: see which one
        if raced == MOST_RACES:
            raise StudyError(
                "something keeps replacing this file", where=str(paths.runner), hint="stop whatever replaces it"
            )
        time.sleep(RACE_SECONDS)


def identity(status: os.stat_result) -> Identity:
    """Identifies a file, even if another one is put at the same path."""
    return status.st_dev, status.st_ino


class _HeldError(StudyError):
    """Another process has the lock."""


class _Seen:
    """How long another runner's note has stayed unchanged while this process watches."""

    def __init__(self) -> None:
        self._note: tuple[int, ...] = ()
        self._since = 0.0

    def unchanged(self, note: os.stat_result) -> float:
        seen = (*identity(note), note.st_mtime_ns)
        if seen != self._note:
            self._note, self._since = seen, time.monotonic()
        return time.monotonic() - self._since


class _UnsureError(Exception):
    """A runner on another machine is probably dead, and is watched a little longer."""


def _try(paths: StudyPaths, seen: _Seen) -> tuple[int, bool] | None:
    """Put the note of this process where none is, or in place of a dead one; None if another process was first."""
    try:
        before = os.open(paths.runner, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return _put(paths, None)
    try:
        locked = proven_lock(before, paths.runner)
        if locked is False:
            raise _held(paths, _holder(paths))
        if not _leads_to(paths.runner, before):
            return None
        _refuse_living(paths, before, seen, locked=locked is True)
        if not _leads_to(paths.runner, before):
            return None
        return _put(paths, before)
    finally:
        os.close(before)


def _refuse_living(paths: StudyPaths, fd: int, seen: _Seen, *, locked: bool) -> None:
    """StudyError if the runner of a note is alive; we hold the note's lock now, if locks work here."""
    status, runner = os.fstat(fd), noted(paths)
    if runner is None:
        if not locked:  # it ended, or has only just begun and is about to write
            time.sleep(SETTLE_SECONDS)
        return
    if runner.is_near:
        if runs_here(runner, paths):
            raise _held(paths, runner)
        return
    if locked and _same_kernel(runner, status):
        return
    silent, watched = silent_seconds(paths.runner), seen.unchanged(status)
    if silent > SILENT_SECONDS + CLOCKS_APART_SECONDS or watched >= SILENT_SECONDS:
        return
    if silent <= SILENT_SECONDS:
        raise _held(paths, runner, silent)
    if watched < SURE_SECONDS:
        raise _UnsureError(
            f"{paths.dir}: {runner} was last heard from {silent:.0f} s ago; "
            f"waiting {SURE_SECONDS:.0f} s to make sure that it is dead"
        )


def _same_kernel(runner: Runner, status: os.stat_result) -> bool:
    """Whether a runner in another container shares our kernel and our mount, so that it would hold the lock if alive.

    Its process number doesn't help, since it means another process here. Nor is the kernel enough: two containers may
    have mounted the same share separately, and then neither may see the other's locks; hence the device.
    """
    return bool(boot()) and runner.machine.startswith(f"{boot()} ") and runner.device == status.st_dev


def _put(paths: StudyPaths, before: int | None) -> tuple[int, bool] | None:
    """Put the note at its path, locked; None if another process put its own there first."""
    temporary = paths.runner.with_suffix(f".{secrets.token_hex(4)}.tmp")
    fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        locked = proven_lock(fd, temporary) is True
        with naming(paths.runner):
            os.write(fd, json.dumps(_note(os.fstat(fd))).encode())
        if before is None:
            _link(temporary, paths.runner)
        else:
            temporary.replace(paths.runner)
            if not locked:
                time.sleep(SETTLE_SECONDS)
    except BaseException:
        os.close(fd)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    if _leads_to(paths.runner, fd):
        return fd, locked
    os.close(fd)
    return None


def _link(temporary: Path, path: Path) -> None:
    """Put a file at a free path; does nothing if another process was first."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError:  # no hard links here, as on FAT
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            temporary.replace(path)


def _note(file: os.stat_result) -> dict[str, object]:
    import psutil

    return {
        "pid": os.getpid(),
        "created": began(psutil.Process()),
        "host": socket.gethostname(),
        "user": user(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "machine": machine(),
        "device": file.st_dev,
        "inode": file.st_ino,
    }


def _holder(paths: StudyPaths) -> Runner | None:
    """Who has the lock; None if the note is that of a dead runner, which another process is just replacing."""
    runner = noted(paths)
    return None if runner is None or (runner.is_near and not runs_here(runner, paths)) else runner


def _held(paths: StudyPaths, runner: Runner | None, silent: float | None = None) -> _HeldError:
    """The error that the study is running; with the seconds of silence, if only those tell whether it still is."""
    what = f"the study is already running: {runner or 'another process has just started it'}"
    follow = f"follow it with {command('status', paths.dir)}"
    if silent is None:
        return _HeldError(what, where=str(paths.dir), hint=f"{follow}, or add --wait to start when it ends")
    left = max(0.0, SILENT_SECONDS - silent)
    return _HeldError(
        f"{what}; last heard from {silent:.0f} s ago",
        where=str(paths.dir),
        hint=f"{follow}, or add --wait if it was killed: it counts as dead after {SILENT_SECONDS:.0f} s of silence, "
        f"{left:.0f} s from now",
    )


def _leads_to(path: Path, fd: int) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return identity(path.lstat()) == identity(os.fstat(fd))
    except FileNotFoundError:
        return False
