"""Trials that train nothing: known seconds of a step for each batch size, and real memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Bench

SCRIPT = """
import math
import time

def train(trial):
    size = int(trial.params["batch_size"])
    held = bytearray(size * {bytes_each}) if {bytes_each} else None
    {before}
    for step in trial.steps():
        time.sleep({seconds})
        if trial.should_evaluate(step):
            trial.report(step, val_error=1.0 / step + {of_size})
"""


def study(
    bench: Bench,
    seconds: str = "0.001 + 0.0001 * size",
    *,
    before: str = "pass",
    bytes_each: int = 0,
    of_size: str = "1e-3 / size",
    **changes: Any,
) -> Path:
    """study.yaml, and its script, whose steps take `seconds`, an expression of `size`."""
    bench.write("scripted.py", SCRIPT.format(seconds=seconds, before=before, bytes_each=bytes_each, of_size=of_size))
    keys = {
        "name": "s",
        "train": "scripted:train",
        "metric": {"name": "val_error"},
        "max_train_steps": 60,
        "trials": 4,
        "nuisance": {"learning_rate": {"min": 1e-3, "max": 1.0, "scale": "log"}},
        "fixed": {"batch_size": 8},
        "resources": {"gpus": 0},
    } | changes
    return bench.write("study.yaml", json.dumps({k: v for k, v in keys.items() if v is not None}, indent=1))
