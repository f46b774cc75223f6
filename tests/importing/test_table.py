from __future__ import annotations

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import table
from playbook_cli.importing.runs import Ask

RUNS = """\
"Name","State","Notes","User","Tags","Created","Runtime","Sweep","batch_size","lr","optimizer","_step","val_loss"
"calm-1","finished","-","me","","2026-01-01","60","s1","64","0.1","sgd","200","0.5"
"wild-2","crashed","-","me","","2026-01-01","9","s1","64","0.9","adam","20","NaN"
"late-3","running","-","me","","2026-01-01","9","s1","64","0.3","","10",""
"""
CHART = """\
"Step","calm-1 - val_loss","calm-1 - val_loss__MIN","calm-1 - val_loss__MAX","wild-2 - val_loss","gone - val_loss"
"100","0.7","0.6","0.8","3.0","1"
"200","0.4","0.4","0.4","","1"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "runs.csv").write_text(RUNS)
    return tmp_path


def read(source, **ask):
    return table.read(Ask(source=str(source), **ask))


def test_a_row_is_a_trial_with_one_evaluation_at_its_last_step(folder):
    calm, wild, late = read(folder / "runs.csv").runs
    assert calm.params == {"batch_size": 64, "lr": 0.1, "optimizer": "sgd"}
    assert calm.evaluations == [{"step": 200, "val_loss": 0.5}]
    assert (calm.state, wild.state, late.state) == (None, "failed", "pending")
    assert wild.reason == "marked as crashed in the imported data"
    assert late.params == {"batch_size": 64, "lr": 0.3}
    assert late.evaluations == []


def test_chart_exports_beside_the_table_are_the_curves(folder):
    (folder / "chart.csv").write_text(CHART)
    found = read(folder)
    calm, wild, _ = found.runs
    assert calm.evaluations == [{"step": 100, "val_loss": 0.7}, {"step": 200, "val_loss": 0.4}]
    assert wild.evaluations == [{"step": 100, "val_loss": 3.0}]
    assert any("gone - val_loss" in note for note in found.notes)


def test_curves_of_runs_that_share_a_name_are_nobodys(folder):
    (folder / "runs.csv").write_text(RUNS.replace("wild-2", "calm-1"))
    (folder / "chart.csv").write_text(CHART)
    found = read(folder)
    assert found.runs[0].evaluations == [{"step": 200, "val_loss": 0.5}]
    assert any("does not match one run" in note for note in found.notes)


def test_the_user_says_which_columns_are_hyperparameters(folder):
    found = read(folder / "runs.csv", hyperparameters=["lr"])
    assert found.runs[0].params == {"lr": 0.1}
    with pytest.raises(PlaybookError, match="no column 'depth'"):
        read(folder / "runs.csv", hyperparameters=["depth"])


def test_the_notes_say_what_was_taken_for_what(folder):
    said = "assumed to be hyperparameters: lr, optimizer, and 1 that never varies ("
    assert read(folder / "runs.csv").notes[0].startswith(said)
    said = "assumed to be hyperparameters: optimizer, and 1 that never varies ("
    assert read(folder / "runs.csv", metric="lr").notes[0].startswith(said)


def test_a_plain_table_of_results_will_do(tmp_path):
    (tmp_path / "t.csv").write_text("trial,depth,accuracy\n1,3,0.9\n2,4,0.8\n")
    first, second = read(tmp_path / "t.csv").runs
    assert (first.name, first.params, first.evaluations) == ("1", {"depth": 3}, [{"step": 1, "accuracy": 0.9}])
    assert second.name == "2"


def test_no_table_or_several_are_refused(tmp_path):
    with pytest.raises(PlaybookError, match="no table"):
        read(tmp_path)
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("lr,loss\n1,2\n")
    with pytest.raises(PlaybookError, match=r"several tables of runs: a\.csv, b\.csv"):
        read(tmp_path)


def written(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return path


TIDY = "trial,step,lr,val_loss\n" + "".join(
    f"{trial},{step},{0.1 / (trial + 1)},{trial + 1 / step}\n" for trial in range(3) for step in (10, 20, 30)
)


def test_rows_of_one_trial_at_other_steps_are_its_curve(tmp_path):
    found = read(written(tmp_path, TIDY))
    assert [run.params for run in found.runs] == [{"lr": 0.1}, {"lr": 0.05}, {"lr": 0.1 / 3}]
    assert found.runs[1].evaluations == [{"step": s, "val_loss": 1 + 1 / s} for s in (10, 20, 30)]
    assert any("9 rows, 3 runs" in note for note in found.notes)


def test_trials_that_were_stopped_have_shorter_curves(tmp_path):
    text = "".join(line for line in TIDY.splitlines(keepends=True) if not line.startswith(("1,20", "1,30")))
    assert [len(run.evaluations) for run in read(written(tmp_path, text)).runs] == [3, 1, 3]


def test_a_results_table_of_syne_tune_is_curves_with_its_configuration(tmp_path):
    text = "trial_id,epoch,mean_loss,config_lr,config_width,st_decision,st_status,st_worker_time\n" + "".join(
        f"{trial},{epoch},{1 / epoch + trial},{trial + 1},8,CONTINUE,InProgress,{epoch}.5\n"
        for trial in range(2)
        for epoch in (1, 2)
    )
    first, second = read(written(tmp_path, text), metric="mean_loss").runs
    assert (first.params, second.params) == ({"lr": 1, "width": 8}, {"lr": 2, "width": 8})
    assert [(e["step"], e["mean_loss"]) for e in second.evaluations] == [(1, 2.0), (2, 1.5)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("trial,lr,loss\n1,0.1,3\n1,0.2,4\n", "several rows have the same trial"),
        ("trial,step,lr,loss\n1,5,0.1,3\n1,5,0.2,4\n", "several rows have the same trial"),
        ("name,epoch,lr,loss\na,17,0.1,3\na,23,0.1,4\nb,9,0.2,3\nb,11,0.2,3\n", "several rows have the same name"),
        (
            "step,lr,loss\n1,0.1,3\n2,0.1,2\n3,0.1,1\n1,0.2,3\n2,0.2,2\n3,0.2,1\n",
            "the rows look like evaluations, at 3 different values of step, but no column names the run",
        ),
    ],
)
def test_rows_that_may_be_of_one_run_are_refused_with_the_option_that_decides(tmp_path, text, what):
    with pytest.raises(PlaybookError) as refused:
        read(written(tmp_path, text), metric="loss")
    assert what in str(refused.value)
    assert "--ignore" in refused.value.hint
    column = refused.value.hint.split("--ignore ")[1].split()[0].strip("'")
    assert len(read(written(tmp_path, text), metric="loss", ignored=[column]).runs) == text.count("\n") - 1


def test_the_user_says_which_column_counts_the_steps_of_one_run(tmp_path):
    text = "name,epoch,lr,loss\na,17,0.1,3\na,23,0.1,4\nb,9,0.2,3\nb,11,0.2,3\n"
    assert [len(run.evaluations) for run in read(written(tmp_path, text), step="epoch").runs] == [2, 2]


def test_a_name_that_runs_on_other_seeds_share_is_no_run(tmp_path):
    text = "name,seed,epoch,lr,loss\na,1,7,0.1,3\na,2,8,0.1,4\nb,1,7,0.2,3\nb,2,8,0.2,3\n"
    with pytest.raises(PlaybookError, match="several rows have the same name"):
        read(written(tmp_path, text))
    text = "name,seed,lr,loss\na,1,0.1,3\na,2,0.1,4\n"
    assert len(read(written(tmp_path, text)).runs) == 2


def test_the_index_that_pandas_writes_is_neither_step_nor_hyperparameter(tmp_path):
    for index in ("", "Unnamed: 0"):
        first, second = read(written(tmp_path, f"{index},lr,acc\n0,0.1,0.5\n11,0.2,0.75\n")).runs
        assert second.evaluations == [{"step": 1, "acc": 0.75}]
        assert first.params == {"lr": 0.1}


def test_where_columns_are_marked_as_hyperparameters_no_other_is_one(tmp_path):
    ray = ",val_loss,training_iteration,trial_id,date,pid,hostname,config/lr,config/model/depth,logdir\n"
    ray += "0,0.5,30,ab_0,2026-01-01_00-00-00,7,h,0.1,2,ab_0\n1,0.25,20,ab_1,2026-01-01_00-00-01,8,h,0.2,4,ab_1\n"
    first, second = read(written(tmp_path, ray), metric="val_loss").runs
    assert (first.params, second.params) == ({"lr": 0.1, "model.depth": 2}, {"lr": 0.2, "model.depth": 4})
    assert [(e["step"], e["val_loss"]) for e in (*first.evaluations, *second.evaluations)] == [(30, 0.5), (20, 0.25)]
    optuna = (
        ",number,value,datetime_start,duration,params_lr,state\n0,0,2.5,2026-11-27 00:46:49.24,0 days 00:00:01,0.1,"
    )
    runs = read(written(tmp_path, optuna + "COMPLETE\n1,1,,2026-11-27 00:46:50.24,0 days 00:00:01,0.2,FAIL\n")).runs
    assert [(run.params, run.state) for run in runs] == [({"lr": 0.1}, None), ({"lr": 0.2}, "failed")]


def test_a_table_without_a_metric_names_its_columns(tmp_path):
    with pytest.raises(PlaybookError, match="no column looks like a metric") as refused:
        read(written(tmp_path, ",lr,result\n0,0.1,0.5\n1,0.2,0.3\n"))
    assert refused.value.hint == "add --metric with one of: lr, result"


@pytest.mark.parametrize("text", ["Unnamed: 0\n0\n1\n", ",\n0,1\n"])
def test_a_table_of_unnamed_columns_is_none(tmp_path, text):
    with pytest.raises(PlaybookError, match="no table"):
        read(written(tmp_path, text))


def test_rows_under_a_wider_header_keep_their_columns(tmp_path):
    first, second = read(written(tmp_path, "lr,mom,loss\n1,0,2\nlr,mom,loss,acc\n3,1,4,0.5\n")).runs
    assert first.evaluations == [{"step": 1, "loss": 2}]
    assert second.evaluations == [{"step": 1, "loss": 4, "acc": 0.5}]


def test_columns_of_one_name_that_differ_are_refused_or_ignored(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("lr,val_loss,val_acc,val_acc\n0.1,1,0.5,0.6\n0.2,2,0.5,0.6\n")
    with pytest.raises(PlaybookError, match="several columns named val_acc have different values"):
        table.read(Ask(source=str(path)))
    found = table.read(Ask(source=str(path), ignored=["val_acc"]))
    assert [run.evaluations for run in found.runs] == [[{"step": 1, "val_loss": 1.0}], [{"step": 1, "val_loss": 2.0}]]
