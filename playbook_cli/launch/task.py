"""One trial on a node of a cluster, watched by a process that forwards signals and leaves nothing behind.

`python -m playbook_cli.launch.task FOLDER NUMBER` runs task NUMBER of a batch; its folder has the tasks, and gets how
each ended. If the scheduler restarts a task, after its node was lost or it was preempted, the trial resumes from its
last checkpoint.

`python -m playbook_cli.launch.task -` continues in the background, detached from its parent. It reads the task as one
line of standard input, and prints how it ended as JSON. Further lines are numbers of signals for the trial, which ends
when standard input does.

Either way the trial is ended after its `timeout`, and a heartbeat file beside it names its node: see `heartbeats`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.files import atomic, regular
from playbook_cli.files.paths import TrialPaths
from playbook_cli.launch import orphans
from playbook_cli.launch.devices import GRANTS, granted
from playbook_cli.launch.usage import Usage
from playbook_cli.storage.heartbeats import Beat, kind, processor

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from playbook_cli.launch import Job

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LOOK_SECONDS = 1.0
POLITE_SECONDS = 3.0
"""Time that a trial has after SIGINT, and again after SIGTERM, before it is killed at its time limit."""


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How the program of a task ended."""

    code: int
    """Exit code, or the negative number of the signal that ended it."""
    timed_out: bool = False


def described(job: Job, timeout: float | None = None) -> dict[str, Any]:
    """A job as a task that another process can run, for at most `timeout` seconds.

    It has only those environment variables that differ from this process's own, which schedulers pass on, so that no
    secret of the environment is written to disk.
    """
    return {
        "trial": job.trial,
        "argv": job.argv,
        "env": {name: value for name, value in job.env.items() if os.environ.get(name) != value},
        "without": [name for name in os.environ if name not in job.env],
        "cwd": str(job.cwd.absolute()),
        "stdout": str(job.stdout.absolute()),
        "node": str(node_of(job).absolute()),
        "usage": str(_paths(job).usage.absolute()),
        "timeout": timeout,
    }


def write(folder: Path, jobs: list[Job], timeout: float | None) -> None:
    """Write the tasks of a batch."""
    folder.mkdir(parents=True)
    for number, job in enumerate(jobs):
        _task(folder, number).write_text(json.dumps(described(job, timeout)), encoding="utf-8")


def trials(folder: Path) -> list[tuple[int, Path]]:
    """The trials of a batch, in order of its tasks, with the heartbeat files of their nodes."""
    count = sum(1 for _ in folder.glob("*.task"))
    tasks = [json.loads(regular.content(_task(folder, number))) for number in range(count)]
    return [(task["trial"], Path(task["node"])) for task in tasks]


def node_of(job: Job) -> Path:
    """The heartbeat file of a trial's node."""
    return _paths(job).node


def _paths(job: Job) -> TrialPaths:
    return TrialPaths(Path(job.env["PLAYBOOK_TRIAL_DIR"]))


def ended(folder: Path, wanted: Collection[int]) -> dict[int, Exit]:
    """How the `wanted` tasks ended, by number, for those that have ended."""
    exits = {}
    with suppress(OSError), os.scandir(folder) as entries:  # the shared folder may be unreachable for a while
        there = {entry.name for entry in entries}
        for number in wanted:
            if f"{number}.exit" in there:
                with suppress(OSError, ValueError, TypeError):  # it has just been restarted
                    exits[number] = Exit(**json.loads(regular.content(folder / f"{number}.exit")))
    return exits


def run(folder: Path, number: int) -> Exit:
    """Run a task of a batch to its end, and write how it ended."""
    exit_file = folder / f"{number}.exit"
    exit_file.unlink(missing_ok=True)
    task = json.loads(regular.content(_task(folder, number)))
    ended = _watched(start(task), task)
    atomic.write(exit_file, json.dumps(asdict(ended)))
    return ended


def run_for_parent() -> Exit:
    """Run the task that standard input names, for as long as standard input is open."""
    if os.fork():
        os._exit(0)  # Ray kills the children of a dying worker before they can end theirs
    os.setsid()
    task = json.loads(sys.stdin.readline())
    process = start(task)

    def watch() -> None:
        for line in sys.stdin:
            orphans.signal_group(process.pid, int(line))
        orphans.signal_group(process.pid, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    ended = _watched(process, task)
    print(json.dumps(asdict(ended)), flush=True)
    return ended


def start(task: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Start the program of a task in its own process group. OSError if it can't be started."""
    inherited = {name: value for name, value in os.environ.items() if name not in task["without"]}
    orphans.ADOPTION.hold(start)
    grants = {name: os.environ[name] for name in GRANTS if name in os.environ}  # by the scheduler
    with regular.appended(task["stdout"]) as stdout:
        return subprocess.Popen(
            task["argv"],
            env={**inherited, **grants, **task["env"]},
            cwd=task["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _watched(process: subprocess.Popen[bytes], task: Mapping[str, Any]) -> Exit:
    """Wait for a program and end all that is left of it; until then, signals to this process reach its group."""

    def forward(number: int, _: object) -> None:
        orphans.signal_group(process.pid, number)

    for name in FORWARDED:
        signal.signal(name, forward)
    deadline = None if task["timeout"] is None else time.monotonic() + task["timeout"]
    asking = iter((signal.SIGINT, signal.SIGTERM, signal.SIGKILL))
    timed_out = False
    beat, usage = Beat(Path(task["node"]), _device()), Usage()
    if "usage" in task:  # earlier versions wrote tasks without it
        usage.watch(process.pid, Path(task["usage"]), os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    while True:
        left = LOOK_SECONDS if deadline is None else min(LOOK_SECONDS, max(0.0, deadline - time.monotonic()))
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(left)
            break
        beat.beat()
        usage.look()
        orphans.reap(but=process.pid)  # adopted ones
        if deadline is not None and time.monotonic() >= deadline:
            timed_out = True
            orphans.signal_group(process.pid, next(asking, signal.SIGKILL))
            deadline = time.monotonic() + POLITE_SECONDS
    orphans.signal_group(process.pid, signal.SIGKILL)  # what it left behind
    orphans.end_all()
    beat.end()
    return Exit(code=code, timed_out=timed_out)


def _device() -> str:
    """The kind of device that the scheduler assigned to this task."""
    return kind([device.name for device in granted()]) or processor()


def _task(folder: Path, number: int) -> Path:
    return folder / f"{number}.task"


def main(arguments: list[str]) -> int:
    """The exit code as in a shell: 128 plus the signal's number if a signal ended the trial."""
    ended = run_for_parent() if arguments == ["-"] else run(Path(arguments[0]), int(arguments[1]))
    return ended.code if ended.code >= 0 else 128 - ended.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
