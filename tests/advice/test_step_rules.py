"""What the rules about steps say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.curve_cases import COSINE, EARLY, FITS, LINEAR, OVERFIT, SATURATED, SLOW, UNFINISHED, best_at_first
from benchmarks.generators import study, trial
from benchmarks.learning_curves import Course, curve_study
from playbook_cli.acts import Next
from playbook_cli.advice.step_rules import best_step, eval_frequency

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


@pytest.mark.parametrize("course", [UNFINISHED, SLOW, replace(SLOW, rate=False)])
def test_late_best_steps_of_curves_that_still_fall_ask_for_more(course: Course) -> None:
    finding = only(best_step(of(course)))
    assert (finding.verdict, finding.severity) == ("train-longer", "warning")
    assert finding.act == Next(max_train_steps=2000)


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
    assert "very first one" in finding.message
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
