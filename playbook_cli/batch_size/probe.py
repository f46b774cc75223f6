"""The process of a probe: `python -m playbook_cli.batch_size.probe TASK PROGRAM ARGUMENT...`.

It starts the program as its child, in its own process group and under the memory limit, notes when each evaluation was
recorded and how much memory was used, and ends the program once that is enough. It writes what it saw to probe.json in
the trial's folder. A program that runs out of memory makes the trial infeasible: that is a result, not a crash.

TASK is a JSON object: `memory_limit` in bytes, or null.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from playbook_cli.files import atomic, containment, regular
from playbook_cli.files.logs import printed
from playbook_cli.files.paths import TrialPaths
from playbook_cli.launch.memory import out_of_memory
from playbook_cli.launch.peak import Peak

if TYPE_CHECKING:
    from collections.abc import Sequence

POLL_SECONDS = 0.001
ENOUGH_SECONDS = 20.0
ENOUGH_EVALUATIONS = 6
"""Seconds (without waiting for a core) and evaluations after which a probe with long steps is over."""
STOP_STEP = "PLAYBOOK_STOP_STEP"
POLITE_SECONDS = 5.0


@dataclass(kw_only=True)
class _Clock:
    """The time at which each evaluation was recorded."""

    metrics: Path
    pid: int
    seen: list[tuple[int, float, float]] = field(default_factory=list)
    """Step, seconds on the monotonic clock, and seconds that the program had waited for a core so far."""
    _read: int = 0

    def look(self) -> None:
        try:
            status = self.metrics.stat()
        except FileNotFoundError:
            return
        if status.st_size < self._read:  # it was set aside, and started over
            self._read = 0
            self.seen.clear()
        if status.st_size == self._read:
            return
        now, waited = time.monotonic(), _waited(self.pid)
        try:
            with containment.opened(self.metrics) as file:
                file.seek(self._read)
                lines = file.read()
        except OSError:
            return
        whole = lines.rfind(b"\n") + 1
        self._read += whole
        steps = [step for line in lines[:whole].splitlines() if (step := _step(line)) is not None]
        self.seen += [(step, now, waited) for step in steps]

    def enough(self, stop_step: int | None) -> bool:
        if not self.seen:
            return False
        if stop_step is not None and self.seen[-1][0] >= stop_step:
            return True
        (_, began, waited_before), (_, last, waited) = self.seen[0], self.seen[-1]
        return len(self.seen) >= ENOUGH_EVALUATIONS and last - began - (waited - waited_before) >= ENOUGH_SECONDS


def main(task: dict[str, Any], command: Sequence[str]) -> int:
    """Run the program until the probe is over. Its exit code as a shell gives it, 0 if memory ran out."""
    paths = TrialPaths(Path(os.environ["PLAYBOOK_TRIAL_DIR"]))
    rmtree(paths.checkpoints, ignore_errors=True)  # a probe never resumes
    log_start = paths.stdout.stat().st_size if paths.stdout.exists() else 0
    begun = time.monotonic()
    process = _started(command, task["memory_limit"])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # the program gets those that are sent to the group by itself; a follower sends this process alone a terminate
        signal.signal(number, lambda number, _: _signal(process.pid, number) if number == signal.SIGTERM else None)
    clock, peak = _Clock(metrics=paths.metrics, pid=process.pid), Peak(process.pid)
    stop_step = int(os.environ[STOP_STEP]) if STOP_STEP in os.environ else None
    asked: float | None = None
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        clock.look()
        if pid:
            break
        peak.look()
        if asked is None and clock.enough(stop_step):
            asked = time.monotonic()
        elif asked is not None and time.monotonic() - asked > POLITE_SECONDS:
            _signal(process.pid, signal.SIGKILL)
        elif asked is not None and time.monotonic() - asked > 1.0:  # one that knows the limit ends by itself
            _signal(process.pid, signal.SIGTERM)
        time.sleep(POLL_SECONDS)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    peak.ended(usage.ru_maxrss)
    rmtree(paths.checkpoints, ignore_errors=True)
    why = None if asked is not None else out_of_memory(printed(paths.stdout, log_start), code)
    _write(
        paths.probe,
        {
            "times": [[step, when - begun, waited] for step, when, waited in clock.seen],
            "peak_bytes": peak.bytes,
            "gpu_peak_bytes": peak.gpu_bytes,
            "gpu_total_bytes": peak.gpu_total,
            "out_of_memory": why,
        },
    )
    if why is not None:
        last = clock.seen[-1][0] if clock.seen else 0
        with regular.appended(paths.metrics) as file:
            file.write(json.dumps({"step": last, "infeasible": f"out of memory: {why}"}).encode() + b"\n")
        return 0
    if asked is not None:
        return 0
    return code if code >= 0 else 128 - code


def _started(command: Sequence[str], memory_limit: int | None) -> subprocess.Popen[bytes]:
    """The program; a limit applies to its private memory, which excludes reserved address space."""
    if memory_limit is None:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = memory_limit if hard == resource.RLIM_INFINITY else min(memory_limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))  # a child inherits it
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _step(line: bytes) -> int | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    step = record.get("step") if isinstance(record, dict) else None
    return step if isinstance(step, int) and not {"infeasible", "failed"} & record.keys() else None


def _waited(pid: int) -> float:
    """Seconds that the main thread was ready to run but had to wait for a core; 0 if unknown."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _write(path: Path, content: dict[str, Any]) -> None:
    atomic.write(path, json.dumps(content) + "\n")


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1]), sys.argv[2:]))
