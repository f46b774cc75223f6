"""A study that another tool shows while it runs. TensorBoard here; `benchmarks/tool_runs.py` has MLflow and W&B."""

from __future__ import annotations

import importlib.util
import json
import os
import signal

import pytest

from playbook_cli.formats.tensorboard import read_events

GATED = """
import time
from pathlib import Path

def train(trial):
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=trial.params["x"] + 1 / step)
        while step == 3 and not Path("go").exists():
            time.sleep(0.01)
"""


def scalars(bench, trial=0):
    """All that TensorBoard would show of a trial: step, name, value."""
    found = []
    for file in sorted(bench.paths().dir.glob(f"tensorboard/trial_{trial:04}/*")):
        events, problem = read_events(file.read_bytes())
        assert problem is None
        found += [(e.step, name, pytest.approx(value)) for e in events for name, value in e.scalars.items()]
    return found


def recorded(bench, trial=0):
    return [(row["step"], "val_error", row["val_error"]) for row in bench.metrics(trial)]


@pytest.mark.slow
def test_evaluations_arrive_while_the_trial_trains_and_all_of_them_once(bench):
    study = bench.study(GATED, trials=1, eval_every=1, resources={"retries": 0, "timeout": "5m"})
    run = bench.spawn("run", study, "--log-to", "tensorboard")
    bench.wait(lambda: len(scalars(bench)) == 3, "three evaluations in TensorBoard")
    bench.write("go", "")
    answer = bench.finish(run)
    assert (answer.code, "TensorBoard" in answer.err) == (0, False)
    assert scalars(bench) == recorded(bench)
    assert bench.real("run", study, "--log-to", "tensorboard").code == 0
    assert scalars(bench) == recorded(bench)


@pytest.mark.slow
def test_a_killed_runner_is_followed_by_one_that_writes_nothing_twice(bench):
    study = bench.study(GATED, trials=2, eval_every=1, resources={"retries": 0, "timeout": "5m"})
    run = bench.spawn("run", study, "--log-to", "tensorboard")
    bench.wait(lambda: all(len(scalars(bench, trial)) == 3 for trial in (0, 1)), "three evaluations of both trials")
    os.kill(run.pid, signal.SIGKILL)
    bench.finish(run)
    bench.write("go", "")
    assert bench.real("run", study, "--log-to", "tensorboard").code == 0
    for trial in (0, 1):
        assert scalars(bench, trial) == recorded(bench, trial)


@pytest.mark.slow
def test_a_tool_that_fails_is_told_of_once_and_fails_no_trial(bench):
    study = bench.study(trials=3)
    bench.write("runs/toy/tensorboard", "a file, where a folder belongs")
    answer = bench.real("run", study, "--log-to", "tensorboard")
    assert answer.code == 0
    assert answer.err.count("TensorBoard rejected this study's trials; the study continues without it: ") == 1
    assert {state for state, _ in bench.ended().values()} == {"completed"}


@pytest.mark.slow
def test_what_was_sent_and_holds_no_longer_is_replaced(bench):
    study = bench.study(trials=1, eval_every=1)
    bench("run", study, "--log-to", "tensorboard")
    state = bench.paths().dir / "log-to" / "tensorboard.json"
    kept = json.loads(state.read_text())
    kept["trials"]["0"]["checksum"] += 1
    state.write_text(json.dumps(kept))
    bench("run", study, "--log-to", "tensorboard")
    assert scalars(bench) == recorded(bench)
    assert json.loads(state.read_text())["trials"]["0"]["key"] != kept["trials"]["0"]["key"]


@pytest.mark.parametrize(("tool", "called"), [("mlflow", "MLflow"), ("wandb", "W&B")])
def test_a_tool_that_is_not_installed_is_said_before_anything_trains(bench, tool, called):
    if importlib.util.find_spec(tool) is not None:
        pytest.skip(f"{called} is installed")
    answer = bench("run", bench.study(), "--log-to", tool)
    assert answer.code == 2
    assert f"this needs {called}, which is not installed\n  -> pip install {tool}" in answer.err
    assert not bench.paths().dir.exists()


def test_a_runner_that_leaves_can_log_to_nothing(bench):
    answer = bench("run", bench.study(launcher="slurm"), "--detach", "--log-to", "tensorboard")
    assert (answer.code, "--log-to needs the runner" in answer.err) == (2, True)
