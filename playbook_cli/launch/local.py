"""Trials as processes on this machine, each in its own process group.

Each is a new process, or a fork of a warm one if there is one: see `launch.warm`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from playbook_cli.errors import WorkError
from playbook_cli.files import regular
from playbook_cli.files.paths import StudyPaths, TrialPaths
from playbook_cli.launch import Ended, Started
from playbook_cli.launch.locks import DeviceLocks
from playbook_cli.launch.orphans import ADOPTION, Origin, Orphans, children, signal_group
from playbook_cli.launch.usage import Usage
from playbook_cli.launch.warm import Forked
from playbook_cli.storage.store import is_anothers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from playbook_cli.launch import Job
    from playbook_cli.launch.slots import Slot
    from playbook_cli.launch.warm import Warm

LOOK_SECONDS = 0.25
"""Time between two looks for processes that lost their parents while their trials run."""
POLITE_SECONDS = 3.0
"""Time that a cancelled process has after SIGINT, and again after SIGTERM, before it is killed."""


class _Process(Protocol):
    """The process of a trial, which leads a process group."""

    @property
    def pid(self) -> int: ...

    def has_ended(self) -> bool:
        """Whether it has ended; it is not reaped, so that its number isn't reused before its group has ended."""
        ...

    def reap(self) -> int:
        """Its exit code, negative for a signal; only after its end."""
        ...


@dataclass(kw_only=True)
class _Running:
    process: _Process
    slot: Slot
    kept: tuple[Slot, ...]
    """Other slots on its GPUs, which stay empty while it uses the GPUs alone."""
    origin: Origin
    """What identifies processes that left its group."""
    alone: bool
    """Whether it must not share its GPUs."""
    cancelled: float | None = None
    """When it was asked to end, by the monotonic clock."""
    sent: signal.Signals | None = None


class LocalLauncher:
    """Runs one process per slot."""

    keeps_time = False

    def __init__(self, slots: Sequence[Slot], warm: Warm | None = None) -> None:
        self._all = len(slots)
        self._free = list(reversed(slots))
        self._running: dict[int, _Running] = {}
        self._warm = warm
        self._locks = DeviceLocks()
        self._orphans = Orphans()
        self._usage = Usage()
        self._adopts = False
        self._before: set[int] = set()
        """Children of this process from before the running trials."""
        self._looked = 0.0
        """When it last looked for orphans, by the monotonic clock."""

    @property
    def slots(self) -> int:
        return self._all

    def free(self, *, alone: bool = False) -> int:
        """0 while the process to fork from is getting ready, or while others use the devices."""
        if self._warm is not None and self._warm.is_warming():
            return 0
        can = (self._locks.can_take(slot.devices, alone=alone or not slot.lent) for slot in self._room(alone=alone))
        return sum(can)

    def _room(self, *, alone: bool) -> list[Slot]:
        """The free slots, the next one first; if `alone`, one per group of GPUs that no trial uses."""
        free = list(reversed(self._free))
        if not alone:
            return free
        taken = {running.slot.devices for running in self._running.values() if running.slot.devices}
        return list({slot.devices or slot.name: slot for slot in free if slot.devices not in taken}.values())

    def submit(self, job: Job) -> Started:
        room = self._room(alone=job.alone)
        can = (slot for slot in room if self._locks.take_all(slot.devices, alone=job.alone or not slot.lent))
        slot = next(can, None)
        if slot is None:
            raise BlockingIOError("another study has just taken the last device")
        kept: tuple[Slot, ...] = ()
        if job.alone and slot.devices:
            kept = tuple(other for other in self._free if other is not slot and other.devices == slot.devices)
        env = {**slot.env, **job.env}
        self._adopts = ADOPTION.hold(self)
        if not self._running:
            self._before = children()
        try:
            process = (self._warm.start(job, env) if self._warm is not None else None) or _Fresh(job, env)
        except OSError:
            self._locks.give_back_all(slot.devices)
            raise
        if slot.cores:
            with suppress(OSError, AttributeError):  # ended already, or not on Linux
                os.sched_setaffinity(process.pid, slot.cores)
        self._free = [other for other in self._free if other is not slot and other not in kept]  # equal ones are kept
        self._running[job.trial] = _Running(
            process=process,
            slot=slot,
            kept=kept,
            origin=Origin(leader=process.pid, directory=job.env.get("PLAYBOOK_TRIAL_DIR")),
            alone=job.alone,
        )
        if "PLAYBOOK_TRIAL_DIR" in job.env:
            usage = TrialPaths(Path(job.env["PLAYBOOK_TRIAL_DIR"])).usage
            self._usage.watch(process.pid, usage, env.get("CUDA_VISIBLE_DEVICES", ""))
        imported = process.program if isinstance(process, Forked) else None
        return Started(slot=slot.name, process=process.pid, program=imported)

    def adopt(self, trials: Collection[int]) -> set[int]:
        """Takes over nothing: processes of a dead runner are ended before the next one starts (`end_orphans`)."""
        del trials
        return set()

    def leave(self) -> None:
        raise WorkError("trials on this machine end when their runner ends", hint="--detach needs a cluster's launcher")

    def poll(self) -> list[Ended]:
        ended = []
        for trial, running in list(self._running.items()):
            if running.process.has_ended():
                signal_group(running.process.pid, signal.SIGKILL)  # its number can't have been reused yet
                self._end_orphans(trial, running)
                exit_code = running.process.reap()
                self._usage.forget(running.process.pid)
                del self._running[trial]
                self._free += [*running.kept, running.slot]
                self._locks.give_back_all(running.slot.devices)
                ended.append(_ended(trial, running, exit_code))
            elif running.cancelled is not None:
                _press(running, time.monotonic() - running.cancelled)
        self._usage.look()
        if not self._running:
            ADOPTION.release(self)
        elif self._adopts and time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._orphans.look(self._origins(), self._own())
            self._orphans.kill(self._running.keys())
        return ended

    def _end_orphans(self, trial: int, running: _Running) -> None:
        """End whatever a trial left behind that has just ended, before it is reaped and its slot is free."""
        if self._adopts:
            self._orphans.end(trial, self._origins(), self._own())
        elif running.origin.directory is not None:
            folder = Path(running.origin.directory)
            if not is_anothers(StudyPaths(folder.parent.parent)):  # else what runs there belongs to that runner
                _kill_by_directory(lambda directory: directory == folder)

    def _origins(self) -> dict[int, Origin]:
        return {trial: running.origin for trial, running in self._running.items()}

    def _own(self) -> set[int]:
        """Children of this process that don't belong to trials."""
        server = self._warm.server if self._warm is not None else None
        return self._before | ({server} if server is not None else set())

    def cancel(self, trial: int, *, now: bool = False) -> None:
        running = self._running.get(trial)
        if running is None:
            return
        if running.cancelled is None:
            running.cancelled = time.monotonic()
        _press(running, 2 * POLITE_SECONDS if now else time.monotonic() - running.cancelled)


def _ended(trial: int, running: _Running, exit_code: int) -> Ended:
    slot, alone = running.slot, running.alone
    shared, lent = not (alone or slot.alone), slot.lent and not alone
    return Ended(trial=trial, exit_code=exit_code, device=slot.kind, shared=shared, lent=lent)


def _press(running: _Running, waited: float) -> None:
    due = (
        signal.SIGINT if waited < POLITE_SECONDS else signal.SIGTERM if waited < 2 * POLITE_SECONDS else signal.SIGKILL
    )
    if running.sent != due:
        running.sent = due
        signal_group(running.process.pid, due)


class _Fresh:
    """A new process for a trial."""

    def __init__(self, job: Job, env: Mapping[str, str]) -> None:
        with regular.appended(job.stdout) as stdout:
            self._process = subprocess.Popen(
                job.argv,
                env=env,
                cwd=job.cwd,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def has_ended(self) -> bool:
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def reap(self) -> int:
        return self._process.wait()


def end_orphans(study: Path) -> list[int]:
    """Kill the processes on this machine that run trials of a study whose runner is dead; returns the trials' numbers.

    They are found by PLAYBOOK_TRIAL_DIR in their environment, even if the journal doesn't have them yet.
    """
    folder = os.path.realpath(study)  # unlike Path.resolve, it accepts circular links
    return _kill_by_directory(lambda directory: os.path.realpath(directory.parent.parent) == folder)


def _kill_by_directory(wanted: Callable[[Path], bool]) -> list[int]:
    """Kill all processes with such a PLAYBOOK_TRIAL_DIR in their environment; returns their trials' numbers.

    Their descendants are killed, too, as they may have cleared their environment.
    """
    import psutil

    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    left, trials = [], set()
    for pid in psutil.pids():
        if pid in mine or not _may_run_a_trial(pid):
            continue
        with suppress(psutil.Error, OSError, ValueError):  # ValueError: for example, a zero byte
            process = psutil.Process(pid)
            directory = Path(process.environ().get("PLAYBOOK_TRIAL_DIR", ""))
            if not (_names_a_trial(directory) and wanted(directory)):
                continue
            if process.uids().real == os.getuid() and _sees_ours(pid, directory):
                left.append(process)
                trials.add(int(directory.name))
    if not left:
        return []
    below = defaultdict(list)
    for process in psutil.process_iter():
        if process.pid not in mine:
            with suppress(psutil.Error, OSError):
                below[process.ppid()].append(process)
    killed = {}
    while left:
        process = left.pop()
        if process.pid not in killed:
            killed[process.pid] = process
            left += below[process.pid]
    for process in killed.values():
        with suppress(psutil.Error, OSError):
            process.kill()
    psutil.wait_procs(killed.values(), timeout=10)
    return sorted(trials)


def _may_run_a_trial(pid: int) -> bool:
    """Whether a process names a trial in its environment, or can't be asked here; this takes no time on Linux."""
    if sys.platform != "linux":
        return True
    with suppress(OSError):
        return b"PLAYBOOK_TRIAL_DIR=" in regular.content(f"/proc/{pid}/environ")
    return False


def _names_a_trial(directory: Path) -> bool:
    """Whether this is a path that a launcher writes: absolute, STUDY/trials/NUMBER."""
    name = directory.name
    return directory.is_absolute() and directory.parent.name == "trials" and name.isascii() and name.isdecimal()


def _sees_ours(pid: int, directory: Path) -> bool:
    """Whether this path is our folder for a process; in a container, it may be another folder of the same name."""
    root = Path(f"/proc/{pid}/root")
    if not root.parent.is_dir():
        return True  # no Linux
    ours, theirs = (directory, Path(f"{root}{directory}")) if directory.exists() else (Path("/"), root)
    return theirs.exists() and theirs.samefile(ours)
