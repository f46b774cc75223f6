"""What the rules that read curves say of healthy and of sick ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from playbook_cli.acts import Next
from playbook_cli.advice.rules.late_variance import late_variance
from playbook_cli.advice.rules.overfitting import overfitting
from playbook_cli.advice.rules.periodic import periodic
from playbook_cli.advice.rules.saturated import saturated
from playbook_cli.advice.rules.still_improving import still_improving
from playbook_cli.advice.rules.training_loss_rising import training_loss_rising
from playbook_cli.records import Curve, Finding, Metric, StudyRecord
from tests.generators.curve_cases import (
    COSINE,
    FITS,
    LINEAR,
    LOUD,
    OVERFIT,
    RISING_LOSS,
    SATURATED,
    SLOW,
    STEEP_START,
    UNFINISHED,
)
from tests.generators.held_cases import ENOUGH, OPEN, TURNED
from tests.generators.held_cases import SETTLED as HELD_SETTLED
from tests.generators.held_curves import held_study
from tests.generators.learning_curves import Course, curve_study

if TYPE_CHECKING:
    from playbook_cli.advice.rule import Rule

ARMS = [{"arm": "a"}, {"arm": "b"}]


def of(*courses: Course, n: int = 12, arms: bool = False) -> StudyRecord:
    made = [courses[i % len(courses)] for i in range(n)]
    return curve_study(made, np.random.default_rng(0), arms=ARMS if arms else ({},))


def only(findings: list[Finding]) -> tuple[str, str]:
    (finding,) = findings
    return finding.verdict, finding.severity


RULES = (overfitting, late_variance, still_improving, saturated, training_loss_rising, periodic)
SICK = [
    (overfitting, OVERFIT),
    (late_variance, LOUD),
    (still_improving, UNFINISHED),
    (saturated, SATURATED),
    (training_loss_rising, RISING_LOSS),
]


@pytest.mark.parametrize(("rule", "course"), SICK, ids=[rule.name for rule, _ in SICK])
def test_a_rule_speaks_of_its_own_sickness(rule: Rule, course: Course) -> None:
    finding = rule(of(course))[0]
    assert (finding.rule, finding.verdict) == (rule.name, "yes")
    assert finding.severity != "ok"


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_a_rule_is_silent_about_fitting_curves(rule: Rule) -> None:
    assert only(rule(of(FITS))) == ("no", "ok")


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_curves_with_few_evaluations_are_undecided(rule: Rule) -> None:
    assert only(rule(of(replace(FITS, evaluations=8)))) == ("undecided", "info")


def test_one_arm_that_overfits_is_named() -> None:
    (finding,) = overfitting(of(OVERFIT, SATURATED, arms=True))
    assert (finding.subject, finding.severity) == ("arm=a", "warning")
    assert finding.act == Next(regularize=True)
    assert finding.evidence["rise"] > finding.evidence["rise_threshold"]


def test_both_arms_that_overfit_are_named() -> None:
    assert {f.subject for f in overfitting(of(OVERFIT, arms=True))} == {"arm=a", "arm=b"}


def test_a_validation_loss_that_rises_without_the_metric_is_only_information() -> None:
    made = of(SATURATED)
    t = np.linspace(0, 1, 50)
    trials = [
        replace(
            x,
            curve=Curve(steps=x.curve.steps, values={**x.curve.values, "val_loss": 1 - t + 3 * np.maximum(t - 0.4, 0)}),
        )
        for x in made.trials
        if x.curve
    ]
    (finding,) = overfitting(replace(made, trials=trials))
    assert (finding.verdict, finding.severity, finding.act) == ("yes", "info", None)
    assert "val_loss of trial 3 gets worse" in finding.message


def test_training_that_fails_is_no_overfitting() -> None:
    failing = replace(OVERFIT, train_turn=0.4, train_rise=0.3)
    assert only(overfitting(of(failing))) == ("no", "ok")
    assert training_loss_rising(of(failing))[0].verdict == "yes"


def test_training_that_collapsed_long_ago_is_no_overfitting() -> None:
    made = of(SATURATED)
    t = np.linspace(0.02, 1, 50)
    collapsed = []
    for x in made.trials:
        assert x.curve is not None
        loss = np.where(t < 0.3, 2.3 - 3 * t, np.where(t < 0.5, 6e4, 3.5 - t))
        error = np.where(t < 0.3, x.curve.values["val_error"], x.curve.values["val_error"] + 0.3)
        collapsed.append(
            replace(x, curve=replace(x.curve, values={**x.curve.values, "train_loss": loss, "val_error": error}))
        )
    assert only(overfitting(replace(made, trials=collapsed))) == ("no", "ok")


def test_overfitting_is_seen_without_a_training_loss() -> None:
    assert overfitting(of(replace(OVERFIT, train=False)))[0].verdict == "yes"
    assert only(training_loss_rising(of(replace(OVERFIT, train=False)))) == ("undecided", "info")


@pytest.mark.parametrize("course", [LINEAR, COSINE])
def test_a_decaying_schedule_explains_a_curve_that_falls_at_its_end(course: Course) -> None:
    (finding,) = still_improving(of(course))
    assert (finding.verdict, finding.act) == ("undecided", None)


def test_an_unfinished_descent_asks_for_more_steps_and_a_saturated_one_for_fewer() -> None:
    assert still_improving(of(SLOW))[0].act == Next(max_train_steps=2000)
    assert saturated(of(SATURATED))[0].act == Next(max_train_steps=500)


def test_a_late_gain_that_decides_between_trials_is_not_saturation_however_steep_the_start_was() -> None:
    course = replace(STEEP_START, anneal=0.08)
    (finding,) = saturated(of(course))
    assert (finding.verdict, finding.act) == ("no", None)
    assert finding.evidence["gain"] < finding.evidence["gain_threshold"]
    assert finding.evidence["gain_of_spread"] > finding.evidence["spread_threshold"]


def test_a_late_gain_that_decides_between_good_trials_counts_however_poor_the_others_are() -> None:
    (few,) = saturated(curve_study([STEEP_START] * 12, np.random.default_rng(0), floors=_poor(12)))
    assert few.verdict == "no"
    (flat,) = saturated(curve_study([SATURATED] * 12, np.random.default_rng(0), floors=_poor(12)))
    assert flat.verdict == "yes"


def _poor(count: int) -> np.ndarray:
    """Best possible results of which three lie within 0.02, and most far from them."""
    return 0.02 + np.linspace(0.0, 1.0, count) ** 3


def test_a_maximized_metric_overfits_when_it_falls() -> None:
    made = of(OVERFIT)
    trials = [
        replace(
            x,
            best=replace(x.best, value=1 - x.best.value),
            curve=Curve(steps=x.curve.steps, values={"acc": 1 - x.curve.values["val_error"]}),
        )
        for x in made.trials
        if x.curve and x.best
    ]
    turned = replace(made, trials=trials, metric=Metric(name="acc", goal="maximize"))
    assert overfitting(turned)[0].verdict == "yes"
    assert only(saturated(turned)) == ("no", "ok")


def test_accuracy_on_few_examples_is_read_through_its_ties() -> None:
    assert overfitting(of(replace(OVERFIT, resolution=1 / 180)))[0].verdict == "yes"
    assert only(overfitting(of(replace(SATURATED, resolution=1 / 180)))) == ("no", "ok")


@pytest.mark.parametrize("cycles", [6.0, 10.0])
def test_a_metric_that_rises_and_falls_in_step_is_named_with_its_period(cycles: float) -> None:
    made = held_study([replace(HELD_SETTLED, swing=0.06, cycles=cycles)] * 16, np.random.default_rng(1))
    (finding,) = periodic(made)
    assert (finding.verdict, finding.severity) == ("yes", "warning")
    assert finding.evidence["period"] == pytest.approx(1000 / cycles, rel=0.05)
    assert "data in a fixed order, a bug in the pipeline" in finding.message
    assert still_improving(made)[0].verdict == "undecided"


def test_restarts_that_are_known_explain_a_period() -> None:
    made = held_study([replace(HELD_SETTLED, schedule="restarts", anneal=0.15)] * 16, np.random.default_rng(1))
    (finding,) = periodic(made)
    assert (finding.verdict, finding.severity) == ("yes", "info")
    assert "following the restarts of the learning rate" in finding.message


def test_fewer_evaluations_than_a_wave_takes_are_undecided() -> None:
    assert only(periodic(of(replace(FITS, evaluations=15)))) == ("undecided", "info")


@pytest.mark.parametrize("memory", [0.6, 0.8])
def test_noise_that_remembers_itself_is_no_overfitting(memory: float) -> None:
    kind = replace(HELD_SETTLED, memory=memory, noise=0.02)
    said = [overfitting(held_study([kind] * 16, np.random.default_rng(i)))[0].verdict for i in range(8)]
    assert "yes" not in said
    turned = replace(TURNED, memory=memory, noise=0.02)
    found = [overfitting(held_study([turned] * 24, np.random.default_rng(i)))[0].verdict for i in range(8)]
    assert found.count("yes") >= 5
    assert "no" not in found


@pytest.mark.parametrize("schedule", ["cosine", "linear", "wsd"])
@pytest.mark.parametrize("told", ["unsaid", "declared"])
def test_a_fall_that_a_schedule_makes_asks_for_nothing(schedule: str, told: str) -> None:
    kind = replace(ENOUGH, schedule=schedule, told=told)
    (finding,) = still_improving(held_study([kind] * 16, np.random.default_rng(1)))
    assert (finding.verdict in ("undecided", "no"), finding.act) == (True, None)


def test_two_thousand_loud_evaluations_still_show_a_fall() -> None:
    made = held_study([replace(OPEN, evaluations=2000, noise=0.05)] * 8, np.random.default_rng(1))
    assert still_improving(made)[0].verdict == "yes"


def test_steps_in_a_curve_are_no_noise() -> None:
    made = held_study([replace(ENOUGH, schedule="steps", anneal=0.3, evaluations=20)] * 16, np.random.default_rng(1))
    assert only(late_variance(made)) == ("no", "ok")


def test_a_training_loss_that_rises_in_loud_minibatches_is_seen_in_all_of_them_together() -> None:
    kind = replace(OPEN, train_rise=0.25, train_noise=0.1)
    said = [training_loss_rising(held_study([kind] * 16, np.random.default_rng(i)))[0].verdict for i in range(8)]
    assert said.count("yes") >= 7


def test_curves_that_are_flat_from_their_first_evaluation_on_need_fewer_steps() -> None:
    flat = [replace(HELD_SETTLED, time=0.002)] * 48
    said = [saturated(held_study(flat, np.random.default_rng(i)))[0].verdict for i in range(6)]
    assert said.count("yes") >= 4
    assert "no" not in said
