"""How a process that ran out of memory ends: what it prints, and by which signal."""

from __future__ import annotations

import re
import signal

_PRINTED = re.compile(
    r"OutOfMemory|out of memory|MemoryError\b|bad_alloc|can(?:'|no)t allocate memory|RESOURCE_EXHAUSTED"
    r"|failed to allocate|[A-Z]+_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
"""Python, PyTorch on CPU and GPU, NumPy, C++, cuBLAS and cuDNN, JAX."""
_LINE = 200
KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
"""Exit codes of what a memory limit of the system, a container or a scheduler has killed."""


def out_of_memory(printed: str, exit_code: int) -> str | None:
    """Why a process that ended so ran out of memory, in one line; None where it ended for another reason.

    `exit_code` is negative for a signal.
    """
    if exit_code == 0:
        return None
    for line in reversed(printed.splitlines()):
        if _PRINTED.search(line):
            return line.strip()[:_LINE]
    if exit_code in KILLED:
        return "killed by signal 9, as a memory limit does"
    return None


def says_so(reason: str | None) -> bool:
    """Whether the reason that a trial gives for its end is that memory ran out."""
    return reason is not None and _PRINTED.search(reason) is not None
