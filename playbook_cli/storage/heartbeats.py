"""Where a trial of a cluster runs: its node keeps a small file beside the trial fresh for as long as it runs.

So any machine that shares the folder knows what runs, even if the study's runner has left.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from playbook_cli.files import atomic, containment, regular

HEARTBEAT_SECONDS = 10.0
SILENT_SECONDS = 60.0
"""A process on another machine counts as dead after this much silence."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """What a trial's node last reported."""

    host: str
    device: str
    """The kind of its GPUs, or of its processor if it has none."""
    ended: bool
    """Whether the attempt has ended, though that may not be recorded yet."""
    silent: bool
    """Whether a heartbeat is overdue: the node was lost, or the attempt waits for a restart."""

    @property
    def runs(self) -> bool:
        return not self.ended and not self.silent


class Beat:
    """On the node: reports that a trial runs here, from its start to `end`."""

    def __init__(self, path: Path, device: str) -> None:
        self._path = path
        self._told: dict[str, object] = {
            "host": os.environ.get("SLURMD_NODENAME") or socket.gethostname(),
            "pid": os.getpid(),
            "device": device,
        }
        self._beaten = time.monotonic()
        self._write(ended=False)

    def beat(self) -> None:
        """Refresh the heartbeat if it is due; call it often."""
        now = time.monotonic()
        if now - self._beaten >= HEARTBEAT_SECONDS:
            self._beaten = now
            with suppress(OSError):  # a shared folder may be unreachable for a while
                os.utime(self._path)

    def end(self) -> None:
        self._write(ended=True)

    def _write(self, *, ended: bool) -> None:
        with suppress(OSError):  # the trial itself doesn't need it
            atomic.write(self._path, json.dumps({**self._told, "ended": ended}))


def read_heartbeat(path: Path) -> Node | None:
    """What the node of a trial last reported; None if no node has started it."""
    try:
        note = json.loads(containment.content(path))
        return Node(
            host=str(note["host"]),
            device=str(note["device"]),
            ended=bool(note["ended"]),
            silent=silent_seconds(path) > SILENT_SECONDS,
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def silent_seconds(path: Path) -> float:
    """Seconds since a heartbeat file was touched, at least 0. OSError if the file can't be read.

    The clocks of two machines may differ by minutes, and each heartbeat is stamped by the clock of the file system (a
    server's, if the folder is shared). So a heartbeat that is overdue by this machine's clock is compared with a file
    that is touched there now. That costs one temporary file without a name, and only if a heartbeat seems overdue: one
    that is fresh by this machine's clock counts as fresh, which at worst shows a dead process as alive for as long as
    the clocks differ. On file systems whose clients stamp files themselves (Lustre, Ceph) this can't be trusted alone,
    so callers that act on the answer also watch for a change (see `lock`).
    """
    touched = path.stat().st_mtime
    silent = time.time() - touched
    if not 0 <= silent <= SILENT_SECONDS:
        with suppress(OSError):  # a read-only folder: use this machine's clock
            silent = _time_at(path.parent) - touched
    return max(0.0, silent)


_ahead: dict[int, tuple[float, float]] = {}
"""By file system: when its clock was last read, by the monotonic clock, and how far it was ahead of that."""


def _time_at(folder: Path) -> float:
    """The time now by the clock of a folder's file system, which is read at most every few seconds."""
    device, now = folder.stat().st_dev, time.monotonic()
    looked, ahead = _ahead.get(device, (-HEARTBEAT_SECONDS, 0.0))
    if not 0 <= now - looked < HEARTBEAT_SECONDS:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.utime(file.fileno())
            ahead = os.fstat(file.fileno()).st_mtime - now
        _ahead[device] = now, ahead
    return now + ahead


def belongs_elsewhere(node: Path, study: Path) -> bool:
    """Whether the task of this heartbeat file belongs to another folder, of which `study` is a copy."""
    other = node.parent.parent.parent
    return node.parent.parent.name == "trials" and other.is_dir() and not other.samefile(study)


def is_copied(study: Path) -> bool:
    """Whether a study's folder is a copy: the last tasks in it were submitted for another folder."""
    for task in sorted(study.glob("slurm/[0-9]*/0.task"))[-1:]:
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            return belongs_elsewhere(Path(json.loads(regular.content(task))["node"]), study)
    return False


def processor() -> str:
    """The kind of this machine's processor."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def kind(names: list[str]) -> str:
    """Some GPUs as one kind of device: `2 x NVIDIA H100`; different ones are all named."""
    different = sorted(set(names))
    return " + ".join(f"{names.count(name)} x {name}" if names.count(name) > 1 else name for name in different)
