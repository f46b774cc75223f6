"""New seeds where the choice among the best trials is least decided."""

from __future__ import annotations

import json

import pytest

from tests.commands.finished import finish

NOISY = """
import random
def train(trial):
    luck = random.Random(trial.seed * 1009 + round(trial.params["x"] * 1e6)).gauss(0.0, SD)
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=trial.params["x"] + luck)
"""


@pytest.fixture
def searched(bench):
    """The toy study, finished without training; `noise` sets the seed noise of what is trained from here on."""
    finish(bench, lambda params: params["x"])
    bench.noise = lambda sd: bench.write("toy.py", NOISY.replace("SD", repr(sd)))
    return bench


def repeats(bench):
    return [event for event in bench.events("planned") if event.get("repeat_of") is not None]


def test_a_trial_that_is_clearly_best_is_adopted_after_few_seeds(searched):
    searched.noise(0.01)
    answer = searched("repeat", "runs/toy", "--until-decided", "--budget", 20, "--json")
    assert answer.code == 0
    said = answer.json
    assert said["verdict"] == "adopt"
    assert said["seeds"] == len(repeats(searched)) <= 9
    assert said["selected_from"] == 4
    best, *others = said["points"]
    assert (best["trial"], best["standing"]) == (said["trial"], "taken")
    assert {row["standing"] for row in others} == {"worse"}
    assert all(0 < row["interval"][0] < row["worse_by"] < row["interval"][1] for row in others)
    assert all(event["looked"] for event in repeats(searched))
    before = searched.paths().journal.read_bytes()
    again = searched("repeat", "runs/toy", "--until-decided", "--budget", 20, "--json")
    assert (again.json, searched.paths().journal.read_bytes()) == (said, before)
    print(json.dumps(said, indent=1))
    print(searched("repeat", "runs/toy", "--until-decided").out)
    print(searched("report", "runs/toy").out)
