"""The most memory that a process and its descendants held at once, on the host and on its GPUs."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

HOST_SECONDS = 0.5
GPU_SECONDS = 0.05


class Peak:
    """Samples memory now and then; `bytes` and `gpu_bytes` are the largest values seen.

    Pages that processes share are counted in each. GPU memory is what the devices hold above what they held at the
    beginning, so another program that fills the same GPU meanwhile is counted, too.
    """

    def __init__(self, pid: int | None, gpus: str | None = None) -> None:
        """Of the process `pid`, if its memory is asked for; `gpus` is its CUDA_VISIBLE_DEVICES, else this one's."""
        self.bytes = 0
        self.gpu_bytes: int | None = None
        self.gpu_total: int | None = None
        self._pid = pid
        self._looked = self._looked_at_gpus = time.monotonic()
        self._gpus = handles(os.environ.get("CUDA_VISIBLE_DEVICES", "") if gpus is None else gpus)
        self._before = [_used(gpu)[0] for gpu in self._gpus]
        if self._gpus:
            self.gpu_bytes = 0
            self.gpu_total = sum(_used(gpu)[1] for gpu in self._gpus)

    def look(self) -> None:
        """Sample again if it is due."""
        now = time.monotonic()
        if self._gpus and now - self._looked_at_gpus >= GPU_SECONDS:
            self._looked_at_gpus = now
            held = sum(_used(gpu)[0] - before for gpu, before in zip(self._gpus, self._before, strict=True))
            self.gpu_bytes = max(self.gpu_bytes or 0, held)
        if self._pid is not None and now - self._looked >= HOST_SECONDS:
            self._looked = now
            self.bytes = max(self.bytes, _resident(self._pid))

    def ended(self, max_rss: int) -> None:
        """Include the system's ru_maxrss of the largest process, in its own unit."""
        self.bytes = max(self.bytes, max_rss if sys.platform == "darwin" else max_rss * 1024)


def _resident(pid: int) -> int:
    import psutil

    held = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            held += one.memory_info().rss
    except psutil.Error:  # one of them has just ended; the next sample sees the others
        return 0
    return held


def handles(given: str) -> list[Any]:
    """NVML's handles of the GPUs that a process was given; none where it was given none, or NVML is not there."""
    names = [name for name in given.split(",") if name]
    if not names:
        return []
    import pynvml

    try:
        pynvml.nvmlInit()
        return [
            pynvml.nvmlDeviceGetHandleByIndex(int(name))
            if name.isdigit()
            else pynvml.nvmlDeviceGetHandleByUUID(name.encode())
            for name in names
        ]
    except pynvml.NVMLError:
        return []


def busy(gpus: list[Any]) -> tuple[float | None, int | None]:
    """Of these GPUs, the share of the last moments in which they computed, and the bytes in use; None if unknown."""
    if not gpus:
        return None, None
    import pynvml

    try:
        share = sum(pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu for gpu in gpus) / len(gpus) / 100
    except pynvml.NVMLError:  # parts of a GPU (MIG) don't say
        share = None
    return share, sum(_used(gpu)[0] for gpu in gpus)


def _used(gpu: Any) -> tuple[int, int]:
    """Bytes in use, and bytes in total; zeros if the driver does not say."""
    import pynvml

    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(gpu)
    except pynvml.NVMLError:
        return 0, 0
    return int(memory.used), int(memory.total)
