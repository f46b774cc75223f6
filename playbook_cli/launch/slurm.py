"""Trials as tasks of Slurm job arrays.

This needs only a folder that the nodes share, and `sbatch`, `squeue` and `scancel`; no accounting. A task writes a file
when it ends (see `task`). For tasks that can no longer write one, the queue is polled, for all jobs at once and ever
less often while nothing changes.
"""

from __future__ import annotations

import math
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from playbook_cli.errors import WorkError
from playbook_cli.files import atomic, regular
from playbook_cli.launch import Ended, Started, task
from playbook_cli.launch.task import node_of
from playbook_cli.storage.heartbeats import belongs_elsewhere, read_heartbeat

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch import Job
    from playbook_cli.spec.model import StudySpec

GATHER_SECONDS = 0.2
"""Jobs that are submitted within this time become one array."""
FIRST_LOOK, LAST_LOOK = 0.5, 15.0
"""Seconds between two queries of the queue: from the first, doubling up to the last while nothing changes."""
FILES_SECONDS = 0.25
"""Time between two looks at the files of the tasks."""
SETTLE_SECONDS = 10.0
"""A task that has left the queue may take this long to show how it ended, on a slow shared folder."""
MOST = 1000
"""Most tasks in Slurm at once; its default limit for an array is 1001."""
GRACE_MINUTES = 2
"""Slurm's time limit is this much longer than resources.timeout, which the task itself enforces to the second."""
AWAY = ("Unable to contact slurm controller", "Socket timed out", "Connection refused", "Zero Bytes were transmitted")
"""Messages of Slurm's commands while the controller restarts or is overloaded."""
OVER = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
}
"""States of a job that won't run again; a requeued job is pending."""


@dataclass(kw_only=True)
class _Submitted:
    """One task of an array."""

    folder: Path
    number: int
    array: str
    node: Path
    """The heartbeat file of its node."""
    left: float | None = None
    """When it was first missing from the queue, by the monotonic clock."""
    state: str = "PENDING"
    cancelled: bool = False

    @property
    def id(self) -> str:
        return f"{self.array}_{self.number}"


def launcher(spec: StudySpec, folder: Path, paths: StudyPaths) -> SlurmLauncher:
    """The launcher of a study. It doesn't need the study file's folder, since Slurm's nodes share it."""
    del folder
    return SlurmLauncher(spec=spec, folder=paths.dir / "slurm")


@dataclass(kw_only=True)
class SlurmLauncher:
    """Submits jobs as tasks of arrays. `folder` has all that it knows of them, so that a later runner can take over."""

    keeps_time: ClassVar[bool] = True

    spec: StudySpec
    folder: Path
    _waiting: list[Job] = field(default_factory=list)
    _due: float = 0.0
    """When to submit the waiting jobs, by the monotonic clock."""
    _unsure: Path | None = None
    """A batch for which Slurm did not confirm the submission."""
    _withdrawn: list[int] = field(default_factory=list)
    """Trials whose jobs were cancelled before they were submitted."""
    _to_cancel: dict[str, bool] = field(default_factory=dict)
    """Tasks to cancel, and whether to kill them at once."""
    _next_cancel: float = 0.0
    """When to ask Slurm to cancel them, by the monotonic clock."""
    _tasks: dict[int, _Submitted] = field(default_factory=dict)
    """Submitted tasks by trial."""
    _next_files: float = 0.0
    _next_queue: float = 0.0
    _pause: float = FIRST_LOOK

    @property
    def slots(self) -> int:
        return self.spec.slurm.array_parallelism or min(MOST, self.spec.trials or MOST)

    def free(self, *, alone: bool = False) -> int:
        del alone  # Slurm never assigns a GPU twice
        return MOST - len(self._waiting) - len(self._tasks)

    def submit(self, job: Job) -> Started:
        if not self._waiting:
            self._due = time.monotonic() + GATHER_SECONDS
        node_of(job).unlink(missing_ok=True)  # the heartbeat of the last attempt
        self._waiting.append(job)
        return Started(slot="slurm", process=None)

    def adopt(self, trials: Collection[int]) -> set[int]:
        for folder in sorted(self.folder.glob("[0-9]*"), reverse=True):  # the latest batch with a trial counts
            self._take(folder, trials)
        return set(self._tasks)

    def _take(self, folder: Path, trials: Collection[int]) -> None:
        """Take over those of these trials that are in a submitted batch."""
        array = _array_of(folder)
        if array is None:
            return
        for number, (trial, node) in enumerate(task.trials(folder)):
            if trial in trials and trial not in self._tasks and not belongs_elsewhere(node, self.folder.parent):
                self._tasks[trial] = _Submitted(folder=folder, number=number, array=array, node=node)

    def poll(self) -> list[Ended]:
        now = time.monotonic()
        if self._to_cancel and now >= self._next_cancel:
            self._cancel_together(now)
        ended = [Ended(trial=trial, exit_code=-signal.SIGTERM) for trial in self._withdrawn]
        self._withdrawn = []
        if self._waiting and now >= self._due:
            self._submit_waiting(now)
        if not self._tasks or now < self._next_files:
            return ended
        self._next_files = now + FILES_SECONDS
        if now >= self._next_queue:
            self._ask(now)
        of_tasks = self._ended(now)
        for one in of_tasks:
            self._to_cancel.pop(self._tasks.pop(one.trial).id, None)
        ended += of_tasks
        if ended:
            self._soon()
        return ended

    def cancel(self, trial: int, *, now: bool = False) -> None:
        """Cancel the job; Slurm ends its processes, and kills them after its KillWait, or at once."""
        if any(job.trial == trial for job in self._waiting):
            self._waiting = [job for job in self._waiting if job.trial != trial]
            self._withdrawn.append(trial)
        submitted = self._tasks.get(trial)
        if submitted is None or (submitted.cancelled and not now):
            return
        submitted.cancelled = True
        self._to_cancel[submitted.id] = now

    def leave(self) -> None:
        """Submit the waiting jobs as one array, which no longer needs this process. WorkError if that fails."""
        if self._unsure is not None:
            self._take(self._unsure, {job.trial for job in self._waiting})
            self._unsure = None
        jobs = self._waiting = [job for job in self._waiting if job.trial not in self._tasks]
        if not jobs:
            return
        folder = self.folder / f"{len(list(self.folder.glob('[0-9]*'))):04d}"
        task.write(folder, jobs, self.spec.resources.timeout)
        self._unsure = folder
        array = _call("sbatch", *self._arguments(folder, len(jobs)), text=_script(folder)).split(";")[0].strip()
        self._unsure = None
        self._waiting = []
        atomic.write(folder / "array", array)
        for number, job in enumerate(jobs):
            self._tasks[job.trial] = _Submitted(folder=folder, number=number, array=array, node=node_of(job))
        self._soon()

    def _submit_waiting(self, now: float) -> None:
        try:
            self.leave()
        except WorkError as error:
            if not _is_away(error):
                self._unsure = None
                raise
            self._due = now + LAST_LOOK

    def _cancel_together(self, now: float) -> None:
        """Ask Slurm to cancel all these tasks at once; try again later if the controller can't be reached."""
        for at_once in (False, True):
            ids = [one for one, wanted in self._to_cancel.items() if wanted is at_once]
            for start in range(0, len(ids), MOST):
                some = ids[start : start + MOST]
                try:
                    _call("scancel", *(["--signal=KILL", "--full"] if at_once else []), *some)
                except WorkError as error:
                    if not _is_away(error):
                        raise
                    self._next_cancel = now + LAST_LOOK
                    return
                for one in some:
                    del self._to_cancel[one]
        self._soon()

    def _soon(self) -> None:
        self._pause = FIRST_LOOK
        self._next_queue = time.monotonic() + self._pause

    def _arguments(self, folder: Path, count: int) -> list[str]:
        asked, resources = self.spec.slurm, self.spec.resources
        minutes = None
        if asked.time is not None:
            minutes = math.ceil(asked.time / 60)
        elif resources.timeout is not None:
            minutes = math.ceil(resources.timeout / 60) + GRACE_MINUTES
        given = {
            "array": f"0-{count - 1}" + (f"%{asked.array_parallelism}" if asked.array_parallelism else ""),
            "job-name": f"playbook-{self.spec.name}",
            "comment": folder.absolute(),
            "output": f"{folder.absolute()}/%a.log",
            "open-mode": "append",
            "cpus-per-task": resources.cpus,
            "gres": asked.gres or (f"gpu:{resources.gpus}" if resources.gpus else None),
            "time": minutes,
            "partition": asked.partition,
            "account": asked.account,
            "qos": asked.qos,
            "constraint": asked.constraint,
            "mem": asked.mem,
        }
        written = [f"--{name}={value}" for name, value in given.items() if value is not None]
        return ["--parsable", "--requeue", *written, *asked.options]

    def _ask(self, now: float) -> None:
        """Update the state of each task from the queue."""
        try:
            states = _queue({submitted.array for submitted in self._tasks.values()})
        except WorkError:  # the controller can't be reached for now: tasks keep running without it
            self._pause = min(2 * self._pause, LAST_LOOK)
            self._next_queue = now + self._pause
            return
        changed = False
        for submitted in self._tasks.values():
            state = states.get(submitted.id, "COMPLETED")
            changed |= state != submitted.state
            submitted.state = state
            if state not in OVER:
                submitted.left = None
            elif submitted.left is None:
                submitted.left = now
        self._pause = FIRST_LOOK if changed else min(2 * self._pause, LAST_LOOK)
        self._next_queue = now + self._pause

    def _ended(self, now: float) -> list[Ended]:
        numbers: dict[Path, list[int]] = {}
        for submitted in self._tasks.values():
            numbers.setdefault(submitted.folder, []).append(submitted.number)
        exits = {folder: task.ended(folder, wanted) for folder, wanted in numbers.items()}
        ended = []
        for trial, submitted in self._tasks.items():
            exit_ = exits[submitted.folder].get(submitted.number)
            over = submitted.left is not None
            # a task that a signal ended may be moving to another node
            if exit_ is not None and (exit_.code >= 0 or exit_.timed_out or over):
                ended.append(_end(trial, exit_, submitted))
            elif over and (submitted.cancelled or now - (submitted.left or now) > SETTLE_SECONDS):
                ended.append(_end(trial, task.Exit(code=-signal.SIGTERM), submitted))
        return ended


def _end(trial: int, ended: task.Exit, submitted: _Submitted) -> Ended:
    """How a task ended, from its own file and its last state in the queue."""
    state = submitted.state
    how: Literal["exited", "timed-out", "lost"] = "exited"
    reason = None
    if ended.timed_out:
        how = "timed-out"
    elif ended.code < 0 and state in OVER - {"COMPLETED", "FAILED", "CANCELLED"}:
        reason = f"Slurm ended it: {state}"
        if state in ("TIMEOUT", "DEADLINE"):
            how = "timed-out"
        elif state in ("NODE_FAIL", "PREEMPTED", "BOOT_FAIL"):
            how = "lost"
    node = read_heartbeat(submitted.node)
    device = None if node is None else node.device
    return Ended(trial=trial, exit_code=ended.code, how=how, reason=reason, device=device)


def _script(folder: Path) -> str:
    command = shlex.join([sys.executable, "-m", "playbook_cli.launch.task", str(folder.absolute())])
    return f'#!/bin/sh\nexec {command} "$SLURM_ARRAY_TASK_ID"\n'


def _array_of(folder: Path) -> str | None:
    """The array of a batch, even if its runner died before it wrote that down; None if it was never submitted."""
    try:
        array = regular.content(folder / "array").decode("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        pass
    else:
        return array if array.isdigit() else None
    listed = _call("squeue", "--noheader", "--me", "--states=all", "--format=%F|%k").splitlines()
    return next((line.partition("|")[0] for line in listed if line.partition("|")[2] == str(folder.absolute())), None)


def _queue(wanted: Collection[str]) -> dict[str, str]:
    """The states of all tasks of these arrays that are still in Slurm, by id."""
    listed = _call("squeue", "--noheader", "--me", "--array", "--states=all", "--format=%F|%K|%T")
    states = {}
    for line in listed.splitlines():
        array, number, state = line.split("|")
        if array in wanted:
            states[f"{array}_{number}"] = state
    return states


def _is_away(error: WorkError) -> bool:
    return any(said in error.what for said in AWAY)


def _call(program: str, *arguments: str, text: str = "") -> str:
    """The output of one of Slurm's commands. WorkError, with its message, if it fails."""
    try:
        done = subprocess.run([program, *arguments], input=text, capture_output=True, text=True, check=False)
    except OSError as error:
        raise WorkError(f"{program} can't be run: {error}", hint="is this a login node of the cluster?") from None
    if done.returncode != 0:
        raise WorkError(
            f"{program} failed: {done.stderr.strip() or done.returncode}", hint="check slurm: in the study file"
        )
    return done.stdout
