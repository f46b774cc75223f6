"""What users of other tools met in public, each with where: read right, or refused in one message."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import importing, sources
from playbook_cli.importing.runs import Ask
from tests.importing.test_database import TABLES
from tests.importing.test_wandb import config, history, log


def imported(source, **ask):
    goal = ask.pop("goal", None)
    runs = sources.read(Ask(source=str(source), **ask))
    return importing.study(runs, importing.Wish(name="x", metric=ask.get("metric"), goal=goal))


@pytest.mark.parametrize(
    ("value", "is_nan", "reason"),
    [
        (0.0, 1, "val_loss is nan at step 2"),  # github.com/mlflow/mlflow/issues/25640: ranked as the best run
        (1.7976931348623157e308, 0, "val_loss is inf at step 2"),  # github.com/mlflow/mlflow/pull/22826
    ],
)
def test_mlflow_keeps_no_number_for_what_is_none(tmp_path, value, is_nan, reason):
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
        store.executescript(TABLES.replace("'loss', 0.5", "'val_loss', 0.5"))
        store.execute("INSERT INTO metrics VALUES ('a', 'val_loss', ?, 2, ?, 9)", (value, is_nan))
        store.commit()
    (trial,) = imported(tmp_path / "mlflow.db").trials
    assert (trial.state, trial.reason) == ("infeasible", reason)


def test_runs_of_wandb_offline_have_neither_config_nor_summary_beside_their_log(tmp_path):
    """github.com/wandb/wandb/issues/9646, 3249, 1768."""
    for number in (1, 2):
        home = tmp_path / f"wandb/offline-run-2026010{number}_000000-ab{number}"
        home.mkdir(parents=True)
        (home / f"run-ab{number}.wandb").write_bytes(log(config(lr=number), history(3, val_loss=1.0 / number)))
    assert [trial.params for trial in imported(tmp_path).trials] == [{"lr": 1}, {"lr": 2}]


def test_an_axis_of_its_own_counts_the_steps_of_wandb_where_it_is_named(tmp_path):
    """github.com/gradio-app/trackio/pull/600: the evaluation of eval_iter 5000 lies in the row of _step 5360."""
    home = tmp_path / "run-20260101_000000-abc"
    home.mkdir()
    rows = (history(5360, train_loss=0.3, eval_iter=5000, val_loss=0.5), history(5361, train_loss=0.2))
    (home / "run-abc.wandb").write_bytes(log(config(lr=1), *rows))
    (trial,) = imported(tmp_path, metric="val_loss", step="eval_iter").trials
    assert [(e["step"], e["val_loss"]) for e in trial.run.evaluations] == [(5000, 0.5)]


def test_metrics_that_ray_reported_later_are_in_its_json_alone(tmp_path):
    """github.com/ray-project/ray/issues/13766: progress.csv keeps the columns of the first report."""
    home = tmp_path / "trial_a"
    home.mkdir()
    (home / "params.json").write_text('{"lr": 0.1}')
    (home / "progress.csv").write_text("loss,training_iteration\n2.0,1\n,2\n")
    results = [{"loss": 2.0, "training_iteration": 1}, {"val_acc": 0.5, "training_iteration": 2}]
    (home / "result.json").write_text("".join(json.dumps(row) + "\n" for row in results))
    (trial,) = imported(tmp_path, metric="val_acc").trials
    assert trial.run.evaluations[-1] == {"step": 2, "val_acc": 0.5}


def keras_trial(folder, name, *, values, score, step, status="COMPLETED", **more):
    home = folder / f"trial_{name}"
    home.mkdir()
    seen = {"direction": "max", "observations": [{"value": score, "step": step}]}
    searched = {"space": [], "values": {**values, **more}}
    mean = sum(score) / len(score)
    about = {"hyperparameters": searched, "metrics": {"metrics": {"val_accuracy": seen}}, "score": mean}
    (home / "trial.json").write_text(json.dumps({"trial_id": name, "best_step": step, "status": status, **about}))


def test_executions_of_a_keras_trial_are_its_mean_and_a_best_step_of_0_is_one(tmp_path):
    """github.com/keras-team/keras-tuner/issues/164 and 236."""
    keras_trial(tmp_path, "00", values={"units": 4}, score=[0.5, 0.75], step=0)
    keras_trial(tmp_path, "01", values={"units": 8}, score=[0.5, 0.5], step=3)
    study = imported(tmp_path)
    assert (study.spec.metric.name, study.spec.metric.goal) == ("val_accuracy", "maximize")
    assert study.trials[0].run.evaluations == [{"step": 0, "val_accuracy": 0.625}]


def test_how_long_hyperband_trained_a_trial_is_no_hyperparameter(tmp_path):
    """github.com/keras-team/keras-tuner/issues/737."""
    for name, epochs in (("0000", 2), ("0001", 6)):
        keras_trial(tmp_path, name, values={"units": epochs}, score=[0.5], step=1, **{"tuner/epochs": epochs})
    study = imported(tmp_path)
    assert [trial.params for trial in study.trials] == [{"units": 2}, {"units": 6}]
    assert any("trials differ in length" in note for note in study.notes)


def test_the_envelope_of_a_chart_of_wandb_is_no_run(tmp_path):
    """github.com/wandb/wandb/issues/5349."""
    (tmp_path / "runs.csv").write_text("Name,State,lr\na,finished,0.1\nb,finished,0.2\n")
    columns = [f"{run} - val_loss{end}" for run in "ab" for end in ("", "__MIN", "__MAX")]
    (tmp_path / "chart.csv").write_text(",".join(["Step", *columns]) + "\n10,2,0,9,3,0,9\n20,1,0,9,4,0,9\n")
    study = imported(tmp_path, metric="val_loss")
    assert [trial.run.evaluations[-1]["val_loss"] for trial in study.trials] == [1.0, 4.0]


def test_a_table_of_wandb_whose_values_are_missing_is_refused(tmp_path):
    """github.com/wandb/wandb/issues/4501."""
    (tmp_path / "runs.csv").write_text('Name,State,lr,val_loss\na,finished,0.1,""\nb,finished,0.2,""\n')
    with pytest.raises(PlaybookError, match="no trial has an evaluation of 'val_loss'"):
        imported(tmp_path / "runs.csv", metric="val_loss")


def test_an_accuracy_that_is_per_cent_in_some_rows_is_refused(tmp_path):
    """github.com/wandb/wandb/issues/6507: 92% here, 92 there."""
    (tmp_path / "runs.csv").write_text("Name,State,lr,val_acc\na,finished,0.1,92%\nb,finished,0.2,0.93\n")
    with pytest.raises(PlaybookError, match=r"val_acc has both 92% and 0\.93: is it per cent"):
        imported(tmp_path / "runs.csv", metric="val_acc")
