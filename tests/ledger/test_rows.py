"""The rows of the ledger: one for every study of a folder."""

from __future__ import annotations

import json
import os

import pytest

from playbook_cli.files import journal
from playbook_cli.ledger.rows import log
from tests.commands.finished import finish
from tests.ledger.studies import repeat
from tests.sweep.scripted import VALLEY, study


def good(params):
    return (params["x"] - 0.4) ** 2


def rerun(bench, name, **event):
    """Put the first run of a study at another time and commit, and append later ones."""
    paths = bench.paths(name)
    first, *rest = journal.read(paths.journal)
    journal.rewrite(paths.journal, [{**first, **event}, *rest])


def test_studies_are_rows_oldest_first(bench):
    for name, time in (("b", 3.0), ("a", 5.0), ("c", 1.0)):
        finish(bench, good, name=name)
        rerun(bench, name, time=time)
    assert [row.name for row in log(bench.folder / "runs").rows] == ["c", "b", "a"]


def test_a_row_has_the_playbooks_columns(bench):
    finish(bench, good, trials=8, goal="Is x worth it?")
    rerun(bench, "toy", time=7.0, command=["playbook", "run", "a b.yaml"], commit="a" * 40, uncommitted_changes=True)
    events = journal.Journal(bench.paths().journal)
    for commit in ("a", "b", "b"):
        events.append({"event": "run", "time": 9.0, "source": "x", "command": [], "commit": commit * 40})
    events.close()
    (row,) = log(bench.folder / "runs").rows
    assert (row.name, row.kind, row.goal, row.spec) == ("toy", "study", "Is x worth it?", "toy/study.yaml")
    assert (row.trials["completed"], row.trials["planned"], row.repeated) == (8, 8, 0)
    assert row.best.value == pytest.approx(min(trial.best.value for trial in _trials(bench)))
    assert (row.run.time, row.run.commit, row.run.uncommitted_changes) == (7.0, "a" * 40, True)
    assert list(row.run.other_commits) == ["b" * 40]
    assert list(row.run.command) == ["playbook", "run", "a b.yaml"]


def test_repeats_are_counted_apart_and_give_mean_and_spread(bench):
    finish(bench, good)
    best = log(bench.folder / "runs").rows[0].best
    repeat(bench, best.trial, [0.5, 0.7])
    (row,) = log(bench.folder / "runs").rows
    assert (row.trials["planned"], row.trials["completed"], row.repeated) == (4, 4, 2)
    assert row.best == best
    assert (row.repeats.trial, row.repeats.n, row.repeats.mean) == (best.trial, 2, pytest.approx(0.6))


@pytest.mark.slow
def test_a_sweep_is_a_row_with_the_steps_that_it_found(bench):
    assert bench("lr-sweep", study(bench, VALLEY)).code == 0
    (row,) = log(bench.folder / "runs").rows
    assert row.kind == "lr-sweep"
    assert (row.sweep.judgement.verdict, row.sweep.max_train_steps, row.sweep.learning_rate) == ("ok", 37, 0.1)
    assert row.report == f"{row.folder}/report/lr-sweep.html"


def test_the_reports_sentence_is_a_note_until_trials_end_after_it(bench):
    finish(bench, good)
    assert log(bench.folder / "runs").rows[0].answer is None
    report = bench("report", "runs/toy", "--json", "--no-html").json
    row = log(bench.folder / "runs").rows[0]
    assert (row.answer, row.report) == (report["answer"], None)
    later = bench.paths().journal.stat().st_mtime + 5
    os.utime(bench.paths().journal, (later, later + 5))
    assert log(bench.folder / "runs").rows[0].answer is None


@pytest.mark.parametrize("damage", ["spec", "journal", "report", "empty journal"])
def test_a_damaged_study_is_a_row_and_the_others_are_there(bench, damage):
    finish(bench, good, name="whole")
    finish(bench, good, name="broken")
    paths = bench.paths("broken")
    if damage == "spec":
        paths.spec.write_text("name: [")
    elif damage == "journal":
        paths.journal.write_text("nonsense\n" + paths.journal.read_text())
    elif damage == "empty journal":
        paths.journal.write_text("")
    else:
        paths.report.mkdir()
        (paths.report / "report.json").write_text("[1, 2")
    rows = {row.folder: row for row in log(bench.folder / "runs").rows}
    assert rows["whole"].problem is None
    assert (rows["broken"].problem is not None) == (damage in ("spec", "journal"))


def test_a_run_event_of_odd_types_is_no_problem(bench):
    finish(bench, good)
    rerun(bench, "toy", time="yesterday", command="playbook run", commit=None)
    (row,) = log(bench.folder / "runs").rows
    assert (row.problem, list(row.run.command), row.run.commit) == (None, [], None)


def test_a_folder_without_a_study_and_a_half_written_import_are_no_rows(bench):
    finish(bench, good)
    (bench.folder / "runs" / "empty").mkdir()
    hidden = bench.folder / "runs" / ".toy.123"
    hidden.mkdir()
    (hidden / "study.yaml").write_bytes(bench.paths().spec.read_bytes())
    assert [row.folder for row in log(bench.folder / "runs").rows] == ["toy"]


def _trials(bench):
    from playbook_cli.storage.store import Store

    return Store(bench.paths().dir).record().trials


def test_an_unreadable_report_is_no_problem(bench):
    finish(bench, good)
    bench.paths().report.mkdir()
    (bench.paths().report / "report.json").write_text(json.dumps({"answer": 3}))
    assert log(bench.folder / "runs").rows[0].answer is None
