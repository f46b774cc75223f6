"""Whether a program ran out of memory, as what it printed last and how it ended tell."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

from playbook_cli.files.logs import printed

if TYPE_CHECKING:
    from pathlib import Path

LAST_LINES = 40
"""Where a program that crashed says why; one that ran out of memory earlier went on without harm."""
ON_GPU = re.compile(
    r"OutOfMemoryError: .*(CUDA|HIP|XPU|GPU)|(CUDA|HIP) out of memory|CUDA error: out of memory|"
    r"HIP error: out of memory|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|"
    r"RESOURCE_EXHAUSTED: Out of memory|failed to allocate .* from device",
)
"""By torch, cuBLAS, cuDNN and XLA."""
ANYWHERE = re.compile(
    r"OutOfMemory|out of memory|MemoryError\b|bad_alloc|can(?:'|no)t allocate memory|RESOURCE_EXHAUSTED"
    r"|failed to allocate|[A-Z]+_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
"""Python, PyTorch on CPU and GPU, NumPy, C++, cuBLAS and cuDNN, JAX."""
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
"""Exit codes of what a memory limit of the system, a container or a scheduler has killed."""
_LINE = 200


def gpu_out_of_memory(log: Path, start: int = 0) -> str | None:
    """The line in which a program that crashed tells that its GPU had no memory left; None where it died otherwise.

    Nothing before byte `start` of its log counts.
    """
    return _last(ON_GPU, printed(log, start).rstrip().splitlines()[-LAST_LINES:])


def out_of_memory(said: str, exit_code: int) -> str | None:
    """Why a process that printed and ended so ran out of memory, in one line; None where it ended for another reason.

    `exit_code` is negative for a signal.
    """
    if exit_code == 0:
        return None
    killed = "killed by signal 9, as a memory limit does" if exit_code in KILLED else None
    return _last(ANYWHERE, said.splitlines()) or killed


def says_so(reason: str | None) -> bool:
    """Whether the reason that a trial gives for its end is that memory ran out."""
    return reason is not None and ANYWHERE.search(reason) is not None


def _last(sign: re.Pattern[str], lines: list[str]) -> str | None:
    return next((line.strip()[:_LINE] for line in reversed(lines) if sign.search(line)), None)
