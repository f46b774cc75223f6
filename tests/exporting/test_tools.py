"""Studies as other tools read them: what was exported is read back, with every trial's best value and step."""

from __future__ import annotations

import csv
import importlib.util

import pytest

TRAIN = """
def train(trial):
    for step in trial.steps():
        if trial.should_evaluate(step):
            value = trial.params["x"] + 1 / step + (0.5 if step == 4 else 0)
            trial.report(step, val_error=value if trial.params["x"] < 0.8 else float("nan"), train_loss=1 / step)
"""


@pytest.fixture
def toy(bench):
    study = bench.study(TRAIN, trials=6, eval_every=1, nuisance={"x": {"min": 0.0, "max": 1.0}, "kind": ["=a", "b"]})
    bench("run", study)
    return bench


def results(bench, name):
    """State, value and step of every trial, as its report has them."""
    report = bench("report", f"runs/{name}", "--json").json
    return [(trial["state"], trial["value"], trial["step"]) for trial in report["trials"]]


def close(found):
    return [(state, value if value is None else pytest.approx(value, rel=1e-6), step) for state, value, step in found]


BACK = ("--metric", "val_error", "--goal", "minimize")


@pytest.mark.slow
def test_tensorboard_event_files_are_read_back(toy):
    assert toy("export", "runs/toy", "--format", "tensorboard", "--to", "tb").code == 0
    assert toy("import", "tb", "--into", "runs/back", *BACK).code == 0
    assert results(toy, "back") == close(results(toy, "toy"))
    there = [trial["params"] for trial in toy("report", "runs/toy", "--json").json["trials"]]
    assert [trial["params"] for trial in toy("report", "runs/back", "--json").json["trials"]] == there


def test_a_folder_that_holds_something_is_not_written_into(toy):
    toy.write("tb/notes.txt", "mine")
    answer = toy("export", "runs/toy", "--format", "tensorboard", "--to", "tb")
    assert (answer.code, "is not empty" in answer.err) == (2, True)


@pytest.mark.slow
def test_tables_as_wandb_exports_them_are_read_back(toy):
    assert toy("export", "runs/toy", "--format", "wandb", "--to", "w").out.split() == ["w/runs.csv", "w/chart.csv"]
    with (toy.folder / "w" / "runs.csv").open(newline="") as file:
        assert list(next(csv.DictReader(file)))[:4] == ["Name", "State", "config.x", "config.kind"]
    assert toy("import", "w", "--into", "runs/back", *BACK).code == 0
    completed = [result for result in results(toy, "toy") if result[0] == "completed"]
    assert [result for result in results(toy, "back") if result[0] == "completed"] == close(completed)


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is not None, reason="MLflow is installed")
def test_without_mlflow_its_users_are_told_what_to_install(toy):
    answer = toy("export", "runs/toy", "--format", "mlflow", "--to", "sqlite:///m.db")
    assert answer.code == 2
    assert "this needs MLflow, which is not installed\n  -> pip install mlflow" in answer.err


def test_a_store_of_mlflow_is_read_back(toy):
    pytest.importorskip("mlflow")
    assert toy("export", "runs/toy", "--format", "mlflow", "--to", "sqlite:///m.db").code == 0
    assert toy("import", "m.db", "--into", "runs/back", *BACK).code == 0
    assert results(toy, "back") == results(toy, "toy")
    again = toy("export", "runs/toy", "--format", "mlflow", "--to", "sqlite:///m.db")
    assert (again.code, "this store already has an experiment named 'toy'" in again.err) == (2, True)
