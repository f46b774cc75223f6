"""What was measured about the number of steps stands in the report in place of what curves suggest."""

from __future__ import annotations

import json
import math

import pytest

from playbook_cli.horizon.known import horizon
from playbook_cli.storage.store import Store
from tests.commands.finished import finish

RULES = ("best-step", "still-improving", "compute-bound")
TOLD = {
    "study": "toy",
    "verdict": "longer-pays",
    "max_train_steps": 400,
    "now": 100,
    "metric": "val_error",
    "learning_rate": "x",
    "headline": "Longer pays: from 100 to 200 steps it improves by 0.1. Train for 400 steps.",
    "points": [
        {
            "trial": 3,
            "verdict": "longer-pays",
            "seeds_needed": None,
            "lengths": [{"steps": 100, "best_learning_rate": {"value": 0.5, "interval": [0.25, 1.0]}}],
            "predictions": [{"steps": 200, "best_learning_rate": {"value": 0.4, "interval": [0.2, None]}}],
        }
    ],
}


def reported(bench, told):
    """Verdicts, messages and commands of the three rules, where this was measured; None: nothing."""
    finish(bench, lambda params: params["x"], trials=8, max_train_steps=100, eval_every=5, fixed={"schedule": "cosine"})
    if told is not None:
        bench.write("runs/toy/report/horizon.json", told if isinstance(told, str) else json.dumps({**TOLD, **told}))
    found = bench("report", "runs/toy", "--json", "--no-html").json["findings"]
    return {f["rule"]: (f["verdict"], f["message"], f["next"]) for f in found if f["rule"] in RULES}


@pytest.mark.parametrize(
    ("verdict", "steps", "verdicts"),
    [
        ("longer-pays", 400, ("train-longer", "yes", "yes")),
        ("long-enough", 100, ("fits", "no", "no")),
        ("shorter-will-do", 50, ("too-many-steps", "no", "no")),
    ],
)
def test_a_measured_answer_stands_in_place_of_the_curves(bench, verdict, steps, verdicts):
    found = reported(bench, {"verdict": verdict, "max_train_steps": steps})
    assert tuple(found[rule][0] for rule in RULES) == verdicts
    assert all("measured at several lengths" in message for _, message, _ in found.values())
    if steps != 100:
        assert f"--max-train-steps {steps}" in found["best-step"][2]


def test_what_is_undecided_names_the_command_that_measures_it_with_its_cost(bench):
    verdict, message, command = reported(bench, None)["best-step"]
    assert verdict == "undecided"
    assert "at most 2,250 steps" in message
    assert command == "playbook horizon runs/toy"


def test_an_undecided_ladder_says_how_many_seeds_would_settle_it(bench):
    point = {**TOLD["points"][0], "verdict": "undecided", "seeds_needed": 7}
    verdict, _, command = reported(bench, {"verdict": "undecided", "points": [point]})["best-step"]
    assert verdict == "undecided"
    assert command == "playbook horizon runs/toy --seeds 7"


@pytest.mark.parametrize("told", ["", "{", "[]", '{"verdict": 1}', {"now": 200}, {"metric": "other"}, {"points": 3}])
def test_a_file_that_is_of_another_study_or_damaged_says_nothing(bench, told):
    assert reported(bench, told)["best-step"][0] == "undecided"


def test_only_rates_whose_interval_is_known_are_read(bench):
    reported(bench, {})
    (rate,) = horizon(Store(bench.paths().dir)).rates
    assert (rate.trial, rate.steps, rate.value, rate.low, rate.high) == (3, 100, 0.5, 0.25, 1.0)
    assert math.isfinite(rate.high)
