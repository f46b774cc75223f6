"""Whether a program ran out of memory, judged by its last output and how it ended."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from playbook_cli.files.logs import printed

if TYPE_CHECKING:
    from pathlib import Path

LAST_LINES = 40
"""Lines in which a crashed program gives the reason; if it ran out of memory earlier, it recovered."""
ON_GPU = re.compile(
    r"OutOfMemoryError: .*(CUDA|HIP|XPU|GPU)|(CUDA|HIP) out of memory|CUDA error: out of memory|"
    r"HIP error: out of memory|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|"
    r"RESOURCE_EXHAUSTED: Out of memory|failed to allocate .* from device",
)
"""Messages of torch, cuBLAS, cuDNN and XLA."""
ANYWHERE = re.compile(
    r"OutOfMemory|out of memory|MemoryError\b|bad_alloc|can(?:'|no)t allocate memory|RESOURCE_EXHAUSTED"
    r"|failed to allocate|[A-Z]+_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
"""Messages of Python, PyTorch on CPU and GPU, NumPy, C++, cuBLAS, cuDNN and JAX."""
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
"""Exit codes of processes killed by a memory limit of the system, a container or a scheduler."""
_LINE = 200


def gpu_out_of_memory(log: Path, start: int = 0) -> str | None:
    """The line in which a crashed program says that its GPU ran out of memory; None if it crashed otherwise.

    Only its log from byte `start` on counts.
    """
    return _last(ON_GPU, printed(log, start).rstrip().splitlines()[-LAST_LINES:])


def out_of_memory(said: str, exit_code: int) -> str | None:
    """How a process with this output and exit code ran out of memory, in one line; None if it ended otherwise.

    `exit_code` is negative for a signal.
    """
    if exit_code == 0:
        return None
    killed = "killed by signal 9, probably by a memory limit" if exit_code in KILLED else None
    return _last(ANYWHERE, said.splitlines()) or killed


def says_so(reason: str | None) -> bool:
    """Whether a trial's reason says that memory ran out."""
    return reason is not None and ANYWHERE.search(reason) is not None


def _last(sign: re.Pattern[str], lines: list[str]) -> str | None:
    return next((line.strip()[:_LINE] for line in reversed(lines) if sign.search(line)), None)
