from __future__ import annotations

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.ingest import table
from playbook_cli.ingest.runs import Ask

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
    assert wild.reason == "it is crashed there"
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
    assert any("that belong to no one run" in note for note in found.notes)


def test_the_user_says_which_columns_are_hyperparameters(folder):
    found = read(folder / "runs.csv", hyperparameters=["lr"])
    assert found.runs[0].params == {"lr": 0.1}
    with pytest.raises(PlaybookError, match="no column 'depth'"):
        read(folder / "runs.csv", hyperparameters=["depth"])


def test_the_notes_say_what_was_taken_for_what(folder):
    assert read(folder / "runs.csv").notes[0].startswith("taken for hyperparameters: batch_size, lr, optimizer (")
    assert (
        read(folder / "runs.csv", metric="lr").notes[0].startswith("taken for hyperparameters: batch_size, optimizer (")
    )


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
