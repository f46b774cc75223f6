"""Processes that trials leave behind, including those that left their trial's session, like torchrun's workers.

On Linux they become children of the process that runs the trials, so its own children show whether anything is left.
On other systems they are found only by PLAYBOOK_TRIAL_DIR in their environment, by looking at all processes.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_PR_SET_CHILD_SUBREAPER = 36
END_SECONDS = 10.0
"""How long to wait for a killed process, which may hang in a driver."""
_PAUSE_SECONDS = 0.002


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A trial that is running, or has just ended and isn't reaped, as the origin of processes."""

    leader: int
    """Number of its first process, and thus of its session and group."""
    directory: str | None


def signal_group(group: int, number: int) -> None:
    """Send a signal to all processes of a group, if any is left."""
    with suppress(ProcessLookupError, PermissionError):  # macOS denies signals to a group of zombies
        os.killpg(group, number)


class Adoption:
    """While held, descendants whose parent dies become children of this process."""

    def __init__(self) -> None:
        self._holders: set[object] = set()
        self._works = False

    def hold(self, holder: object) -> bool:
        """Whether it works here."""
        if not self._holders:
            self._works = sys.platform == "linux" and _set_subreaper(1)
        self._holders.add(holder)
        return self._works

    def release(self, holder: object) -> None:
        self._holders.discard(holder)
        if not self._holders and self._works:
            _set_subreaper(0)


ADOPTION = Adoption()


@dataclass(kw_only=True)
class Orphans:
    """The orphans of several parallel trials, with the trial that each comes from, as far as known.

    Session, group or environment identify the trial. A process without these comes from one of the trials that ran when
    it was first seen, and counts as left behind once all of them have ended.
    """

    _from: dict[int, set[int]] = field(default_factory=dict)
    """Processes, and the trials that they may come from."""

    def look(self, trials: Mapping[int, Origin], known: Collection[int]) -> None:
        """Find new processes, and reap those that have ended; `known` ones are left to their own parents."""
        leaders = {origin.leader for origin in trials.values()}
        there = children() - leaders - set(known)
        for pid in self._from.keys() - there:
            del self._from[pid]
        for pid in there:
            if _is_own(pid):
                continue
            if _has_ended(pid):
                self._from.pop(pid, None)
            elif pid not in self._from:
                self._from[pid] = _origins(pid, trials)

    def kill(self, running: Collection[int]) -> bool:
        """Kill those that come from none of the `running` trials; returns whether there were any."""
        left = [pid for pid, trials in self._from.items() if trials and trials.isdisjoint(running)]
        for pid in left:
            _kill_tree(pid)
        return bool(left)

    def end(self, ended: int, trials: Mapping[int, Origin], known: Collection[int]) -> None:
        """Kill what a trial left behind, and wait for its end; `trials` are the running ones and this one."""
        running = trials.keys() - {ended}
        deadline = time.monotonic() + END_SECONDS
        self.look(trials, known)
        while self.kill(running) and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
            self.look(trials, known)


def end_all() -> None:
    """Kill all descendants of this process, whose only trial has ended and is reaped, and wait for their end."""
    deadline = time.monotonic() + END_SECONDS
    while (left := reap()) and time.monotonic() < deadline:
        for pid in left:
            _kill_tree(pid)
        time.sleep(_PAUSE_SECONDS)


def reap(but: int | None = None) -> list[int]:
    """The children of this process that are still running; ended ones are reaped, except one."""
    return [pid for pid in children() if pid != but and not _has_ended(pid)]


def children() -> set[int]:
    """The children of this process, including ended ones that are not reaped."""
    found: set[int] = set()
    threads = Path(f"/proc/{os.getpid()}/task")
    if not (threads / str(os.getpid()) / "children").exists():  # not on Linux, or a kernel that was built without it
        import psutil

        return {child.pid for child in psutil.Process().children()}
    for thread in threads.iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            found.update(map(int, (thread / "children").read_text(encoding="ascii").split()))
    return found


def _is_own(pid: int) -> bool:
    """Whether this process started a child for itself: processes of trials are never in its session."""
    try:
        return os.getsid(pid) == os.getsid(0)
    except OSError:
        return False


def _has_ended(pid: int) -> bool:
    """Whether a child has ended; then it is reaped."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _origins(pid: int, trials: Mapping[int, Origin]) -> set[int]:
    """The trials that a process may come from; none if it belongs to the process that trials are forked from."""
    import psutil

    directory = None
    with suppress(psutil.Error, OSError):
        groups = os.getsid(pid), os.getpgid(pid)
        for trial, origin in trials.items():
            if origin.leader in groups:
                return {trial}
        directory = psutil.Process(pid).environ().get("PLAYBOOK_TRIAL_DIR")
    if directory is not None and not directory.strip("/"):
        return set()
    named = {trial for trial, origin in trials.items() if _same(directory, origin.directory)}
    return named or set(trials)


def _same(directory: str | None, other: str | None) -> bool:
    """Whether two folders are the same; a fork's environment shows its folder with trailing slashes."""
    return directory is not None and other is not None and directory.rstrip("/") == other.rstrip("/")


def _kill_tree(pid: int) -> None:
    import psutil

    with suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                each.kill()


def _set_subreaper(adopt: int) -> bool:
    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, adopt, 0, 0, 0) == 0)
