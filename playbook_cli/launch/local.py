"""Trials as processes of this machine, each in a process group of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.launch import Ended, Started

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.launch import Job
    from playbook_cli.launch.slots import Slot

POLITE_SECONDS = 3.0
"""A cancelled process gets this long after the interrupt, and again after the terminate, before it is killed."""


@dataclass(kw_only=True)
class _Running:
    process: subprocess.Popen[bytes]
    slot: Slot
    directory: str | None
    """The trial's, by which processes are known that left its group."""
    cancelled: float | None = None
    """When it was asked to end, on the monotonic clock."""
    sent: signal.Signals | None = None


class LocalLauncher:
    """One process a slot."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._all = len(slots)
        self._free = list(reversed(slots))
        self._running: dict[int, _Running] = {}

    @property
    def slots(self) -> int:
        return self._all

    def free(self) -> int:
        return len(self._free)

    def submit(self, job: Job) -> Started:
        slot = self._free[-1]
        with job.stdout.open("ab") as stdout:
            process = subprocess.Popen(
                job.argv,
                env={**slot.env, **job.env},
                cwd=job.cwd,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._free.pop()
        self._running[job.trial] = _Running(process=process, slot=slot, directory=job.env.get("PLAYBOOK_TRIAL_DIR"))
        return Started(slot=slot.name, process=process.pid)

    def poll(self) -> list[Ended]:
        ended = []
        for trial, running in list(self._running.items()):
            if _leader_has_ended(running.process):
                _signal_group(
                    running.process.pid, signal.SIGKILL
                )  # what it left behind; its number can't be another's yet
                exit_code = running.process.wait()
                if running.sent == signal.SIGKILL or exit_code == -signal.SIGKILL:
                    _end_strays(running.directory)
                del self._running[trial]
                self._free.append(running.slot)
                ended.append(Ended(trial=trial, exit_code=exit_code))
            elif running.cancelled is not None:
                _press(running, time.monotonic() - running.cancelled)
        return ended

    def cancel(self, trial: int, *, now: bool = False) -> None:
        running = self._running.get(trial)
        if running is None:
            return
        if running.cancelled is None:
            running.cancelled = time.monotonic()
        _press(running, 2 * POLITE_SECONDS if now else time.monotonic() - running.cancelled)


def _press(running: _Running, waited: float) -> None:
    due = (
        signal.SIGINT if waited < POLITE_SECONDS else signal.SIGTERM if waited < 2 * POLITE_SECONDS else signal.SIGKILL
    )
    if running.sent != due:
        running.sent = due
        _signal_group(running.process.pid, due)


def _leader_has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has, leaving it to be reaped, so that its number stays its own until its group is gone."""
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS denies signals to a group of zombies
        os.killpg(group, number)


def _end_strays(directory: str | None) -> None:
    """Kill what a killed trial left in other process groups, as torchrun's workers are, which it had no time to end."""
    if directory is not None:
        _kill_by_directory(lambda folder: folder == Path(directory))


def end_orphans(study: Path) -> list[int]:
    """Kill the processes of this machine that run trials of a study whose runner is gone; their trials' numbers.

    They are known by PLAYBOOK_TRIAL_DIR in their environment, so none escapes that the journal had no time to note.
    """
    folder = study.resolve()
    return _kill_by_directory(lambda directory: directory.parent.parent.resolve() == folder)


def _kill_by_directory(wanted: Callable[[Path], bool]) -> list[int]:
    """Kill all processes with such a PLAYBOOK_TRIAL_DIR in their environment; their trials' numbers."""
    import psutil

    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    killed, trials = [], set()
    for process in psutil.process_iter():
        if process.pid in mine:
            continue
        with suppress(psutil.Error, OSError):
            directory = Path(process.environ().get("PLAYBOOK_TRIAL_DIR", "/"))
            if wanted(directory):
                process.kill()
                killed.append(process)
                trials.add(int(directory.name))
    psutil.wait_procs(killed, timeout=10)
    return sorted(trials)
