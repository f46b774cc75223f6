"""`playbook show`, `list` and `stop`."""

from __future__ import annotations

import json

import pytest

from tests.commands.finished import finish


def test_a_trial_is_shown_with_its_settings_its_curve_and_its_files(bench):
    finish(bench, lambda params: params["x"], trials=4)
    (bench.paths("toy").trial(2).stdout).write_text("epoch 1\nepoch 2\nall done\n")
    used = {
        "time": 1.0,
        "cores": 1.5,
        "memory": 2e9,
        "node_cpu": 0.5,
        "node_memory": 0.5,
        "gpu": 0.9,
        "gpu_memory": 3e9,
    }
    (bench.paths("toy").trial(2).usage).write_text(json.dumps(used) + "\n")
    answer = bench("show", "runs/toy", "2", "--lines", "2")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("trial 2: completed\nbest ")
    assert "used 1.5 CPU cores on average and up to 2.0 GB, GPU 90% busy with up to 3.0 GB" in answer.out
    assert "  x = " in answer.out
    assert "epoch 1" not in answer.out
    assert "  epoch 2\n  all done\n" in answer.out
    assert str(bench.paths("toy").trial(2).metrics) in answer.out.replace("runs/toy", str(bench.paths("toy").dir))
    made = json.loads(bench("show", "runs/toy", "2", "--json").out)
    assert (made["trial"], made["state"], made["log"][-1]) == (2, "completed", "all done")
    assert len(made["curves"]["step"]) == len(next(v for k, v in made["curves"].items() if k != "step"))


def test_a_trial_that_is_not_there_is_one_clear_error(bench):
    finish(bench, lambda params: params["x"], trials=4)
    answer = bench("show", "runs/toy", "9")
    assert answer.code == 2
    assert "there is no trial 9" in answer.err
    assert "its trials are 0 to 3" in answer.err


def test_studies_are_listed_with_their_state_and_best_result(bench):
    assert "playbook list --runs DIR" in bench("list").err
    finish(bench, lambda params: params["x"], trials=4)
    finish(bench, lambda params: params["x"], name="other", trials=2)
    lines = [line.split() for line in bench("list").out.splitlines()[2:]]
    assert {line[0]: line[1:5] for line in lines} == {
        "toy": ["finished", "4", "of", "4"],
        "other": ["finished", "2", "of", "2"],
    }
    made = json.loads(bench("list", "--json").out)["studies"]
    assert {one["study"]: one["state"] for one in made} == {"toy": "finished", "other": "finished"}
    assert all(one["best"]["trial"] >= 0 for one in made)


def test_a_study_that_does_not_run_needs_no_stopping(bench):
    finish(bench, lambda params: params["x"], trials=2)
    answer = bench("stop", "runs/toy")
    assert (answer.code, answer.out) == (0, "runs/toy is not running\n")


SLOW = """
import time
def train(trial):
    trial.report(2, val_error=0.5)
    time.sleep(300)
"""


@pytest.mark.slow
def test_a_study_that_runs_is_interrupted_as_by_ctrl_c(bench):
    bench.study(SLOW, trials=2)
    runner = bench.spawn("run", "study.yaml", "--jobs", 2)
    bench.wait(lambda: bench.paths().journal.exists() and bench.metrics(0), "a trial that trains")
    assert bench("list", "--json").json["studies"][0]["state"] == "running"
    answer = bench("stop", "runs/toy")
    assert answer.code == 0, answer.err
    assert "resume it with:\n  playbook run " in answer.out
    assert bench.finish(runner).code == 130
