from __future__ import annotations

import numpy as np

from playbook_cli.records import Curve, Metric
from playbook_cli.sweep.target import Fit, Target

ERROR = Target(metric=Metric(name="train_error"), value=0.0)


def curve(steps, **values):
    columns = {name: np.array(column, dtype=float) for name, column in values.items()}
    return Curve(steps=np.array(steps), values=columns)


def test_the_first_evaluation_that_holds_counts_also_if_a_later_one_does_not():
    assert ERROR.reached(curve([10, 20, 30], train_error=[0.1, 0.0, 0.2])) == Fit(step=20, before=10)


def test_an_evaluation_without_the_metric_says_nothing():
    fit = ERROR.reached(curve([10, 20, 30], train_error=[0.1, np.nan, 0.0]))
    assert fit == Fit(step=30, before=10)
    assert fit.resolution == 20


def test_a_fit_at_the_first_evaluation_lies_after_step_0():
    assert ERROR.reached(curve([10], train_error=[0.0])) == Fit(step=10, before=0)


def test_without_the_metric_there_is_no_fit():
    assert ERROR.reached(curve([10], val_error=[0.0])) is None
    assert ERROR.reached(None) is None


def test_a_metric_of_which_more_is_better_has_to_rise_to_the_target():
    accuracy = Target(metric=Metric(name="train_accuracy", goal="maximize"), value=0.99)
    assert accuracy.reached(curve([1, 2], train_accuracy=[0.98, 0.99])) == Fit(step=2, before=1)
    assert str(accuracy) == "train_accuracy >= 0.99"


def test_of_a_trial_that_is_longer_than_it_was_wanted_one_evaluation_beyond_counts():
    target = Target(metric=Metric(name="train_error", goal="minimize"), value=0.0)
    late = Curve(steps=np.array([30, 60, 90, 120]), values={"train_error": np.array([1.0, 1.0, 0.0, 0.0])})
    assert target.reached(late) == target.reached(late, 90) == target.reached(late, 61) == Fit(step=90, before=60)
    assert target.reached(late, 60) is None


def test_only_steps_with_the_metric_are_evaluations():
    target = Target(metric=Metric(name="train_error", goal="minimize"), value=0.0)
    values = {"train_error": np.array([np.nan, 1.0, np.nan]), "train_loss": np.ones(3)}
    assert target.evaluated(Curve(steps=np.array([1, 2, 3]), values=values)) == [2]
    assert target.evaluated(Curve(steps=np.array([1]), values={"train_loss": np.ones(1)})) == []
    assert target.evaluated(None) == []
