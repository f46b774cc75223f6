"""One trial on a node of a cluster, watched over by a process that passes signals on and leaves nothing behind.

`python -m playbook_cli.launch.task FOLDER NUMBER` runs task NUMBER of a batch, whose folder says what to run and gets
how it ended. A task that the scheduler starts again, after its node was lost or it was preempted, runs anew, and the
trial goes on from its last checkpoint.

`python -m playbook_cli.launch.task -` reads what to run as one line of standard input, exits as the trial does, and
ends the trial when its standard input ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.launch import Job

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
OF_THE_NODE = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""What the scheduler grants stands above what the runner has."""


def described(job: Job) -> dict[str, Any]:
    """A job as a task that another process can run.

    Of its environment only those variables are in it that differ from this process's own, which schedulers hand on: so
    no secret of it is written anywhere.
    """
    return {
        "trial": job.trial,
        "argv": job.argv,
        "env": {name: value for name, value in job.env.items() if os.environ.get(name) != value},
        "without": [name for name in os.environ if name not in job.env],
        "cwd": str(job.cwd.absolute()),
        "stdout": str(job.stdout.absolute()),
    }


def write(folder: Path, jobs: list[Job]) -> None:
    """Write what the tasks of a batch are to run."""
    folder.mkdir(parents=True)
    for number, job in enumerate(jobs):
        _task(folder, number).write_text(json.dumps(described(job)), encoding="utf-8")


def trials(folder: Path) -> list[int]:
    """The trials of a batch, in order of its tasks."""
    count = sum(1 for _ in folder.glob("*.task"))
    return [json.loads(_task(folder, number).read_text(encoding="utf-8"))["trial"] for number in range(count)]


def ended(folder: Path) -> dict[int, int]:
    """The exit codes of the tasks that have ended, by number; negative is the number of a signal."""
    codes = {}
    for path in folder.glob("*.exit"):
        try:
            codes[int(path.stem)] = int(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # started again just now
            continue
    return codes


def run(folder: Path, number: int) -> int:
    """Run a task of a batch to its end and write its exit code, which is returned."""
    exit_file = folder / f"{number}.exit"
    exit_file.unlink(missing_ok=True)
    process = start(json.loads(_task(folder, number).read_text(encoding="utf-8")))
    code = _wait(process)
    temporary = exit_file.with_suffix(".tmp")
    temporary.write_text(str(code), encoding="utf-8")
    temporary.replace(exit_file)
    return code


def run_for_parent() -> int:
    """Run the task that standard input names, for as long as standard input is open; its exit code."""
    process = start(json.loads(sys.stdin.readline()))

    def watch() -> None:
        sys.stdin.read()
        _signal_group(process.pid, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    return _wait(process)


def start(task: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Start the program of a task, as the leader of a group of its own. OSError where it can't be started."""
    inherited = {
        name: value for name, value in os.environ.items() if name not in task["without"] or name in OF_THE_NODE
    }
    with Path(task["stdout"]).open("ab") as stdout:
        return subprocess.Popen(
            task["argv"],
            env={**inherited, **task["env"]},
            cwd=task["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a program; until then signals to this process reach its group."""

    def forward(number: int, _: object) -> None:
        _signal_group(process.pid, number)

    for name in FORWARDED:
        signal.signal(name, forward)
    code = process.wait()
    _signal_group(process.pid, signal.SIGKILL)  # what it left behind
    return code


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _task(folder: Path, number: int) -> Path:
    return folder / f"{number}.task"


def main(arguments: list[str]) -> int:
    """The exit code as a shell gives it: 128 and the signal's number where a signal ended the trial."""
    code = run_for_parent() if arguments == ["-"] else run(Path(arguments[0]), int(arguments[1]))
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
