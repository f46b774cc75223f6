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
    with pytest.raises(PlaybookError, match=r"val_acc has both 92% and 0\.93, so it is unclear"):
        imported(tmp_path / "runs.csv", metric="val_acc")


TABLES_OF_TOOLS = {
    # docs.neptune.ai/web_app/export: what `sys/` begins with is Neptune's own
    "neptune": """\
sys/id,sys/creation_time,sys/owner,parameters/lr,metrics/val_loss,sys/running_time,sys/failed
EX-1,2023-01-01 10:00:00,ada,0.1,0.9,723.5,false
EX-2,2023-01-01 11:00:00,bob,0.01,0.7,669.1,false
EX-3,2023-01-01 12:00:00,ada,0.001,0.1,600.2,true
""",
    # comet.com/docs: the experiments table of a project, as CSV
    "comet": """\
Name,EXPERIMENT_KEY,Server end time,File name,Duration,lr,val_loss
prim_1,abc123,7/3/23 03:15 PM,train.py,00:03:12,0.1,0.9
prim_2,abc124,7/3/23 03:25 PM,train2.py,00:04:12,0.01,0.7
""",
    # nni.readthedocs.io: nnictl experiment export --type csv
    "nni": """\
trialJobId,sequence,intermediate,lr,val_loss
abc,0,"[1.5,0.9]",0.1,0.9
def,1,"[0.8,0.7]",0.01,0.7
""",
    # my.guild.ai: guild compare --csv
    "guild": """\
run,operation,started,time,status,label,lr,step,val_loss
44e1ab,train,2023-01-01 00:00:00,0:00:10,completed,lr=0.1,0.1,100,0.9
55e1ab,train,2023-01-02 00:00:00,0:00:12,completed,lr=0.01,0.01,100,0.7
""",
    # docs.wandb.ai: a table of runs, with what the last row of the history had
    "wandb": """\
Name,State,Runtime,lr,gpu_mem,epoch,val_loss
a,finished,1h 3m 2s,0.1,11.2 GB,9,0.9
b,finished,59m,0.01,9.8 GB,8,0.7
""",
    # scikit-learn.org: pandas.DataFrame(search.cv_results_)
    "sklearn": """\
mean_fit_time,lr,params,val_loss
0.01,0.1,"{'lr': 0.1, 'C': 1}",0.9
0.02,0.01,"{'lr': 0.01, 'C': 1}",0.7
""",
}


@pytest.mark.parametrize("tool", TABLES_OF_TOOLS)
def test_a_table_of_another_tool_has_one_hyperparameter_and_the_best_of_its_runs(tmp_path, tool):
    (tmp_path / "t.csv").write_text(TABLES_OF_TOOLS[tool])
    study = imported(tmp_path / "t.csv")
    (varied,) = study.spec.parameters()
    assert [trial.params[varied.name] for trial in study.trials[:2]] == [0.1, 0.01]
    metric = study.spec.metric.name
    best = min(trial.run.evaluations[-1][metric] for trial in study.trials if trial.state == "completed")
    assert (metric.split("/")[-1], best) == ("val_loss", 0.7)


def test_a_folder_of_sacred_is_called_so(tmp_path):
    """sacred.readthedocs.io, FileStorageObserver: curves lie in lists."""
    home = tmp_path / "1"
    home.mkdir()
    (home / "config.json").write_text('{"lr": 0.1}')
    (home / "metrics.json").write_text('{"val_loss": {"steps": [1, 2], "values": [0.5, 0.25]}}')
    (home / "cout.txt").touch()
    with pytest.raises(PlaybookError, match="cannot import this: it is a Sacred folder"):
        imported(tmp_path)
    with pytest.raises(PlaybookError, match="no trial has an evaluation of anything"):
        imported(tmp_path, params="*/config.json", metrics=["*/metrics.json"])


def test_layers_with_an_underscore_between_them_are_no_number(tmp_path):
    (tmp_path / "t.csv").write_text("name,layers,val_loss\na,64_64,0.9\nb,128_64,0.7\n")
    assert [trial.params for trial in imported(tmp_path / "t.csv").trials] == [
        {"layers": "64_64"},
        {"layers": "128_64"},
    ]
