"""Runs that the tools themselves wrote (written/TOOL-VERSION, less what they say of the machine), against what those
tools say of them: each trial's best value and its step."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import importing, sources
from playbook_cli.importing.runs import Ask

WRITTEN = Path(__file__).parent / "written"
MLFLOW = {
    "r0": (2.25, 40),
    "r1": (1.25, 40),
    "r2": (0.25, 40),
    "r3": (1.25, 40),
    "r4": (2.25, 40),
    "r5": (3.25, 40),
    "bad": (9.0, 10),
    "child": (8.5, 10),
}
"""By MlflowClient.get_metric_history of the sqlite store that mlflow 3.17.2 made."""
WANDB = {"n0": (0.25, 40), "n1": (1.25, 40), "n2": (2.25, 40)}
"""What the three programs logged through wandb 0.31.0 with mode="offline"."""
KERAS = {
    "trial_0": (0.2841857373714447, 2),
    "trial_1": (0.33216702938079834, 2),
    "trial_2": (0.5364456176757812, 2),
    "trial_3": (1.4143558740615845, 2),
}
"""`score` and `best_step` of oracle.trials."""
SYNE = {
    "trial 0": (0.09845178126602785, 3),
    "trial 1": (0.14024318750503091, 3),
    "trial 2": (0.26539591441208196, 3),
    "trial 3": (0.2656304, 3),
    "trial 4": (0.2654135, 3),
    "trial 5": (0.1650797, 3),
}
"""Of load_experiment(...).results; the best is that of best_config()."""


@pytest.fixture
def mlflow_database(tmp_path):
    """The tables of a store that hold runs, as mlflow 3.17.2 made and filled them."""
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript((WRITTEN / "mlflow-3.17.2.sql").read_text())
    return path


def imported(source, **ask):
    runs = sources.read(Ask(source=str(source), **ask))
    return runs, importing.study(runs, importing.Wish(name="x", metric=ask.get("metric")))


def best(runs, metric):
    """The least value of each run and its step."""
    found = {}
    for run in runs.runs:
        curve = [(e[metric], e["step"]) for e in run.evaluations if math.isfinite(e.get(metric, math.nan))]
        found[run.name] = min(curve)
    return found


def test_a_database_of_mlflow(mlflow_database):
    for source in (mlflow_database, f"sqlite:///{mlflow_database}", mlflow_database.parent):
        runs, study = imported(source, metric="val_loss")
        assert runs.format == "mlflow"
        assert best(runs, "val_loss") == MLFLOW
        states = {trial.run.name: (trial.state, trial.reason) for trial in study.trials}
        assert states["r4"] == ("infeasible", "val_loss is inf at step 60")
        assert states["r5"] == ("infeasible", "train/loss is nan at step 50")
        assert states["bad"] == ("failed", "status in MLflow: failed")
        assert study.trials[1].params == {"lr": 0.1**2, "opt": "sgd", "depth": 1}
        assert "skipped 1 parent run without metrics" in study.notes


def test_offline_runs_of_wandb():
    runs, study = imported(WRITTEN / "wandb-0.31.0")
    assert (runs.format, study.spec.metric.name) == ("wandb", "val/loss")
    assert best(runs, "val/loss") == WANDB
    assert study.trials[0].params == {"lr": 0.1, "net.depth": 0, "betas.0": 0.9, "betas.1": 0.99}
    assert [trial.state for trial in study.trials] == ["completed", "completed", "failed"]
    assert study.trials[2].reason == "exit code 1: hello"


def test_wandb_is_found_where_its_folder_is_one_run_or_lies_below(tmp_path):
    shutil.copytree(WRITTEN / "wandb-0.31.0", tmp_path / "wandb")
    one = next(iter(sorted((tmp_path / "wandb").iterdir())))
    assert len(imported(tmp_path)[0].runs) == 3
    assert [run.name for run in imported(one)[0].runs] == ["n0"]


def test_a_project_of_keras_tuner():
    runs, study = imported(WRITTEN / "keras-tuner-1.4.8")
    assert (runs.format, runs.metric, runs.goal) == ("keras-tuner", "val_loss", "minimize")
    assert best(runs, "val_loss") == KERAS
    searched = {name: given[0].model_dump(exclude_unset=True) for name, given in study.spec.nuisance.items()}
    assert searched["lr"] == {"min": 0.001, "max": 0.1, "scale": "log"}
    assert searched["units"] == {"min": 2, "max": 8}
    assert searched["momentum"] == {"min": 0.0, "max": 0.9, "when": {"opt": ["sgd"]}}


@pytest.mark.parametrize(
    ("executions", "said"),
    [("[0.5, 0.7]", [0.6]), ("[0.5, NaN]", [math.nan]), ('[0.5, "lost"]', [])],
    ids=["mean", "one diverged", "one unreadable"],
)
def test_a_result_of_keras_tuner_is_the_mean_of_its_executions(tmp_path, executions, said):
    shutil.copytree(WRITTEN / "keras-tuner-1.4.8", tmp_path / "p")
    file = min(tmp_path.glob("p/**/trial.json"))
    about = json.loads(file.read_text())
    about["metrics"]["metrics"]["val_loss"]["observations"] = [{"value": json.loads(executions), "step": 1}]
    file.write_text(json.dumps(about))
    runs = sources.read(Ask(source=str(tmp_path / "p")))
    found = [e["val_loss"] for e in runs.runs[0].evaluations if "val_loss" in e]
    assert found == pytest.approx(said, nan_ok=True)


def test_an_experiment_of_syne_tune():
    runs, study = imported(WRITTEN / "syne-tune-0.16.0")
    assert (runs.format, runs.metric, runs.goal) == ("syne-tune", "val_loss", "minimize")
    found = best(runs, "val_loss")
    assert {name: step for name, (_, step) in found.items()} == {name: step for name, (_, step) in SYNE.items()}
    for name, (value, _) in SYNE.items():
        assert found[name][0] == pytest.approx(value, abs=1e-6)
    searched = {name: given[0].model_dump(exclude_unset=True) for name, given in study.spec.nuisance.items()}
    assert searched["lr"] == {"min": 0.0001, "max": 0.1, "scale": "log"}
    assert study.spec.fixed == {"epochs": 4}


def test_an_experiment_of_ax():
    runs, study = imported(WRITTEN / "ax-1.3.1.json")
    assert (runs.format, runs.metric, runs.goal) == ("ax", "val_loss", "minimize")
    assert best(replace(runs, runs=[run for run in runs.runs if run.evaluations]), "val_loss")["trial 2_0"] == (
        0.490546931,
        3,
    )  # client.get_best_parameterization: arm 2_0, 0.4905469310385991, which the file rounds
    assert [trial.state for trial in study.trials] == ["completed"] * 3 + ["failed", "completed"]
    searched = {name: given[0].model_dump(exclude_unset=True) for name, given in study.spec.nuisance.items()}
    assert searched == {
        "lr": {"min": 0.0001, "max": 0.1, "scale": "log"},
        "width": {"min": 1, "max": 8},
        "opt": {"values": ["sgd", "adam"]},
    }


@pytest.mark.parametrize(
    ("constraint", "states"),
    [
        (
            {"metric": {"name": "val_loss"}, "op": {"name": "LEQ"}, "bound": 0.6, "relative": False},
            {"infeasible", "completed", "failed"},
        ),
        ({"metric": {"name": "val_loss"}, "op": {"name": "LEQ"}, "bound": 5, "relative": True}, None),
        ({"expression": "val_loss <= 3"}, None),
    ],
)
def test_constraints_of_ax_are_heeded_or_refused(tmp_path, constraint, states):
    saved = json.loads((WRITTEN / "ax-1.3.1.json").read_text())
    saved["experiment"]["optimization_config"]["outcome_constraints"] = [constraint]
    (tmp_path / "ax.json").write_text(json.dumps(saved))
    if states is None:
        with pytest.raises(PlaybookError, match="do not say which trials violate its outcome constraint"):
            imported(tmp_path / "ax.json")
    else:
        assert {trial.state for trial in imported(tmp_path / "ax.json")[1].trials} == states


GUILD = {
    "depth=2 lr=0.1": (0.33333298563957214, 30),
    "depth=3 lr=0.3": (0.933333, 30),
    "depth=4 lr=0.5": (1.533333, 30),
}
"""What the program printed, and Guild AI 0.9.0 kept in single precision."""


def test_runs_of_guild():
    runs, study = imported(WRITTEN / "guild-0.9.0", metric="val_loss")
    assert runs.format == "guild"
    found = {run.source["label"]: pair for run, pair in zip(runs.runs, best(runs, "val_loss").values(), strict=True)}
    assert found == {label: (pytest.approx(value, abs=1e-6), step) for label, (value, step) in GUILD.items()}
    assert study.trials[0].params == {"depth": 2, "lr": 0.1}
    assert [(trial.state, trial.reason) for trial in study.trials][1:] == [
        ("completed", None),
        ("failed", "exit code 3"),
    ]


def test_experiments_of_dvc():
    runs, study = imported(WRITTEN / "dvc-3.json", metric="val_loss")
    assert runs.format == "dvc"
    assert best(runs, "val_loss") == {  # of dvc 3.67.1: exp show
        "wally-alap": (0.42333333333333334, 1),
        "rindy-bunt": (0.44999999999999996, 1),
        "pyoid-gonk": (0.5, 1),
    }
    assert study.trials[0].params == {"train.lr": 0.01, "train.depth": 3, "train.opt": "adam"}
    assert [trial.repeat_of for trial in study.trials] == [None] * 3  # the workspace is no repeat of the last one
    with pytest.raises(PlaybookError, match="does not say which columns are metrics"):
        imported(WRITTEN / "dvc-3.csv", metric="val_loss")


def of_dvc_2(loss, **more):
    return {"data": {"params": {"p.yaml": {"data": {"lr": 0.1}}}, "metrics": {"m.json": {"data": loss}}, **more}}


def test_experiments_of_dvc_2_are_in_mappings_by_revision(tmp_path):
    """The layout of iterative/vscode-dvc, extension/src/test/fixtures/expShow, before DVC 3."""
    commit = {
        "baseline": of_dvc_2({"step": 9, "loss": 1.25}, name="main"),
        "a2": of_dvc_2({"step": 11, "loss": 1.875}, name="exp-a", checkpoint_tip="a2", checkpoint_parent="a1"),
        "a1": of_dvc_2({"step": 10, "loss": 0.5}, checkpoint_tip="a2"),
        "b1": of_dvc_2({}, name="exp-b", queued=True),
        "c1": {"error": {"type": "YAMLFileCorruptedError", "msg": "unable to read"}},
        "d1": of_dvc_2({"loss": 3.0}, name="exp-d", status="Failed"),
    }
    file = tmp_path / "experiments.json"
    file.write_text(json.dumps({"workspace": {"baseline": of_dvc_2({"loss": 0.125})}, "b05eecc": commit}))
    runs, study = imported(file, metric="loss")
    found = {run.name: [(e["step"], e["loss"]) for e in run.evaluations] for run in runs.runs}
    assert found == {"main": [(9, 1.25)], "exp-a": [(11, 1.875)], "exp-b": [], "c1": [], "exp-d": [(1, 3.0)]}
    states = ["completed", "completed", "pending", "failed", "failed"]
    assert [trial.state for trial in study.trials] == states
    assert study.trials[3].reason == "unable to read"


def test_an_experiment_of_dvc_without_a_revision_is_passed_over(tmp_path):
    file = tmp_path / "experiments.json"
    commit = {"rev": "b", "name": "main", **of_dvc_2({"loss": 1.0}), "experiments": [{"revs": [{"name": "exp-a"}]}]}
    file.write_text(json.dumps([commit]))
    assert [run.name for run in imported(file, metric="loss")[0].runs] == ["main"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("runs.parquet", "cannot import this: it is a Parquet table"),
        ("results.pkl", "cannot import this: it is a pickle file"),
        ("run-abc.wandb", "cannot import this: it is a single W&B log"),
        ("store/.aim/x", "cannot import this: it is an Aim repository"),
        ("store/dvclive/x", "cannot import this: it is a DVCLive folder"),
    ],
)
def test_what_is_not_read_is_called_what_it_is_with_what_to_do(tmp_path, name, what):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PAR1")
    with pytest.raises(PlaybookError, match=what) as caught:
        imported(tmp_path / "store" if "store" in name else path)
    assert caught.value.hint


@pytest.mark.parametrize("source", ["https://mlflow.lab/", "http://localhost:5000", "s3://bucket/runs"])
def test_a_server_is_not_asked(source):
    with pytest.raises(PlaybookError, match="this is on a server"):
        imported(source)
