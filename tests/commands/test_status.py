"""How a study goes, from outside."""

from __future__ import annotations

import pytest

WAITING = """
import time
from pathlib import Path
def train(trial):
    trial.report(2, val_error=0.5 + trial.id)
    deadline = time.monotonic() + 300
    while trial.id and not Path("go").exists():
        if time.monotonic() > deadline: raise TimeoutError
        time.sleep(0.01)
    trial.report(4, val_error=0.25 + trial.id)
"""


def test_a_finished_study_is_told_by_folder_and_by_file(bench):
    bench.study()
    bench("run", "study.yaml", "--jobs", 2)
    by_folder, by_file = bench("status", "runs/toy"), bench("status", "study.yaml")
    assert by_folder.code == by_file.code == 0
    assert by_folder.out == by_file.out
    assert "toy: 4 of 4 trials completed" in by_folder.out
    assert "best val_error: " in by_folder.out
    assert "not running" not in by_folder.out


def test_the_json_of_a_status_has_the_keys_of_that_of_a_run(bench):
    bench.study()
    run = bench("run", "study.yaml", "--jobs", 2, "--json").json
    status = bench("status", "runs/toy", "--json").json
    assert status == run
    assert set(status) == {"study", "trials", "repeats", "best"}


@pytest.mark.slow
def test_a_running_study_is_told_with_its_runner_and_each_trials_step(bench):
    bench.study(WAITING, trials=3)
    runner = bench.spawn("run", "study.yaml", "--jobs", 2)

    def told():
        if not bench.paths().spec.exists():
            return None
        status = bench("status", "runs/toy", "--json").json["trials"]
        return (status["completed"], status["running"]) == (1, 2) and "trial 2: step 2" in bench(
            "status", "runs/toy"
        ).out

    bench.wait(told, "one completed trial and two that run")
    out = bench("status", "runs/toy").out
    assert "toy: 1 of 3 trials completed, 2 running" in out
    assert "  trial 1: step 2 of 4, val_error 1.5" in out
    assert [one["step"] for one in bench("status", "runs/toy", "--json").json["running"]] == [2, 2]
    assert f"running: process {runner.pid} of " in out
    bench.write("go", "")
    assert bench.finish(runner).code == 0
    assert "3 of 3 trials completed" in bench("status", "runs/toy").out


def test_a_study_that_was_left_says_what_is_missing(bench):
    bench.study(
        "def train(trial):\n    if trial.id: 1/0\n    trial.report(4, val_error=1.0)\n", resources={"retries": 0}
    )
    bench("run", "study.yaml", "--jobs", 1)
    assert "toy: 1 of 4 trials completed, 3 failed" in bench("status", "runs/toy").out
    assert "not running; 3 trials left" in bench("status", "runs/toy").out
