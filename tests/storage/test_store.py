"""A study's folder, read from outside at any time."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time

import psutil
import pytest
import yaml

from playbook_cli.errors import JournalError, SpecError, StudyError
from playbook_cli.files import journal
from playbook_cli.files.paths import StudyPaths
from playbook_cli.records import Stopped
from playbook_cli.storage.heartbeats import SILENT_SECONDS, read_heartbeat
from playbook_cli.storage.lock import locked
from playbook_cli.storage.metrics import latest
from playbook_cli.storage.store import Attempt, Store, began, counts, is_alive, read_history, running
from tests.commands.finished import finish

SPEC = """\
name: s
goal: why
train: m:f
metric: {name: loss}
max_train_steps: 10
eval_every: 5
trials: 4
scientific: {layers: [1, 2]}
nuisance: {x: {min: 0.0, max: 1.0}}
fixed: {batch_size: 8}
rules: {boundary: {alpha: 0.1}}
"""


@pytest.fixture
def paths(tmp_path):
    """A study of four planned trials: one completed, one infeasible, one under way, one pending."""
    paths = StudyPaths(tmp_path / "runs" / "s")
    paths.dir.mkdir(parents=True)
    paths.spec.write_text(SPEC)
    write(paths, event="run", source="/study.yaml")
    for number in range(4):
        arm = {"layers": 1 + number % 2}
        params = {**arm, "x": number / 4, "batch_size": 8}
        write(paths, event="planned", trial=number, params=params, arm=arm, seed=number)
    for number in range(3):
        write(paths, event="started", trial=number, attempt=1, slot="cpu0")
    end(paths, 0, "completed")
    end(paths, 1, "infeasible", "loss is nan at step 5")
    metrics(paths, 0, {"step": 5, "loss": 2.0}, {"step": 10, "loss": 1.0})
    metrics(paths, 1, {"step": 5, "loss": float("nan")})
    metrics(paths, 2, {"step": 5, "loss": 3.0})
    return paths


def write(paths, **event):
    log = journal.Journal(paths.journal)
    log.append({"time": 100.0, **event})
    log.close()


def end(paths, trial, state, reason=None, attempt=1):
    write(paths, event="ended", trial=trial, attempt=attempt, state=state, reason=reason, exit_code=0, time=103.0)


def metrics(paths, trial, *records):
    paths.trial(trial).dir.mkdir(parents=True, exist_ok=True)
    journal.rewrite(paths.trial(trial).metrics, records)


def test_a_study_is_its_plan_its_outcomes_and_its_measurements(paths):
    record = Store(paths.dir).record()
    assert (record.name, record.goal, record.metric.name, record.metric.goal) == ("s", "why", "loss", "minimize")
    assert (record.max_train_steps, record.eval_every, record.planned) == (10, 5, 4)
    assert [p.name for p in record.parameters] == ["layers", "x"]
    assert record.arms == ({"layers": 1}, {"layers": 2})
    assert record.fixed == {"batch_size": 8}
    assert record.rules == {"boundary": {"alpha": 0.1}}
    first, second, third, fourth = record.trials
    assert (first.state, first.best.value, first.best.step, first.last_step) == ("completed", 1.0, 10, 10)
    assert (first.best.trial, first.best.params) == (0, first.params)
    assert (second.state, second.reason, second.best, second.last_step) == (
        "infeasible",
        "loss is nan at step 5",
        None,
        5,
    )
    assert (third.state, third.best.value, third.attempts) == ("pending", 3.0, 1)
    assert (fourth.state, fourth.curve, fourth.attempts, fourth.seed) == ("pending", None, 0, 3)


def test_a_trial_under_way_is_running_as_long_as_its_runner_lives(paths):
    with locked(paths):
        assert [trial.state for trial in Store(paths.dir).record().trials][2] == "running"
    assert [trial.state for trial in Store(paths.dir).record().trials][2] == "pending"


def test_the_history_knows_open_attempts_and_the_time_that_the_others_took(paths):
    history = Store(paths.dir).history()
    assert history.open_attempts == [Attempt(trial=2, number=1, started=100.0, slot="cpu0")]
    assert history.trained_seconds == 6.0
    assert history.source == "/study.yaml"


def test_a_later_attempt_replaces_the_outcome_of_an_earlier_one(paths):
    end(paths, 2, "pending", "it crashed")
    write(paths, event="started", trial=2, attempt=2, slot="cpu0")
    third = Store(paths.dir).history().trials[2]
    assert (third.state, third.attempts, third.reason) == ("pending", 2, None)
    end(paths, 2, "failed", "it crashed again", attempt=2)
    third = Store(paths.dir).history().trials[2]
    assert (third.state, third.reason) == ("failed", "it crashed again")


def test_a_decision_to_stop_a_trial_is_kept_unless_the_trial_trained_to_its_end_before(paths):
    why = {"step": 5, "chance": 0.001, "expected": 0.5, "against": 0, "known": [0, 1]}
    write(paths, event="stopped", trial=2, **why)
    assert Store(paths.dir).history().trials[2].stopped == Stopped(**{**why, "known": (0, 1)})
    end(paths, 2, "stopped", "no chance")
    third = Store(paths.dir).history().trials[2]
    assert (third.state, third.stopped.expected) == ("stopped", 0.5)
    assert counts([third], 1)["stopped"] == 1
    end(paths, 2, "completed", None)
    third = Store(paths.dir).history().trials[2]
    assert (third.state, third.stopped) == ("completed", None)
    assert "stopped" not in counts([third], 1)


def test_an_end_without_a_beginning_takes_no_time(paths):
    end(paths, 3, "failed", "it can't be started")
    assert Store(paths.dir).history().trained_seconds == 6.0


def test_events_of_a_later_version_are_passed_over(paths):
    write(paths, event="adopted", trial="x")
    assert len(Store(paths.dir).history().trials) == 4


@pytest.mark.parametrize(
    "event",
    [
        {"no": "event"},
        {"event": "planned", "trial": 4},
        {"event": "planned", "trial": "x", "params": {}, "arm": {}, "seed": 0},
        {"event": "started", "trial": 99, "attempt": 1, "time": 0, "slot": ""},
        {"event": "ended", "trial": None},
        {"event": "run"},
        {"event": "stopped", "trial": 2, "step": 3, "chance": "small", "expected": 0.1, "against": 0, "known": []},
        {"event": "stopped", "trial": 2, "step": 3, "chance": 0.01, "expected": 0.1, "against": 0, "known": ["x"]},
    ],
    ids=str,
)
def test_an_event_that_makes_no_sense_is_refused_with_its_line(paths, event):
    journal.Journal(paths.journal).append(event)
    with pytest.raises(JournalError, match="this is not an event of a study") as error:
        Store(paths.dir).history()
    assert error.value.where == f"{paths.journal}:11"


def test_a_study_without_a_journal_has_no_trials_yet(paths):
    paths.journal.unlink()
    record = Store(paths.dir).record()
    assert (record.trials, record.planned) == ([], 4)
    assert read_history(paths).source is None


def test_a_folder_without_a_study_names_those_that_are_there(paths, tmp_path):
    with pytest.raises(StudyError, match="there is no such folder") as error:
        Store(tmp_path / "runs" / "other")
    assert error.value.hint == f"existing studies: {paths.dir}"
    with pytest.raises(StudyError) as error:
        Store(tmp_path / "elsewhere" / "other")
    assert "playbook run study.yaml" in (error.value.hint or "")


def test_a_folder_that_cannot_be_listed_names_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.glob", refuse)
    with pytest.raises(StudyError) as error:
        Store(tmp_path / "other")
    assert "playbook run study.yaml" in (error.value.hint or "")


def test_a_study_whose_file_was_damaged_says_where(paths):
    paths.spec.write_text("name: s\nnonsense: 1\n")
    with pytest.raises(SpecError, match=r"study\.yaml:2: nonsense"):
        Store(paths.dir)


def test_a_damaged_evaluation_is_the_reason_of_a_trial_without_one(paths):
    metrics(paths, 0, {"step": 10, "loss": 1.0}, {"no": "step"})
    trial = Store(paths.dir).record().trials[0]
    assert "line 2 is not an evaluation" in trial.reason
    assert trial.best.value == 1.0


def test_the_newest_evaluation_of_a_trial(paths):
    assert latest(paths.trial(0).metrics) == {"step": 10, "loss": 1.0}
    assert latest(paths.trial(3).metrics) is None


def note(paths, **changes):
    process = psutil.Process()
    known = {"pid": process.pid, "created": began(process), "host": socket.gethostname(), "user": "u"}
    paths.runner.write_text(json.dumps({**known, "since": "2026-01-01", **changes}))


def test_the_runner_is_who_wrote_itself_down_as_long_as_it_lives(paths):
    assert running(paths) is None
    note(paths)
    runner = Store(paths.dir).runner()
    assert str(runner) == f"process {os.getpid()} of u on {socket.gethostname()}, since 2026-01-01"


def test_a_runner_lives_on_when_somebody_sets_the_clock(paths, monkeypatch):
    """The system tells when a process was created by a clock that has been set; and so it does of its own start."""
    note(paths)
    created, booted = psutil.Process.create_time, psutil.boot_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: created(process) + 3600)
    monkeypatch.setattr(psutil, "boot_time", lambda: booted() + 3600)
    assert running(paths) is not None


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"pid": 1}', "\x00", "[" * 100_000])
def test_a_note_that_cannot_be_read_names_nobody(paths, content):
    paths.runner.write_text(content)
    assert running(paths) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"pid": "x"},
        {"pid": -1},
        {"pid": 2**80},
        {"pid": 0.5},
        {"created": "x"},
        {"created": 10**400},
        {"created": None},
    ],
    ids=str,
)
def test_a_note_of_no_process_names_nobody(paths, changes):
    note(paths, **changes)
    assert running(paths) is None


def test_a_number_that_another_process_has_now_is_not_the_runner(paths):
    note(paths, created=began(psutil.Process()) - 1000)
    assert running(paths) is None


def test_a_process_that_has_ended_is_not_alive_even_before_it_is_reaped(paths):
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    created = began(psutil.Process(process.pid))
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(process.pid, created)
    process.wait()
    assert not is_alive(process.pid, created)


def test_a_runner_on_another_machine_lives_as_long_as_it_is_heard_of(paths):
    note(paths, host="elsewhere", pid=2**30)
    assert running(paths).host == "elsewhere"
    long_ago = time.time() - SILENT_SECONDS - 1
    os.utime(paths.runner, (long_ago, long_ago))
    assert running(paths) is None


def test_a_runner_on_another_machine_lives_although_the_clocks_differ_by_minutes(paths, monkeypatch):
    note(paths, host="elsewhere", pid=2**30)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 120)
    assert running(paths).host == "elsewhere"
    assert [path.name for path in paths.dir.iterdir() if path.name not in ("study.yaml", "trials", "trials.jsonl")] == [
        "runner.json"
    ]


def test_trials_are_counted_by_state(paths):
    trials = Store(paths.dir).record().trials
    assert counts(trials, 10) == {
        "planned": 10,
        "completed": 1,
        "infeasible": 1,
        "failed": 0,
        "running": 0,
        "pending": 8,
    }


def test_reading_a_study_writes_nothing(paths):
    def everything():
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in paths.dir.rglob("*")}

    before = everything()
    store = Store(paths.dir)
    store.record()
    store.runner()
    latest(paths.trial(0).metrics)
    assert everything() == before


def test_what_finished_trials_measured_is_kept_beside_the_report_and_can_be_deleted(paths):
    long_ago = time.time() - 60
    for trial in range(3):
        os.utime(paths.trial(trial).metrics, (long_ago, long_ago))
    store = Store(paths.dir)
    record = store.record()
    store.keep(record)
    assert [entry.name for entry in paths.report.iterdir()] == ["columns.bin"]
    paths.trial(0).metrics.write_text("x" * paths.trial(0).metrics.stat().st_size)  # known by size and time alone
    paths.trial(2).metrics.write_text('{"step": 5, "loss": 9.0}\n')  # not finished: read again
    for trial in range(3):
        os.utime(paths.trial(trial).metrics, (long_ago, long_ago))
    again = Store(paths.dir).record()
    assert [trial.best and trial.best.value for trial in again.trials] == [1.0, None, 9.0, None]
    assert again.trials[1].reason == record.trials[1].reason
    paths.columns.unlink()
    assert Store(paths.dir).record().trials[0].best is None


@pytest.mark.parametrize("content", ["", "[]", '{"host": 1}', "[" * 100_000])
def test_a_nodes_note_that_cannot_be_read_tells_of_nothing(paths, content):
    paths.trial(0).node.write_text(content)
    assert Store(paths.dir).on_cluster(read_history(paths)) == {}
    assert read_heartbeat(paths.trial(0).node) is None


def test_a_folder_that_asks_for_a_billion_arms_has_those_that_its_trials_have(bench):
    names = [f"a{number}" for number in range(30)]
    finish(bench, lambda params: params["x"], trials=2)
    data = yaml.safe_load(bench.paths().spec.read_text())
    bench.paths().spec.write_text(json.dumps({**data, "scientific": {key: [0, 1] for key in names}}))
    events = bench.events()
    for event in events:
        if event["event"] == "planned":
            event["arm"] = dict.fromkeys(names, event["trial"])
            event["params"] |= event["arm"]
    journal.rewrite(bench.paths().journal, events)
    record = Store(bench.paths().dir).record()
    assert record.arms == [dict.fromkeys(names, 0), dict.fromkeys(names, 1)]
    report = bench("report", "runs/toy", "--no-html", "--json")
    assert (report.code, len(report.json["arms"])) == (0, 2)
    for command in (["status", "runs/toy"], ["export", "runs/toy"]):
        assert bench(*command).code == 0
    refused = bench("run", bench.paths().spec)
    assert refused.code == 2
    assert "have at least 1,073,741,824 arms" in refused.err


def test_the_note_of_a_copied_folder_names_nobody(paths, tmp_path):
    with locked(paths):
        shutil.copytree(paths.dir, tmp_path / "copy")
        copy = StudyPaths(tmp_path / "copy")
        assert copy.runner.read_text() == paths.runner.read_text() != ""
        assert running(paths) is not None
        assert running(copy) is None
