"""One runner a study: the claim that a running process holds on a study's folder."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playbook_cli.acts import command
from playbook_cli.errors import StudyError
from playbook_cli.inside import refuse_ways_out
from playbook_cli.nodes import HEARTBEAT_SECONDS
from playbook_cli.store import began, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.paths import StudyPaths


class Claim:
    """Held while a study is run; `beat` from time to time tells other machines that the runner lives."""

    def __init__(self, paths: StudyPaths) -> None:
        self._paths = paths
        self._beaten = time.monotonic()

    def beat(self) -> None:
        now = time.monotonic()
        if now - self._beaten >= HEARTBEAT_SECONDS:
            self._beaten = now
            os.utime(self._paths.runner)


@contextmanager
def claimed(paths: StudyPaths) -> Iterator[Claim]:
    """Hold the study for this process. StudyError, naming the runner, where another one has it.

    StudyError, too, where a file that a run would write leads out of the study's folder.

    The lock ends with the process, however it ends; the note inside says who holds it.
    """
    refuse_ways_out(paths, checkpoints=True)
    fd = os.open(paths.runner, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(paths) from None
        other = running(paths)
        if other is not None and other.host != socket.gethostname():
            raise _taken(paths)
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(_note()).encode(), 0)
        yield Claim(paths)
        os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def _note() -> dict[str, object]:
    import psutil

    return {
        "pid": os.getpid(),
        "created": began(psutil.Process()),
        "host": socket.gethostname(),
        "user": getpass.getuser(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _taken(paths: StudyPaths) -> StudyError:
    return StudyError(
        f"the study is being run already, by {running(paths) or 'a process that has only just begun'}",
        where=str(paths.dir),
        hint=f"follow it with {command('status', paths.dir)}",
    )
