"""Which trials count, and where they lie."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from playbook_cli.analysis import outcomes
from playbook_cli.records import Metric, Parameter
from tests.generators.studies import METRIC, trial

RATE = Parameter(name="lr", label="lr", role="nuisance", kind="float", low=1e-4, high=1.0, scale="log")


def test_running_and_failed_trials_do_not_count() -> None:
    trials = [replace(trial(i, {}, 0.1), state=s) for i, s in enumerate(("running", "failed", "pending", "completed"))]
    assert [t.id for t in outcomes.ended(trials)] == [3]


def test_a_completed_trial_without_a_result_does_not_count() -> None:
    assert outcomes.ended([trial(0, {}, math.nan)]) == []


def test_an_infeasible_trial_is_worse_than_any_result_whatever_it_measured_before() -> None:
    broken = trial(0, {}, 0.001, state="infeasible")
    assert outcomes.result(broken, METRIC) == math.inf
    assert outcomes.ranked([broken, trial(1, {}, 0.5)], METRIC)[0].id == 1


def test_ranks_follow_the_goal_and_the_earlier_trial_wins_a_tie() -> None:
    trials = [trial(0, {}, 0.5), trial(1, {}, 0.9), trial(2, {}, 0.9)]
    assert [t.id for t in outcomes.ranked(trials, Metric(name="acc", goal="maximize"))] == [1, 2, 0]


def test_a_conditional_parameter_belongs_to_its_trials_only() -> None:
    adam = replace(RATE, label="lr (adam)", when={"optimizer": ("adam",)})
    assert outcomes.has(adam, trial(0, {"lr": 0.1, "optimizer": "adam"}, 0.1))
    assert not outcomes.has(adam, trial(0, {"lr": 0.1, "optimizer": "sgd"}, 0.1))


def test_a_value_outside_the_range_is_none_of_the_range() -> None:
    assert not outcomes.has(RATE, trial(0, {"lr": 2.0}, 0.1))
    assert not outcomes.has(RATE, trial(0, {}, 0.1))


def test_none_can_be_a_choice() -> None:
    choice = Parameter(name="clip", label="clip", role="nuisance", kind="choice", choices=(None, 1.0))
    assert outcomes.has(choice, trial(0, {"clip": None}, 0.1))


def test_arms_are_told_apart_and_labelled() -> None:
    trials = [trial(0, {}, 0.1, arm={"layers": 1}), trial(1, {}, 0.1, arm={"layers": 2})]
    assert [t.id for t in outcomes.of_arm(trials, {"layers": 2})] == [1]
    assert outcomes.arm_label({"layers": 2, "opt": "adam"}) == "layers=2, opt=adam"
    assert outcomes.arm_label({}) == ""


@pytest.mark.parametrize(
    ("goal", "values", "best"),
    [
        ("minimize", [0.0, 0.2], 0.0),
        ("minimize", [0.1, 0.2], None),
        ("minimize", [-0.1, 0.0], None),
        ("maximize", [1.0, 0.3], 1.0),
        ("maximize", [100.0, 98.5], 100.0),
        ("maximize", [99.0, 1.0], None),
        ("maximize", [], None),
    ],
)
def test_the_best_possible_value_is_known_where_it_was_reached(goal, values, best):
    assert outcomes.ceiling(Metric(name="m", goal=goal), values) == best
