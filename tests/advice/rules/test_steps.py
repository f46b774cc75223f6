"""What the rules about steps say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from playbook_cli.acts import Next
from playbook_cli.advice.rules.best_step import best_step
from playbook_cli.advice.rules.eval_frequency import eval_frequency
from playbook_cli.records import Curve
from tests.generators.curve_cases import (
    COSINE,
    EARLY,
    FITS,
    LINEAR,
    OVERFIT,
    SATURATED,
    SLOW,
    UNFINISHED,
    best_at_first,
)
from tests.generators.held_cases import ENOUGH, OPEN, SETTLED, WANTING, creeping, once
from tests.generators.held_curves import Kind, held_study
from tests.generators.learning_curves import Course, curve_study
from tests.generators.studies import study, trial

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord


def of(*courses: Course, n: int = 12) -> StudyRecord:
    return curve_study([courses[i % len(courses)] for i in range(n)], np.random.default_rng(0))


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


def at(*steps: int) -> StudyRecord:
    """Equal trials without curves that were best at these steps."""
    return study([trial(i, {}, 0.1 * i, step=step) for i, step in enumerate(steps)])


def test_always_within_the_first_tenth_is_far_too_many_steps() -> None:
    finding = only(best_step(of(EARLY)))
    assert (finding.verdict, finding.severity) == ("too-many-steps", "warning")
    assert isinstance(finding.act, Next)
    assert (finding.act.max_train_steps or 1000) <= 200


def test_one_good_trial_that_needed_longer_is_not_always() -> None:
    assert only(best_step(at(50, 50, 600, 50, 990, 990, 990, 990))).verdict == "undecided"


@pytest.mark.parametrize("course", [UNFINISHED, SLOW])
def test_late_best_steps_of_curves_that_still_fall_ask_for_more(course: Course) -> None:
    finding = only(best_step(of(course)))
    assert (finding.verdict, finding.severity) == ("train-longer", "warning")
    assert finding.act == Next(max_train_steps=2000)


@pytest.mark.parametrize("kind", [replace(ENOUGH, schedule=s, told="unsaid") for s in ("cosine", "linear", "wsd")])
def test_a_fall_at_the_end_proves_nothing_where_nobody_knows_the_learning_rate(kind: Kind) -> None:
    finding = only(best_step(held_study([kind] * 16, np.random.default_rng(1))))
    assert (finding.verdict, finding.act) == ("undecided", None)
    assert "log learning_rate, or declare the schedule" in finding.message


@pytest.mark.parametrize("schedule", ["cosine", "linear", "steps"])
def test_a_flat_end_proves_nothing_where_an_unknown_decay_may_have_starved_training(schedule: str) -> None:
    starved = replace(WANTING, schedule=schedule, anneal=0.0, told="unsaid")
    finding = only(best_step(held_study([starved] * 24, np.random.default_rng(1))))
    assert finding.verdict == "undecided"
    assert "log learning_rate, or declare the schedule" in finding.message


def test_curves_that_were_flat_for_most_of_training_fit_whatever_the_schedule() -> None:
    finding = only(best_step(held_study([replace(SETTLED, told="unsaid")] * 24, np.random.default_rng(1))))
    assert finding.verdict == "fits"


def test_a_small_gain_that_decides_between_good_trials_is_not_called_enough() -> None:
    finding = only(best_step(creeping(np.random.default_rng(1), 24, 2)))
    assert finding.verdict == "undecided"
    assert "the spread among the best quarter of the trials" in finding.message


def test_a_declared_constant_schedule_lets_a_fall_count() -> None:
    finding = only(best_step(held_study([replace(OPEN, told="declared")] * 16, np.random.default_rng(1))))
    assert finding.verdict == "train-longer"


@pytest.mark.parametrize("schedule", ["wsd", "steps"])
def test_before_a_decay_the_curves_say_whether_more_steps_would_help(schedule: str) -> None:
    wanting = held_study([replace(WANTING, schedule=schedule)] * 24, np.random.default_rng(1))
    finding = only(best_step(wanting))
    assert finding.verdict == "train-longer"
    assert "when the learning rate left its peak" in finding.message
    enough = held_study([replace(ENOUGH, schedule=schedule)] * 24, np.random.default_rng(1))
    assert only(best_step(enough)).verdict == "fits"


def test_a_metric_that_is_evaluated_once_says_nothing_about_steps() -> None:
    made = once(np.random.default_rng(0), 16, 2)
    finding = only(best_step(made))
    assert (finding.verdict, finding.act) == ("undecided", None)
    assert "val_error is evaluated once per trial, at step 0" in finding.message
    assert only(eval_frequency(made)).verdict == "too-coarse"


def test_a_program_that_does_not_heed_eval_every_is_not_told_to_lower_it() -> None:
    finding = only(eval_frequency(replace(of(replace(FITS, evaluations=8)), eval_every=5)))
    assert (finding.verdict, finding.act) == ("too-coarse", None)
    assert "though the study sets eval_every: 5" in finding.message
    assert "${eval_every}" in finding.message


def test_a_program_that_is_not_told_how_often_to_evaluate_gets_no_command_that_changes_nothing() -> None:
    finding = only(eval_frequency(replace(of(replace(FITS, evaluations=8)), takes_eval_every=False)))
    assert (finding.verdict, finding.act) == ("too-coarse", None)
    assert "make the program evaluate every 50 steps" in finding.message


def test_evaluations_of_other_metrics_do_not_count() -> None:
    made = of(replace(FITS, evaluations=100))
    sparse = []
    for t in made.trials:
        assert t.curve is not None
        error = np.where(np.arange(100) % 25 == 24, t.curve.values["val_error"], np.nan)
        sparse.append(replace(t, curve=replace(t.curve, values={**t.curve.values, "val_error": error})))
    assert only(eval_frequency(replace(made, trials=sparse))).verdict == "too-coarse"


def test_trials_stopped_early_are_counted_and_those_that_still_improved_have_no_say() -> None:
    made = held_study([replace(SETTLED, stopped=0.5)] * 24, np.random.default_rng(2))
    finding = only(best_step(made))
    assert finding.verdict == "fits"
    assert "stopped early, between steps" in finding.message
    none = [replace(t, last_step=180, curve=cut(t.curve, 180)) for t in made.trials if t.curve]
    finding = only(best_step(replace(made, trials=none)))
    assert finding.verdict == "undecided"
    assert "24 of 24 completed trials stopped early" in finding.message
    assert "turn early stopping off" in finding.message


def cut(curve: Curve, step: int) -> Curve:
    kept = curve.steps <= step
    return Curve(steps=curve.steps[kept], values={k: v[kept] for k, v in curve.values.items()})


def test_epochs_beside_updates_are_not_compared() -> None:
    made = of(FITS)
    epochs = []
    for i, t in enumerate(made.trials):
        assert t.curve is not None
        steps = t.curve.steps // 20 if i % 2 else t.curve.steps
        epochs.append(replace(t, curve=replace(t.curve, steps=steps), last_step=int(steps[-1])))
    finding = only(best_step(replace(made, trials=epochs, max_train_steps=50)))
    assert finding.verdict == "undecided"
    assert "count" in finding.message
    assert "epochs" in finding.message


@pytest.mark.parametrize("course", [LINEAR, COSINE])
def test_late_best_steps_under_a_decayed_learning_rate_are_no_evidence(course: Course) -> None:
    finding = only(best_step(of(course)))
    assert (finding.verdict, finding.act) == ("undecided", None)
    assert "schedule" in finding.message
    assert finding.evidence["decayed_share"] > 0.5


def test_late_best_steps_of_flat_curves_fit() -> None:
    flat = Course(tau=0.1, noise=0.002)
    late = [replace(t, best=replace(t.best, step=990)) for t in of(flat).trials if t.best]
    assert only(best_step(replace(of(flat), trials=late))).verdict == "fits"


@pytest.mark.parametrize("course", [SATURATED, OVERFIT])
def test_best_steps_in_the_middle_fit(course: Course) -> None:
    assert only(best_step(of(course))).verdict == "fits"


def test_late_best_steps_without_curves_are_undecided() -> None:
    assert only(best_step(at(*[990] * 8))).verdict == "undecided"


def test_the_worse_half_does_not_vote() -> None:
    assert only(best_step(at(*[50] * 5, *[990] * 5))).verdict == "too-many-steps"


def test_six_trials_are_too_few() -> None:
    assert only(best_step(at(*[50] * 6))).verdict == "undecided"


def test_few_evaluations_are_too_coarse_and_the_command_makes_them_finer() -> None:
    finding = only(eval_frequency(of(replace(FITS, evaluations=8))))
    assert (finding.verdict, finding.act) == ("too-coarse", Next(eval_every=50))


def test_a_best_first_evaluation_is_too_coarse() -> None:
    finding = only(eval_frequency(best_at_first(np.random.default_rng(0), 12, 2)))
    assert finding.verdict == "too-coarse"
    assert "very first evaluation" in finding.message
    assert finding.act == Next(eval_every=25)


def test_twenty_evaluations_are_enough() -> None:
    assert only(eval_frequency(of(replace(FITS, evaluations=20)))).verdict == "enough"


def test_without_curves_the_studys_own_interval_counts() -> None:
    assert only(eval_frequency(at(100, 200))).verdict == "enough"
    assert only(eval_frequency(replace(at(100, 200), eval_every=200))).verdict == "too-coarse"


def test_an_evaluation_after_every_step_can_not_be_finer() -> None:
    short = replace(at(1, 2), max_train_steps=3, eval_every=1)
    assert only(eval_frequency(short)).verdict == "enough"


def test_nothing_completed_is_undecided() -> None:
    assert only(eval_frequency(study([]))).verdict == "undecided"


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_what_was_flat_before_most_of_a_decay_had_come_to_its_end(schedule: str) -> None:
    late = replace(ENOUGH, time=0.03, schedule=schedule, power=0.1, noise=0.003, told="declared")
    finding = only(best_step(held_study([late] * 16, np.random.default_rng(1))))
    assert finding.verdict == "fits"
    assert "barely improved while the learning rate was high" in finding.message
    wanting = replace(WANTING, schedule=schedule, told="declared")
    assert only(best_step(held_study([wanting] * 16, np.random.default_rng(1)))).verdict == "undecided"
