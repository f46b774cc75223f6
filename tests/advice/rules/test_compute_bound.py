"""What the rule says about what limits training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from playbook_cli.acts import Next
from playbook_cli.advice.rules.compute_bound import compute_bound
from playbook_cli.records import Earlier, Metric, TrainingFit
from tests.generators.curve_cases import COSINE, FITS, LINEAR, OVERFIT, SATURATED, SLOW, UNFINISHED, fitted, regularized
from tests.generators.held_cases import creeping
from tests.generators.learning_curves import Course, curve_study
from tests.generators.studies import study, trial

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord


def of(course: Course, n: int = 12) -> StudyRecord:
    return curve_study([course] * n, np.random.default_rng(0))


def only(study: StudyRecord) -> Finding:
    (finding,) = compute_bound(study)
    return finding


@pytest.mark.parametrize("course", [SLOW, replace(UNFINISHED, evaluations=100)])
def test_curves_that_both_still_improve_are_compute_bound_and_point_to_rounds(course: Course) -> None:
    finding = only(of(course))
    assert (finding.verdict, finding.severity) == ("yes", "info")
    assert finding.act == Next(round=2, max_train_steps=10000, top=3)
    assert "train_loss still improves" in finding.message


def test_after_a_second_round_the_third_is_pointed_to() -> None:
    later = replace(of(SLOW), earlier=Earlier(study="short", number=2, values={}))
    assert only(later).act == Next(round=3, max_train_steps=10000, top=3)


def test_without_a_training_loss_the_metric_alone_decides_and_the_message_names_it() -> None:
    finding = only(of(replace(SLOW, train=False)))
    assert finding.verdict == "yes"
    assert "train_loss" not in finding.message
    assert "val_error" in finding.message


@pytest.mark.parametrize("course", [SATURATED, FITS, OVERFIT])
def test_curves_that_have_stopped_are_not(course: Course) -> None:
    finding = only(of(course))
    assert (finding.verdict, finding.severity, finding.act) == ("no", "ok", None)


def test_a_training_loss_that_falls_alone_is_not_enough() -> None:
    finding = only(regularized(np.random.default_rng(0), 12, 2))
    assert finding.verdict == "no"
    assert "train_loss still improves" in finding.message


def test_a_learning_rate_that_nobody_knows_leaves_it_undecided_and_says_what_would_help() -> None:
    finding = only(of(replace(SLOW, rate=False)))
    assert (finding.verdict, finding.act) == ("undecided", None)
    assert "log learning_rate" in finding.message


@pytest.mark.parametrize("course", [LINEAR, COSINE])
def test_a_decayed_learning_rate_leaves_it_undecided(course: Course) -> None:
    finding = only(of(course))
    assert (finding.verdict, finding.severity) == ("undecided", "info")
    assert "schedule" in finding.message


@pytest.mark.parametrize(
    ("steps", "fell", "verdict"),
    [(1000, 0.07, "yes"), (400, 0.07, "undecided"), (1000, 0.001, "undecided"), (1000, None, "undecided")],
)
def test_under_a_schedule_a_sweep_as_long_that_still_falls_decides(steps, fell, verdict) -> None:
    finding = only(replace(of(COSINE), training_fit=TrainingFit(fits=False, steps=steps, fell=fell)))
    assert finding.verdict == verdict
    assert ("--steps 1000" in finding.message) == (steps < 1000)


def test_a_training_set_that_is_fitted_is_not_limited_by_steps() -> None:
    assert only(fitted(np.random.default_rng(0), 12, 2)).verdict == "no"


def test_a_sweep_that_fits_decides_also_without_curves() -> None:
    bare = study([trial(i, {}, 0.1 * i) for i in range(8)])
    assert only(bare).verdict == "undecided"
    finding = only(replace(bare, training_fit=TrainingFit(fits=True, steps=320)))
    assert finding.verdict == "no"
    assert "320 steps" in finding.message


def test_a_sweep_that_never_fits_is_part_of_the_evidence() -> None:
    finding = only(replace(of(SLOW), training_fit=TrainingFit(fits=False, steps=400)))
    assert finding.verdict == "yes"
    assert finding.evidence["lr_sweep_fits"] is False
    assert "within 400 steps" in finding.message


def test_a_metric_to_maximize_is_said_to_improve() -> None:
    made = of(SLOW)
    trials = []
    for t in made.trials:
        assert t.curve is not None
        assert t.best is not None
        accuracy = {"val_accuracy": 1 - t.curve.values["val_error"], "lr": t.curve.values["learning_rate"]}
        best = replace(t.best, value=1 - t.best.value)
        trials.append(replace(t, best=best, curve=replace(t.curve, values=accuracy)))
    finding = only(replace(made, trials=trials, metric=Metric(name="val_accuracy", goal="maximize")))
    assert finding.verdict == "yes"
    assert "val_accuracy still improves" in finding.message


def test_no_trial_at_all_is_undecided() -> None:
    assert only(study([])).verdict == "undecided"


def test_a_flat_end_that_decides_between_good_trials_leaves_it_open() -> None:
    finding = only(creeping(np.random.default_rng(1), 24, 2))
    assert finding.verdict == "undecided"
    assert "yet it still improves by" in finding.message
