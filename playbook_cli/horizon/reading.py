"""The runs of a ladder, read from its studies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import curves
from playbook_cli.horizon.runs import Run
from playbook_cli.storage.divergence import judged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.horizon.setting import Setting
    from playbook_cli.records import Metric, StudyRecord, TrialRecord

WORTH = 0.075
"""A doubling is worth its steps if it gains this share of what training gains after its first tenth (default).
best-step calls a last quarter flat if it gains less than 5%; a power law whose last quarter gains 5% gains 7.5%
(exponent 1) to 12% (exponent near 0) in the next doubling, and when in doubt, longer training is preferred."""


def runs_of(setting: Setting, trials: Sequence[TrialRecord], steps: int) -> list[list[Run]]:
    """The runs of one length, point by point."""
    metric = setting.study.objective
    found: list[list[Run]] = [[] for _ in setting.trials]
    for trial in judged(trials, metric):
        point, factor, seed = setting.place(trial.id)
        best = trial.best if trial.state == "completed" else None
        series = curves.objective(trial.curve, metric)
        jitter = series.jitter if series is not None else math.nan
        found[point].append(
            Run(
                steps=steps,
                factor=setting.factors[factor],
                seed=seed,
                loss=None if best is None else metric.loss(best.value),
                jitter=0.0 if math.isnan(jitter) else jitter,
            )
        )
    return found


def worth_of(trials: Sequence[TrialRecord], metric: Metric) -> float | None:
    """The least gain that makes a doubling worth its steps, in units of the metric; None if no curve shows it."""
    series = [curves.objective(trial.curve, metric) for trial in trials]
    drops = [one.later_drop for one in series if one is not None and one.steps.size > 1]
    worth = WORTH * float(np.median(drops)) if drops else 0.0
    return worth if worth > 0.0 else None


def repeats_of(study: StudyRecord, trials: Sequence[TrialRecord], *, logarithmic: bool) -> tuple[float, int]:
    """Variance and degrees of freedom of repeats of these trials, on the judged scale; (0, 0) without repeats."""
    squares, free = 0.0, 0
    for trial in trials:
        values = [t.best.value for t in study.repeats(trial.id) if t.state == "completed" and t.best is not None]
        if len(values) > 1:
            losses = np.array([study.metric.loss(value) for value in values])
            level = np.log(losses) if logarithmic else losses
            squares += float(((level - level.mean()) ** 2).sum())
            free += len(values) - 1
    return (squares / free, free) if free else (0.0, 0)
