"""A study whose result is the step at which a training first reaches a target."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.records import DECIDED, Best, Metric

if TYPE_CHECKING:
    from playbook_cli.records import State, StudyRecord, TrialRecord


def time_to_target(study: StudyRecord, target: float) -> StudyRecord:
    """The study with steps to `target`, a value of its metric, as the metric; fewer is better.

    A trial that ended without reaching it is infeasible: worse than any that did. One without evaluations, or that was
    stopped before, is left as failed, because nothing is known of it.
    """
    metric = Metric(name=f"steps to {study.metric.name} {target:g}", goal="minimize")
    return replace(study, metric=metric, trials=[_timed(study.metric, trial, target) for trial in study.trials])


def _timed(metric: Metric, trial: TrialRecord, target: float) -> TrialRecord:
    if trial.state not in DECIDED:
        return trial
    column = trial.curve.values.get(metric.name) if trial.curve is not None else None
    if trial.curve is None or column is None:
        state: State = "infeasible" if trial.state == "infeasible" else "failed"
        return replace(trial, best=None, stopped=None, state=state)
    losses = column if metric.goal == "minimize" else -column
    reached = np.flatnonzero(losses <= metric.loss(target))  # NaN compares as not reached
    if not reached.size and trial.state == "stopped":
        return replace(trial, best=None, stopped=None, state="failed", reason="it was stopped before the target")
    if not reached.size:
        return replace(trial, best=None, state="infeasible", reason="it never reached the target")
    step = int(trial.curve.steps[reached[0]])
    return replace(trial, state="completed", best=Best(trial=trial.id, value=step, step=step, params=trial.params))
