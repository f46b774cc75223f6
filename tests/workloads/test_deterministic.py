"""`deterministic: true`: the same machine and the same seeds give the same metrics, bit by bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playbook_cli.launch.command import deterministic
from playbook_cli.spec import source
from playbook_cli.spec.load import load

CONFIGS = Path(__file__).parents[2] / "configs"
SETTINGS = """
import os, torch
def train(trial):
    for step in trial.steps():
        trial.report(
            step,
            val_error=float(hash("a") % 1000),
            deterministic=torch.are_deterministic_algorithms_enabled(),
            benchmark=torch.backends.cudnn.benchmark,
            threads=torch.get_num_threads(),
            workspace=float(os.environ.get("CUBLAS_WORKSPACE_CONFIG") == ":4096:8"),
        )
"""


@pytest.mark.slow
@pytest.mark.parametrize(("config", "steps"), [("digits", 6), ("textlm", 2)])
def test_two_runs_of_a_workload_measure_the_same(bench, config, steps):
    study = source.read(CONFIGS / f"{config}.yaml").data
    study |= {"deterministic": True, "max_train_steps": steps, "eval_every": 2, "trials": 2}
    study["fixed"]["warmup_steps"] = 0
    for isolation, jobs in (("fork", 1), ("process", 2)):
        bench.write("study.yaml", json.dumps(study | {"isolation": isolation}))
        assert bench("run", "study.yaml", "--jobs", jobs, "--runs", isolation).code == 0
    for number in range(2):
        file = Path("trials") / f"{number:04d}" / "metrics.jsonl"
        first, second = ((bench.folder / runs / study["name"] / file).read_bytes() for runs in ("fork", "process"))
        assert first == second
        assert first.count(b"\n") == steps // 2


@pytest.mark.parametrize("isolation", ["fork", pytest.param("process", marks=pytest.mark.slow)])
def test_python_and_torch_are_told(bench, isolation):
    bench.study(SETTINGS, deterministic=True, isolation=isolation, trials=2, max_train_steps=1, eval_every=1)
    assert bench("run", "study.yaml").code == 0
    first, second = (bench.metrics(number) for number in range(2))
    assert first == second  # hash("a") among them
    (told,) = first
    assert told["deterministic"] == told["workspace"] == told["threads"] == 1.0
    assert told["benchmark"] == 0.0


def test_a_program_gets_the_environment(bench):
    bench.write("print.py", "import os; print('step 1: loss', 1.0 if os.environ['PYTHONHASHSEED'] == '0' else 2.0)")
    keys = {
        "command": ["${python}", "print.py"],
        "metrics": {"stdout": [r"step (?P<step>\d+): loss (?P<val_error>\S+)"]},
    }
    bench.study(None, train=None, deterministic=True, trials=1, max_train_steps=1, eval_every=1, **keys)
    assert bench("run", "study.yaml").code == 0
    assert bench.metrics(0)[0]["val_error"] == 1.0


def test_a_study_that_does_not_ask_for_it_is_left_as_it_is(bench):
    bench.study(trials=1)
    assert deterministic(load(bench.folder / "study.yaml")[0]) == {}
