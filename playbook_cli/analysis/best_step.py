"""At which step trials had their best evaluation, and whether that says anything about the number of steps."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import curves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.analysis.curves import Line
    from playbook_cli.records import Metric, TrialRecord

_LEARNING_RATE = re.compile(r"(^|[^a-z0-9])(learning[_-]?rate|lr)$")


@dataclass(frozen=True, kw_only=True)
class BestStep:
    """Where in training one trial was best, and how its curve ended."""

    share: float
    """Best step / max_train_steps."""
    learning_rate: float | None
    """Learning rate at the best step as a part of the trial's peak; None where it is not known."""
    end: Line | None
    """The line through the last quarter of the curve; None where there are too few evaluations."""
    scale: float
    """What `end` is measured by: how far the curve came down after the first tenth of its evaluations."""


def best_steps(trials: Sequence[TrialRecord], metric: Metric, max_train_steps: int) -> list[BestStep]:
    """One value for each of these completed trials, in order."""
    read = []
    for trial in trials:
        series = curves.objective(trial.curve, metric)
        readable = series is not None and not math.isnan(curves.noise(series.losses))
        read.append(
            BestStep(
                share=trial.best.step / max(max_train_steps, 1) if trial.best else 0.0,
                learning_rate=learning_rate(trial, trial.best.step) if trial.best else None,
                end=curves.line(series, 0.25) if series is not None and readable else None,
                scale=series.later_drop if series is not None else 0.0,
            )
        )
    return read


def pooled_end(steps: Sequence[BestStep]) -> Line | None:
    """How these trials' curves end on average, each measured by its own scale; None where none can be read."""
    known = [(s.end, s.scale) for s in steps if s.end is not None]
    return curves.pooled([end for end, _ in known], [scale for _, scale in known]) if known else None


def learning_rate(trial: TrialRecord, step: int) -> float | None:
    """The learning rate at this step as a part of the trial's peak, as recorded or from a constant schedule.

    The column is `learning_rate` or `lr`, or ends so after a separator (`optim/lr`).
    """
    curve = trial.curve
    if curve is not None:
        for name, column in curve.values.items():
            if not _LEARNING_RATE.search(name.lower()):
                continue
            known = np.isfinite(column)
            if known.any() and float(column[known].max()) > 0.0:
                nearest = int(np.argmin(np.abs(curve.steps[known] - step)))
                return float(column[known][nearest] / column[known].max())
    return 1.0 if str(trial.params.get("schedule")).lower() == "constant" else None
