"""One runner per study: the lock that a running process holds on a study's folder.

It is a note at a path, `runner.json`, and is valid as long as the path leads to it; `acquiring` puts it there.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from playbook_cli.errors import PlaybookError, WorkError
from playbook_cli.files.containment import refuse_ways_out
from playbook_cli.storage.acquiring import identity, taken
from playbook_cli.storage.heartbeats import HEARTBEAT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playbook_cli.files.paths import StudyPaths

    Result = TypeVar("Result")

AWAY_SECONDS = 30.0
"""How long to wait for a folder that can't be reached: an automounter or a file server needs a moment."""
AWAY = {errno.ENOENT, errno.ESTALE, errno.EIO, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT}
"""Errors of the system for a path whose file system is unreachable for a while."""
LOOK_SECONDS = 1.0
"""Time between two checks of the path while nothing is written."""
RETRY_SECONDS = 0.1
TRIES = 3
"""Number of attempts to write into a folder that was just unreachable."""


class StudyLock:
    """Held while a study runs. Call `require` before writing, and `beat` often, so that others know it is alive."""

    def __init__(self, paths: StudyPaths, fd: int, tell: Callable[[str], None]) -> None:
        self._paths = paths
        self._fd = fd
        self._tell = tell
        self._folder = identity(paths.dir.stat())
        self._files = {paths.runner: identity(os.fstat(fd))}
        self._lost: WorkError | None = None
        self._looked = self._beaten = time.monotonic()

    def watch(self, path: Path, fd: int) -> None:
        """From now on, the path must also lead to this open file."""
        self._files[path] = identity(os.fstat(fd))

    def require(self) -> None:
        """WorkError unless the paths still lead to the held files. Waits a while for an unreachable folder."""
        since = self._looked = time.monotonic()
        told = False
        while (error := self._missing()) is not None and self._lost is None:
            if time.monotonic() - since >= AWAY_SECONDS:
                self._lose("the study's folder was deleted or moved while the study was running")
                break
            if not told:
                told = True
                self._tell(f"{self._paths.dir}: {error.strerror}; waiting up to {AWAY_SECONDS:g} s for it to come back")
            time.sleep(RETRY_SECONDS)
        if self._lost is not None:
            raise self._lost

    def through(self, act: Callable[[], Result]) -> Result:
        """Call `act`, which writes into the study's folder; it is called again if the folder was unreachable."""
        for left in reversed(range(TRIES)):
            self.require()
            try:
                return act()
            except OSError as error:
                if error.errno not in AWAY or not left:
                    raise
            time.sleep(RETRY_SECONDS)
        raise AssertionError

    def beat(self) -> None:
        """Check the paths and refresh the heartbeat, if due; call it often. WorkError as `require`."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self.require()
        if now - self._beaten >= HEARTBEAT_SECONDS:
            self._beaten = now
            with suppress(OSError):  # the folder is unreachable for now: `require` waits for it, and decides
                os.utime(self._fd)

    def _missing(self) -> OSError | None:
        """Why a path leads nowhere now. If it is certainly not ours any more, the lock is lost from then on."""
        for path, held in self._files.items():
            try:
                if identity(path.stat()) != held:
                    self._lose(f"{path.name} was replaced while the study was running")
                    return None
            except OSError as error:
                if error.errno not in AWAY:
                    raise
                if error.errno == errno.ENOENT and self._is_here() and self._stays_without(path):
                    self._lose(f"{path.name} was deleted while the study was running")
                return error
        return None

    def _stays_without(self, path: Path) -> bool:
        """Whether the folder is reachable and still lacks the file after a moment."""
        time.sleep(RETRY_SECONDS)
        return not path.exists() and self._is_here()

    def _is_here(self) -> bool:
        try:
            return identity(self._paths.dir.stat()) == self._folder
        except OSError:
            return False

    def _lose(self, what: str) -> None:
        self._lost = WorkError(
            f"{what}, so this run stopped its trials and recorded nothing more",
            where=str(self._paths.dir),
            hint="run the same command again to resume; if the folder was moved, move it back first",
        )


_without_locks: set[Path] = set()
"""Folders for which this process has already said that file locks don't work there."""


def _quietly(_: str) -> None:
    pass


@contextmanager
def locked(paths: StudyPaths, *, wait: bool = False, tell: Callable[[str], None] = _quietly) -> Iterator[StudyLock]:
    """Hold the study for this process. StudyError names the runner if another process has it; or `wait` for its end.

    StudyError, too, if a file that a run would write leads out of the study's folder. WorkError if the folder was lost
    in the meantime; it replaces errors that follow from that.

    The lock ends with the process, however it ends; the note inside says who holds it.
    """
    refuse_ways_out(paths)
    fd, locked = taken(paths, wait=wait, tell=tell)
    try:
        if not locked and paths.dir not in _without_locks:
            _without_locks.add(paths.dir)
            tell(f"{paths.dir}: file locks don't work here; {paths.runner.name} and its heartbeat keep other runs out")
        lock = StudyLock(paths, fd, tell)
        try:
            yield lock
        except (OSError, PlaybookError):
            lock.require()
            raise
        finally:
            with suppress(OSError):  # our own note, wherever it is now
                os.ftruncate(fd, 0)
    finally:
        os.close(fd)
