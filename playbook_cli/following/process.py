"""The process of a trial that doesn't call Playbook: `python -m playbook_cli.following.process TASK PROGRAM ARG...`.

It starts the program as a child in its own process group, and records what the program prints or writes; then it ends
with the program's exit code. The program's output goes directly into the log: nothing here can slow or block it, and
signals to the group reach it directly. A program is ended early only if nothing more from it can count: after a NaN,
beyond max_train_steps, or if its metrics can't be read.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from playbook_cli.files import regular
from playbook_cli.following.checkpoints import Checkpoints
from playbook_cli.following.readers import EventSource, PrintedSource, TableSource
from playbook_cli.following.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.following.readers import Source

POLL_SECONDS = 0.1
CHECKPOINT_SECONDS = 2.0
POLITE_SECONDS = 5.0
"""Time that a program has after SIGTERM before it is killed."""


def main(task: dict[str, Any], command: Sequence[str]) -> int:
    """Follow a program to its end; returns its exit code, negative for a signal."""
    wake = _wake_at_the_end_of_children()
    resuming = task["checkpoints"] is not None and os.path.exists(task["checkpoints"]["last"])
    recorder = Recorder(
        task["metrics"],
        metric=task["metric"],
        max_train_steps=task["max_train_steps"],
        names=task["names"],
        all_named=task["kind"] == "stdout",
        resuming=resuming,
        stops=task.get("stops", False),
        counted=task.get("counts") is not None,
    )
    source = source_of(task, resuming=resuming)
    checkpoints = _checkpoints(task)
    try:
        with regular.appended(task["log"]) as log:
            program = subprocess.Popen(
                command,
                env={**os.environ, "PLAYBOOK_METRICS": os.devnull},  # the metrics file has one writer
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
    except OSError as error:
        recorder.fail(f"{command[0]} can't be started: {error.strerror}")
        return 0
    looked = time.monotonic()
    ended = False
    while not ended:
        ended = program.poll() is not None
        for readings in source.poll():
            recorder.record(readings)
            if recorder.over:
                break
        if ended and not recorder.over:
            recorder.record(source.finish())
        if checkpoints and (ended or time.monotonic() - looked > CHECKPOINT_SECONDS):
            checkpoints.look(recorder.evaluations)
            looked = time.monotonic()
        problem = source.problem or (checkpoints and checkpoints.problem)
        if problem and not recorder.over:
            recorder.fail(problem)
        if recorder.over and not ended:
            _end(program)
            return 0
        if not ended:
            _wait(wake)
    if program.returncode == 0 and not recorder.evaluations and not recorder.over:
        recorder.fail(source.silence())
    elif not recorder.over and program.returncode == 0:  # of a crash the program says why
        for note in source.notes:
            print(f"playbook: {note}", file=sys.stderr)
    return 0 if recorder.over else program.returncode


def source_of(task: dict[str, Any], *, resuming: bool) -> Source:
    """What reads the numbers of a program; `resuming`, those that are there already, too."""
    if task["kind"] == "stdout":
        return PrintedSource(task["log"], task["patterns"], task["step"], task.get("counts"))
    if task["kind"] == "tensorboard":
        return EventSource(task["files"], task["step"], resuming=resuming)
    own = [task["metrics"], task["log"]]
    return TableSource(task["kind"], task["files"], task["step"], own=own, resuming=resuming)


def _checkpoints(task: dict[str, Any]) -> Checkpoints | None:
    if task["checkpoints"] is None:
        return None
    return Checkpoints(**task["checkpoints"], directory=task["directory"], minimize=task["goal"] == "minimize")


def _wake_at_the_end_of_children() -> int:
    """A descriptor that becomes readable when a child ends; signals to end the group are left to the child."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # a handler, since a child would inherit an ignored signal
    return readable


def _wait(wake: int) -> None:
    if select.select([wake], [], [], POLL_SECONDS)[0]:
        os.read(wake, 4096)


def _end(program: subprocess.Popen[bytes]) -> None:
    program.terminate()
    try:
        program.wait(POLITE_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def _end_as(exit_code: int) -> None:
    """End this process like the program, by the same signal if any, without a second core file."""
    if exit_code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -exit_code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-exit_code, signal.SIG_DFL)
        sys.stdout.flush()
        sys.stderr.flush()
        os.kill(os.getpid(), -exit_code)
    sys.exit(exit_code)


if __name__ == "__main__":
    _end_as(main(json.loads(sys.argv[1]), sys.argv[2:]))
