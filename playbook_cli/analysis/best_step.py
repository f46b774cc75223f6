"""At which step trials had their best evaluation, and whether that says anything about the number of steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import curves, schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Metric, TrialRecord

LAST = 0.25
"""The part of training whose fall is looked at."""
_LEVEL = 0.1


@dataclass(frozen=True, kw_only=True)
class BestStep:
    """Where in training one trial was best."""

    share: float
    """Step of the best level / max_train_steps: of a mean of a tenth of the evaluations, unless there are few."""
    learning_rate: float | None
    """Learning rate at the best step as a part of the trial's peak; None where it is not known."""
    evaluations: int | None
    """Of the metric; None of a trial without a curve, whose best step alone is known."""


def best_steps(trials: Sequence[TrialRecord], metric: Metric, max_train_steps: int) -> list[BestStep]:
    """One value for each of these completed trials, in order."""
    read = []
    for trial in trials:
        series = curves.objective(trial.curve, metric)
        known = schedule.rates(trial, max_train_steps)
        read.append(
            BestStep(
                share=_best(trial, series) / max(max_train_steps, 1),
                learning_rate=known.at(trial.best.step) if trial.best and known else None,
                evaluations=None if trial.curve is None else 0 if series is None else series.losses.size,
            )
        )
    return read


def _best(trial: TrialRecord, series: curves.Series | None) -> float:
    """The step of the best level; noise alone decides which of many evaluations is the single best one."""
    if series is None or series.losses.size < 2 / _LEVEL:
        return float(trial.best.step) if trial.best else 0.0
    blocks = series.blocks
    size = int(blocks.losses.size * _LEVEL)
    lowest = int(np.argmin(np.convolve(blocks.losses, np.ones(size) / size, "valid")))
    return float(blocks.steps[lowest : lowest + size].mean())
