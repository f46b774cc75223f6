"""Whether a trial died because its GPU had no memory left, as what it printed last tells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playbook_cli import inside

if TYPE_CHECKING:
    from pathlib import Path

LAST_LINES = 40
"""Where a program that crashed says why; one that ran out of memory earlier went on without harm."""
TAIL_BYTES = 20_000
SAID = re.compile(
    r"OutOfMemoryError: .*(CUDA|HIP|XPU|GPU)|(CUDA|HIP) out of memory|CUDA error: out of memory|"
    r"HIP error: out of memory|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|"
    r"RESOURCE_EXHAUSTED: Out of memory|failed to allocate .* from device",
)
"""By torch, cuBLAS, cuDNN and XLA."""


def out_of_memory(log: Path, start: int = 0) -> str | None:
    """The line in which a program tells that, after byte `start` of its log; None where it died of something else."""
    try:
        with inside.opened(log) as file:
            size = file.seek(0, 2)
            file.seek(max(start, size - TAIL_BYTES))
            lines = file.read().decode("utf-8", errors="replace").rstrip().splitlines()
    except OSError:
        return None
    said = (line.strip() for line in reversed(lines[-LAST_LINES:]) if SAID.search(line))
    return next((line[:200] for line in said), None)
