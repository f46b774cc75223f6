"""The step at which a training first reaches a target, as a study's result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from playbook_cli.analysis.time_to_target import time_to_target
from playbook_cli.records import Curve, Metric, TrialRecord
from tests.generators.studies import study, trial


def curved(number: int, values: list[float], state: str = "completed") -> TrialRecord:
    steps = np.arange(1, len(values) + 1) * 10
    made = trial(number, {}, min(values), curve=Curve(steps=steps, values={"val_error": np.array(values)}))
    return replace(made, state=state)  # type: ignore[arg-type]


def test_the_first_evaluation_at_the_target_counts_and_what_misses_it_is_worse_than_any() -> None:
    made = time_to_target(study([curved(0, [3, 1, 2, 0.5]), curved(1, [3, 2, 2, 2])]), 1.0)
    first, second = made.trials
    assert first.best is not None
    assert (first.best.value, first.state) == (20, "completed")
    assert (second.best, second.state) == (None, "infeasible")
    assert made.metric == Metric(name="steps to val_error 1", goal="minimize")


def test_more_is_better_where_the_metric_is_maximized() -> None:
    up = replace(study([curved(0, [1, 2, 3])]), metric=Metric(name="val_error", goal="maximize"))
    (only,) = time_to_target(up, 2.5).trials
    assert only.best is not None
    assert only.best.value == 30


def test_a_missing_evaluation_is_not_the_target_and_divergence_after_it_does_not_matter() -> None:
    (only,) = time_to_target(study([curved(0, [3, np.nan, 0.5], state="infeasible")]), 1.0).trials
    assert only.best is not None
    assert (only.best.value, only.state) == (30, "completed")


def test_of_a_trial_without_evaluations_nothing_is_known() -> None:
    (only,) = time_to_target(study([trial(0, {}, 0.1)]), 1.0).trials
    assert (only.state, only.best) == ("failed", None)
