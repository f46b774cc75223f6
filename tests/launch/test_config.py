"""The config file that each trial gets."""

from __future__ import annotations

import json

import pytest

PROGRAM = """
import sys, yaml
cfg = yaml.safe_load(open(sys.argv[1]))
for step in range(1, cfg["steps"] + 1):
    print(f"step {step} val_loss {cfg['optim']['lr'] * step} {cfg['seed']} {cfg['out']}")
"""
CONFIG = "optim: {lr: 1e-3, name: adam}\nsteps: 5\nseed: 0\nout: x\n"
STUDY = """
name: filled
command: ['${python}', train.py, '${config}']
config:
  file: config.yaml
  set: {steps: '${max_train_steps}', seed: '${seed}', out: '${trial_dir}/out'}
  names: {learning_rate: optim.lr}
metrics: {stdout: ['step (?P<step>\\d+) val_loss (?P<val_loss>\\S+)']}
metric: {name: val_loss, goal: minimize}
max_train_steps: 3
trials: 2
nuisance: {learning_rate: {min: 1e-5, max: 1e-4, scale: log}}
"""


@pytest.fixture
def written(bench):
    bench.write("train.py", PROGRAM)
    bench.write("config.yaml", CONFIG)
    return lambda text=STUDY: bench.write("study.yaml", text)


@pytest.mark.slow
def test_each_trial_reads_its_own_config(bench, written):
    import yaml

    written()
    answer = bench("run", "study.yaml")
    assert answer.code == 0, answer.err
    for event in bench.events("planned", "filled"):
        folder = bench.folder / f"runs/filled/trials/{event['trial']:04d}"
        config = yaml.safe_load((folder / "config.yaml").read_text())
        assert config["optim"] == {"lr": event["params"]["learning_rate"], "name": "adam"}
        assert (config["steps"], config["out"]) == (3, f"{folder}/out")
        assert isinstance(config["seed"], int)
        last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
        assert last["val_loss"] == pytest.approx(3 * event["params"]["learning_rate"])


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("optim.lr", "optim.rate", "config.file: config.yaml: it has no value optim.rate"),
        ("{steps:", "{stebs:", "config.file: config.yaml: it has no value stebs"),
        ("file: config.yaml", "file: other.yaml", "other.yaml can't be read"),
        ("'${config}'", "config.yaml", "no trial gets its config: the command does not have ${config}"),
        ("file: config.yaml", "file: config.ini", "config.ini can't be filled in"),
        ("{learning_rate: optim", "{rate: optim", "this study has no hyperparameter named rate"),
        ("'${seed}'", "'${sead}'", "${sead} is not defined in trial 0"),
    ],
)
def test_what_cannot_be_filled_in_is_said_before_anything_runs(bench, written, before, after, problem):
    written(STUDY.replace(before, after, 1))
    answer = bench("plan", "study.yaml")
    assert answer.code == 2
    assert problem in answer.err


def test_a_script_can_be_its_own_config(bench):
    """Each trial runs a copy of it; nothing of the copy is there before the trial starts."""
    bench.write("own.py", "lr = 0.5\nfor epoch in range(9):\n    print(f'step {epoch} val_loss {lr}')\n")
    study = STUDY.replace("train.py, '${config}'", "'${config}'").replace("config.yaml", "own.py")
    study = study.replace("steps: '${max_train_steps}', seed: '${seed}', out: '${trial_dir}/out'", "epoch: 3")
    bench.write("study.yaml", study.replace("optim.lr", "lr"))
    answer = bench("run", "study.yaml")
    assert answer.code == 0, answer.err
    for event in bench.events("planned", "filled"):
        records = bench.folder / f"runs/filled/trials/{event['trial']:04d}/metrics.jsonl"
        found = [json.loads(line) for line in records.read_text().splitlines()]
        assert [(each["step"], each["val_loss"]) for each in found] == [
            (step, pytest.approx(event["params"]["learning_rate"])) for step in range(3)
        ]
