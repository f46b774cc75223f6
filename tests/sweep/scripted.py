"""Trials that train nothing: a known number of steps to fit for each learning rate, and sweeps of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Bench

SCRIPT = """
import math

{curve}

def train(trial):
    need = steps_to_fit(math.log10(trial.params["learning_rate"]))
    for step in trial.steps():
        if trial.should_evaluate(step):
            if need == "diverges" and step > 3:
                trial.report(step, train_loss=math.nan, train_error=1.0)
            fits = isinstance(need, (int, float)) and step >= need
            trial.report(step, train_loss=1.0 / step, train_error=0.0 if fits else {unfit})
"""


def curve(body: str) -> str:
    """A function from the exponent of the learning rate to steps, "diverges" or "never"."""
    return f"def steps_to_fit(x):\n    {body}"


VALLEY = curve("return round(37 + 40 * abs(x + 1))")
"""Best at 0.1, with 37 steps; whole decades to either side cost 40 more."""


def study(bench: Bench, body: str = VALLEY, *, unfit: str = "1.0", **changes: Any) -> Path:
    """study.yaml with a sweep of one point a decade, evaluated every 10 steps, and its script."""
    sweep = {"min": 1e-4, "max": 10, "points": 6, "steps": 200, "eval_every": 10} | changes.pop("lr_sweep", {})
    bench.write("scripted.py", SCRIPT.format(curve=body, unfit=unfit))
    keys = {
        "name": "s",
        "train": "scripted:train",
        "metric": {"name": "val_error"},
        "max_train_steps": 300,
        "trials": 4,
        "nuisance": {"learning_rate": {"min": 1e-3, "max": 1.0, "scale": "log"}},
        "resources": {"gpus": 0},
        "lr_sweep": sweep,
    } | changes
    return bench.write("study.yaml", json.dumps({k: v for k, v in keys.items() if v is not None}, indent=1))
