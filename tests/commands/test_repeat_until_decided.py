"""New seeds where the choice among the best trials is least decided."""

from __future__ import annotations

import signal

import pytest

from tests.commands.finished import finish

NOISY = """
import random
def train(trial):
    luck = random.Random(f"{trial.seed} {trial.params['x']}").gauss(0.0, SD)
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=trial.params["x"] + luck)
"""


@pytest.fixture
def searched(bench):
    """The toy study, finished without training; `noise` sets the seed noise of what is trained from here on."""
    finish(bench, lambda params: params["x"])
    bench.write("toy.py", NOISY.replace("SD", "0.01"))
    return bench


def repeats(bench, name="toy"):
    return [event for event in bench.events("planned", name) if event.get("repeat_of") is not None]


@pytest.mark.slow
def test_a_trial_that_is_clearly_best_is_adopted_after_few_seeds_and_then_nothing_is_trained(searched):
    command = ("repeat", "runs/toy", "--until-decided", "--budget", 20)
    answer = searched(*command, "--json")
    assert answer.code == 0
    said = answer.json
    assert (said["verdict"], said["seeds_needed"], said["selected_from"]) == ("adopt", 0, 4)
    assert said["seeds"] == len(repeats(searched)) <= 9
    assert said["next"] == f"playbook adopt runs/toy --trial {said['trial']}"
    best, *others = said["points"]
    assert (best["trial"], best["standing"]) == (said["trial"], "taken")
    assert {row["standing"] for row in others} == {"worse"}
    assert all(0 < row["interval"][0] < row["worse_by"] < row["interval"][1] for row in others)
    assert said["params"]["x"] == min(event["params"]["x"] for event in searched.events("planned"))
    before = searched.paths().journal.read_bytes()
    again = searched(*command)
    assert searched.paths().journal.read_bytes() == before
    words = " ".join(again.out.split())
    assert words.startswith(f"Adopt trial {said['trial']}: trials ")
    assert "repeated confidence intervals" in words
    assert "selected from 4 trials by val_error on the validation set" in words
    assert f"-> {said['next']}" in words
    report = searched("report", "runs/toy", "--json").json
    assert {row["trial"]: row["n"] for row in report["repeats"]} == {row["trial"]: row["n"] for row in said["points"]}
    assert searched("adopt", "runs/toy", "--json").json["trial"] == said["trial"]


@pytest.mark.slow
def test_equal_trials_end_with_the_simplest_and_a_budget_that_is_too_small_says_so(searched):
    searched.write("toy.py", NOISY.replace("SD", "0.5").replace('trial.params["x"] + luck', "luck"))
    short = searched("repeat", "runs/toy", "--until-decided", "--budget", 6, "--top", 2, "--json").json
    assert (short["verdict"], short["trial"], short["params"]) == ("budget-spent", None, None)
    assert 4 <= short["seeds"] <= 6
    whole = searched(
        "repeat", "runs/toy", "--until-decided", "--budget", 80, "--top", 2, "--prefer", "x=high", "--json"
    )
    assert whole.json["verdict"] == "equal"
    ends = {event["trial"]: event["params"]["x"] for event in searched.events("planned")}
    assert ends[whole.json["trial"]] == max(ends[row["trial"]] for row in whole.json["points"])
    assert "--prefer x=high" in whole.json["simplest_by"]


@pytest.mark.slow
def test_the_best_trial_of_another_study_competes_and_is_kept_where_it_is_no_worse(bench):
    for name, level in (("old", 0.5), ("new", 0.2)):
        finish(bench, lambda params, level=level: level + params["x"], name=name)
        bench.write("toy.py", NOISY.replace("SD", "0.001"))
    answer = bench("repeat", "runs/new", "--until-decided", "--against", "runs/old", "--json")
    assert answer.code == 0
    said = answer.json
    assert len(repeats(bench, "old")) == len(repeats(bench, "new")) >= 2
    assert (said["verdict"], said["baseline"]["study"]) in {("equal", "old"), ("adopt", "old")}
    assert said["next"] == "playbook compare runs/old runs/new"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", 9], "--budget needs --until-decided"),
        (["--prefer", "x=low"], "--prefer needs --until-decided"),
        (["--against", "runs/toy"], "--against needs --until-decided"),
        (["--until-decided", "--seeds", 5], "chooses the number of seeds itself"),
        (["--until-decided", "--baseline", "runs/toy"], "--against runs/toy"),
        (["--until-decided", "--budget", 5], "2 repeats of each of the 3 trials"),
        (["--until-decided", "--top", 1], "nothing to decide"),
        (["--until-decided", "--prefer", "y=low"], "no numeric hyperparameter y"),
        (["--until-decided", "--against", "runs/toy"], "the baseline is the study itself"),
        (["--until-decided", "--budget", 10**9], "exceed the limit"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(searched, arguments, message):
    before = searched.paths().journal.read_bytes()
    answer = searched("repeat", "runs/toy", *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert searched.paths().journal.read_bytes() == before


@pytest.mark.slow
def test_a_runner_that_is_killed_again_and_again_comes_to_the_same_answer(searched):
    command = ("repeat", "runs/toy", "--until-decided", "--budget", 30, "--json")
    searched.write("toy.py", NOISY.replace("SD", "0.1"))
    for events in range(3, 40, 4):
        runner = searched.spawn(*command)
        before = len(searched.events())
        searched.wait(lambda b=before, n=events: runner.poll() is not None or len(searched.events()) > b + n, "events")  # noqa: B023
        runner.send_signal(signal.SIGKILL)
        searched.finish(runner)
    killed = searched(*command).json
    there = {(event["repeat_of"], event["seed"]) for event in repeats(searched)}
    finish(searched, lambda params: params["x"], name="whole")
    searched.write("toy.py", NOISY.replace("SD", "0.1"))
    whole = searched("repeat", "runs/whole", *command[2:]).json
    assert {(event["repeat_of"], event["seed"]) for event in repeats(searched, "whole")} == there
    assert [(row["trial"], row["mean"]) for row in whole["points"]] == [
        (row["trial"], row["mean"]) for row in killed["points"]
    ]
    assert (whole["verdict"], whole["trial"], whole["seeds"]) == (killed["verdict"], killed["trial"], killed["seeds"])
