from __future__ import annotations

import fcntl
import json
import os

import pytest

PARAMS = ["--params", "t_*/p.json", "--metrics", "t_*/m.csv"]


@pytest.fixture
def logs(bench):
    """Five trials of three points: one diverged, one without metrics."""
    curves = {
        1: "step,val_loss\n10,2.0\n20,1.0\n",
        2: "step,val_loss\n10,1.5\n20,0.5\n",
        3: "step,val_loss\n10,9.0\n20,nan\n",
        4: "step,val_loss\n10,2.5\n20,0.75\n",
    }
    for number, lr in enumerate([0.01, 0.1, 1.0, 0.1, 0.1], start=1):
        bench.write(f"logs/t_{number}/p.json", json.dumps({"lr": lr, "depth": 3}))
        if number in curves:
            bench.write(f"logs/t_{number}/m.csv", curves[number])
    return bench


def test_runs_of_another_tool_become_a_study_that_is_read_like_any_other(logs):
    answer = logs("import", "logs", "--into", "runs/theirs", *PARAMS)
    assert answer.code == 0
    assert "theirs: 2 of 3 trials completed, 1 infeasible\n" in answer.out
    assert "  and 1 of 2 repeats completed, 1 failed\n" in answer.out
    assert "best val_loss: 0.5 at step 20 of trial 1 (lr=0.1)" in answer.out
    assert "3 different points; 2 trials repeat one of them" in answer.out
    assert "nuisance lr: 0.01 to 1, log" in answer.out
    assert "playbook report runs/theirs" in answer.out
    assert "assumed from its name: minimize val_loss" in answer.err
    assert logs("status", "runs/theirs", "--json").json["best"]["value"] == 0.5
    report = logs("report", "runs/theirs", "--json").json
    states = {trial["id"]: (trial["state"], trial["reason"]) for trial in report["trials"]}
    assert states[2] == ("infeasible", "val_loss is nan at step 20")
    assert states[4] == ("failed", "no metrics file")
    assert {finding["rule"] for finding in report["findings"]} >= {"boundary", "best-step", "coverage"}


def test_the_journal_says_where_it_is_from_and_what_repeats_what(logs):
    logs("import", "logs", "--into", "runs/theirs", *PARAMS)
    (imported,) = logs.events("imported", "theirs")
    assert imported["from"] == {"source": "logs", "format": "files"}
    assert imported["command"][:2] == ["playbook", "import"]
    planned = logs.events("planned", "theirs")
    assert [event.get("repeat_of") for event in planned] == [None, None, None, 1, 1]
    assert [event["seed"] for event in planned] == [0, 0, 0, 1, 2]
    assert planned[0]["name"] == "t_1"
    assert json.loads(logs.paths("theirs").trial(0).params.read_text()) == {"lr": 0.01, "depth": 3}
    assert json.loads(logs.paths("theirs").trial(0).source.read_text())["metrics"] == ["logs/t_1/m.csv"]


def test_json_has_the_keys_of_status_and_what_was_assumed(logs):
    answer = logs("import", "logs", "--into", "runs/theirs", *PARAMS, "--json")
    assert answer.json.keys() == {"study", "trials", "repeats", "best", "points", "notes"}
    assert answer.json["points"] == 3
    assert answer.err == ""


def test_an_imported_study_is_never_run_nor_planned(logs):
    logs("import", "logs", "--into", "runs/theirs", *PARAMS)
    before = logs.paths("theirs").journal.read_bytes()
    for verb in ("run", "plan"):
        answer = logs(verb, "runs/theirs/study.yaml")
        assert answer.code == 2
        assert "imported from logs, so it can't be run" in answer.err
    assert logs.paths("theirs").journal.read_bytes() == before


def test_the_next_study_is_one_to_run_and_says_what_it_lacks(logs):
    logs("import", "logs", "--into", "runs/theirs", *PARAMS)
    answer = logs("next", "runs/theirs", "--max-train-steps", "40", "--output", "n.yaml")
    assert "add what to run" in answer.out
    text = (logs.folder / "n.yaml").read_text()
    assert "\nimported:" not in text
    assert "write one of  train: module:function" in logs("plan", "n.yaml").err


def test_a_study_file_describes_the_space_and_the_program_of_the_next_study(logs):
    study = logs.study(
        metric={"name": "val_loss"},
        max_train_steps=20,
        eval_every=10,
        nuisance={"lr": {"min": 1e-3, "max": 10.0, "scale": "log"}},
        fixed={"depth": 3},
    )
    assert logs("import", "logs", "--into", "runs/theirs", *PARAMS, "--study", study).code == 0
    logs("next", "runs/theirs", "--max-train-steps", "40", "--output", "n.yaml")
    assert len(logs("plan", "n.yaml", "--json").json["trials"]) == 3  # as many points, each of them once


def test_scientific_hyperparameters_are_arms(logs):
    logs("import", "logs", "--into", "runs/theirs", *PARAMS, "--scientific", "lr")
    arms = logs("report", "runs/theirs", "--json").json["arms"]
    assert arms[0]["trials"] == 3  # a range makes no arms, and repeats are no points of the search


def test_runs_of_the_same_point_are_repeats_and_their_luck_is_told(logs):
    logs("import", "logs", "--into", "runs/theirs", *PARAMS)
    report = logs("report", "runs/theirs", "--json").json
    (again,) = report["repeats"]
    assert (again["trial"], again["selected"], again["values"], again["luck"]) == (1, 0.5, [0.75], 0.25)
    assert (report["counts"]["planned"], report["repeat_counts"]["planned"]) == (3, 2)
    assert report["counts"]["pending"] == report["repeat_counts"]["pending"] == 0
    counted = {f["rule"]: f["evidence"] for f in report["findings"]}
    assert (counted["infeasible"]["infeasible"], counted["infeasible"]["trials"]) == (1, 3)


def test_a_run_that_failed_does_not_stand_for_its_point_where_another_one_completed(logs):
    (logs.folder / "logs" / "t_2" / "m.csv").unlink()
    logs("import", "logs", "--into", "runs/theirs", *PARAMS)
    assert [event.get("repeat_of") for event in logs.events("planned", "theirs")] == [None, 3, None, None, 3]
    assert logs("status", "runs/theirs", "--json").json["trials"]["completed"] == 2


def test_a_folder_that_is_there_is_never_touched(logs):
    logs.write("runs/theirs/notes.txt", "mine")
    answer = logs("import", "logs", "--into", "runs/theirs", *PARAMS)
    assert (answer.code, "already exists" in answer.err) == (2, True)
    assert [path.name for path in (logs.folder / "runs/theirs").iterdir()] == ["notes.txt"]


BAD = {
    "no such source": (["nothing"], "no such file or folder"),
    "a file of no kind": (["logs/t_1/p.json"], "not a folder, a CSV table or an Optuna storage"),
    "nothing said of the layout": (["logs"], "does not recognise this folder's layout"),
    "a params pattern without matches": (
        ["logs", "--params", "x*", "--metrics", "t_*/m.csv"],
        "--params 'x*' matches no",
    ),
    "a metrics pattern without matches": (
        ["logs", "--params", "t_*/p.json", "--metrics", "y"],
        "--metrics 'y' matches no",
    ),
    "a metric that is not there": (["logs", *PARAMS, "--metric", "acc"], "no trial has an evaluation of 'acc'"),
    "a step field that is not there": (["logs", *PARAMS, "--step", "epoch"], "no evaluation has a field 'epoch'"),
    "steps that are none": (["logs", *PARAMS, "--step", "val_loss"], "steps must be whole numbers"),
    "an unknown format": (["logs", "--format", "guess"], "there is no format 'guess'"),
    "the wrong format": (["logs", "--format", "ray"], "no trial with a params.json"),
    "what does not vary as the question": (["logs", *PARAMS, "--scientific", "depth"], "it does not vary"),
    "a study file that is none": (["logs", *PARAMS, "--study", "logs/t_1/p.json"], "p.json"),
    "an unknown option": (["logs", "--guess"], "guess"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_with_one_message_and_nothing_written(logs, case):
    arguments, said = BAD[case]
    logs.write("logs/t_2/m.csv", "step,val_loss\n10,1.5\n")
    before = sorted(logs.folder.rglob("*"))
    answer = logs("import", *arguments, "--into", "runs/theirs")
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert sorted(logs.folder.rglob("*")) == before


@pytest.mark.parametrize("name", ["a b", "-x", "a..b"])
def test_a_name_that_can_not_be_a_study_is_refused(logs, name):
    answer = logs("import", "logs", f"--into=runs/{name}", *PARAMS)
    assert (answer.code, "can't name a folder" in answer.err) == (2, True)
    assert not (logs.folder / "runs").exists()


def test_a_disk_that_takes_no_more_leaves_nothing_behind(logs, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("playbook_cli.files.journal.rewrite", full)
    answer = logs("import", "logs", "--into", "runs/theirs", *PARAMS)
    assert (answer.code, "No space left" in answer.err) == (2, True)
    assert list((logs.folder / "runs").iterdir()) == []


def test_what_a_killed_import_left_is_deleted_by_the_next_one_and_what_another_one_writes_is_not(logs):
    logs.write("runs/.theirs.4711/trials/0000/params.json", "{}")
    theirs = logs.write("runs/.theirs.4712/study.yaml", "").parent
    logs.write("runs/.theirs.old/study.yaml", "")
    fd = os.open(theirs, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        assert logs("import", "logs", "--into", "runs/theirs", *PARAMS).code == 0
    finally:
        os.close(fd)
    assert sorted(path.name for path in (logs.folder / "runs").iterdir()) == [".theirs.4712", ".theirs.old", "theirs"]
