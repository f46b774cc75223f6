"""GPUs that are not there: a driver library that lists them, for everything that only counts and hands out devices."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("nvml.c")


def missing() -> str | None:
    """Why no driver can be pretended here; None where one can."""
    return None if shutil.which("cc") else "there is no C compiler: make ci-deps"


def gpus(folder: Path, count: int, *, divided: int = 0) -> dict[str, str]:
    """The environment in which this machine has `count` GPUs, the first `divided` of them in two MIG instances each."""
    library = folder / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)], check=True)
    path = [str(folder), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    return {
        "LD_LIBRARY_PATH": os.pathsep.join(path),
        "PRETENDED_GPUS": str(count),
        "PRETENDED_MIG": str(divided),
    }
