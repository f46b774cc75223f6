"""Samples how much of its machine each trial uses, for the report: seldom, so that it costs next to nothing."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playbook_cli.files import regular
from playbook_cli.launch import peak

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

SECONDS = 10.0
"""Between two samples of a trial at first, and before the first one."""
READY = 1.0
"""Seconds until the processor is looked at first, from when on its use is counted; shorter trials cost nothing."""
SHARE = 0.03
"""Of the time that a trial has run, between two samples later: so a trial of a week has some 400."""


@dataclass(kw_only=True)
class _Watched:
    file: Path
    gpus: list[Any]
    since: float
    """When its processes started, and when they were looked at last, by the monotonic clock."""
    looked: float
    spent: float = 0.0
    """Seconds of processor time until then."""

    @property
    def due(self) -> float:
        return self.looked + max(SECONDS, SHARE * (self.looked - self.since))


@dataclass
class Usage:
    """Writes a line a sample beside each trial that it watches; a trial is a process group."""

    _watched: dict[int, _Watched] = field(default_factory=dict)
    _due: float = float("inf")
    _ready: bool = False

    def watch(self, group: int, file: Path, gpus: str) -> None:
        """Begin with the process group of this leader; `gpus` is its CUDA_VISIBLE_DEVICES."""
        now = time.monotonic()
        self._watched[group] = _Watched(file=file, gpus=peak.handles(gpus), since=now, looked=now)
        self._due = min(self._due, now + (SECONDS if self._ready else READY))

    def forget(self, group: int) -> None:
        """Its leader has ended."""
        self._watched.pop(group, None)

    def look(self) -> None:
        """Sample the groups that are due; call it often."""
        now = time.monotonic()
        if now < self._due:
            return
        if not self._ready:
            self._begin()
        due = {group: one for group, one in self._watched.items() if one.due <= now}
        if due:
            self._sample(due, now)
        self._due = min((one.due for one in self._watched.values()), default=float("inf"))

    def _begin(self) -> None:
        import psutil

        psutil.cpu_percent()  # from now to the next call
        self._ready = True

    def _sample(self, due: dict[int, _Watched], now: float) -> None:
        import psutil

        found = _by_group(due)
        machine = {"node_cpu": psutil.cpu_percent() / 100, "node_memory": psutil.virtual_memory().percent / 100}
        for group, one in due.items():
            spent, memory = found[group]
            cores = max(0.0, spent - one.spent) / (now - one.looked)
            one.looked, one.spent = now, spent
            gpu, gpu_memory = peak.busy(one.gpus)
            known = {"time": round(time.time(), 1), "cores": round(cores, 2), "memory": memory, **machine}
            with suppress(OSError), regular.appended(one.file) as file:  # the trial itself doesn't need it
                file.write(json.dumps({**known, "gpu": gpu, "gpu_memory": gpu_memory}).encode() + b"\n")


def _by_group(groups: Collection[int]) -> dict[int, tuple[float, int]]:
    """Of these process groups, the seconds of processor time, with ended children, and the bytes in memory."""
    import psutil

    found = dict.fromkeys(groups, (0.0, 0))
    for pid in psutil.pids():
        with suppress(psutil.Error, OSError):  # it has just ended
            group = os.getpgid(pid)
            if group not in found:
                continue
            process = psutil.Process(pid)
            with process.oneshot():
                spent, memory = sum(process.cpu_times()[:4]), process.memory_info().rss
            found[group] = found[group][0] + spent, found[group][1] + memory
    return found
