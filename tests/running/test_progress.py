"""How a run goes, on a terminal and elsewhere."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from rich.console import Console

from playbook_cli.files import journal
from playbook_cli.files.paths import StudyPaths
from playbook_cli.records import Best, Metric, TrialRecord
from playbook_cli.running.progress import LiveWatcher, PlainWatcher, duration, watcher

TRIALS = [TrialRecord(id=number, params={}, arm={}, seed=0) for number in range(3)]


@pytest.fixture
def paths(tmp_path):
    return StudyPaths(tmp_path)


@pytest.fixture
def made(paths):
    """A watcher of a study of 100 steps, and what it has printed so far."""

    def make(*, terminal):
        text = io.StringIO()
        console = Console(file=text, force_terminal=terminal, width=120)
        return watcher(console, paths, Metric(name="loss"), 100), text.getvalue

    return make


def completed(trial, value, step=50):
    best = Best(trial=trial.id, value=value, step=step, params={})
    return replace(trial, state="completed", best=best, last_step=100, attempts=1)


def running(trial, attempt=1):
    return replace(trial, state="running", attempts=attempt)


def test_without_a_terminal_every_event_is_one_plain_line(made):
    watch, said = made(terminal=False)
    assert isinstance(watch, PlainWatcher)
    watch.begun([completed(TRIALS[0], 0.5), *TRIALS[1:]], 2)
    watch.started(running(TRIALS[1]), "cpu0")
    watch.started(running(TRIALS[2]), "cpu1")
    watch.tick()
    watch.ended(replace(TRIALS[2], state="pending"), "it crashed with exit code 1")
    watch.started(running(TRIALS[2], attempt=2), "cpu1")
    watch.ended(completed(TRIALS[1], 0.25), None)
    watch.ended(replace(TRIALS[2], state="infeasible"), "loss is nan at step 5 [/]")
    watch.close()
    folder = watch._tally.paths.dir
    assert said().splitlines() == [
        f"2 of 3 trials to run, 2 in parallel, in {folder}",
        "trial 1 started on cpu0",
        "trial 2 started on cpu1",
        "[1/3] trial 2 crashed with exit code 1; it will be retried",
        "trial 2 started on cpu1, attempt 2",
        "[2/3] trial 1 completed: loss 0.25 at step 50 (best so far)",
        "[3/3] trial 2 infeasible: loss is nan at step 5 [/]",
    ]


def test_a_trial_that_is_not_the_best_is_not_called_so(made):
    watch, said = made(terminal=False)
    watch.begun([completed(TRIALS[0], 0.1), *TRIALS[1:]], 1)
    watch.started(running(TRIALS[1]), "cpu0")
    watch.ended(completed(TRIALS[1], 0.2), None)
    watch.ended(replace(TRIALS[2], state="pending"), None)
    assert said().splitlines()[-2:] == [
        "[2/3] trial 1 completed: loss 0.2 at step 50",
        "[2/3] trial 2 stopped",
    ]


def test_without_a_terminal_a_line_a_minute_says_how_the_running_trials_are(made, paths, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    watch, said = made(terminal=False)
    watch.begun(TRIALS, 2)
    watch.started(running(TRIALS[0]), "cpu0")
    watch.tick()
    before = said()
    paths.trial(0).dir.mkdir(parents=True)
    journal.rewrite(paths.trial(0).metrics, [{"step": 40, "loss": 0.125}])
    clock[0] += 60.0
    watch.tick()
    watch.tick()
    assert said()[len(before) :] == "[0/3] trial 0 at step 40 of 100, loss 0.125; about 3 min left\n"
    watch.ended(completed(TRIALS[0], 0.1), None)
    ended = said()
    clock[0] += 60.0
    watch.tick()
    assert said() == ended  # nothing runs


def test_repeats_are_counted_apart_and_never_the_best(made):
    watch, said = made(terminal=False)
    again = replace(TRIALS[2], repeat_of=0)
    watch.begun([completed(TRIALS[0], 0.5), TRIALS[1], again], 1)
    watch.started(running(again), "cpu0")
    watch.ended(completed(again, 0.1), None)
    lines = said().splitlines()
    assert lines[0].startswith("1 of 2 trials and 1 repeat to run, 1 in parallel")
    assert lines[-1] == "[2/3] trial 2 (repeat of trial 0) completed: loss 0.1 at step 50"


def test_a_run_with_nothing_to_do_says_so(made):
    watch, said = made(terminal=False)
    done = [completed(trial, 0.5) for trial in TRIALS]
    watch.begun([done[0], done[1], replace(done[2], repeat_of=0)], 6)
    assert said() == f"nothing to run: {watch._tally.paths.dir} is complete (2 trials and 1 repeat)\n"


def view(watch):
    text = io.StringIO()
    Console(file=text, width=120).print(watch._view())
    return text.getvalue().splitlines()


def test_on_a_terminal_each_running_trial_shows_its_step_evaluation_and_slot(made, paths):
    watch, _ = made(terminal=True)
    assert isinstance(watch, LiveWatcher)
    watch.begun(TRIALS, 2)
    try:
        watch.started(running(TRIALS[0]), "gpu3")
        watch.started(running(TRIALS[1]), "cpu1")
        paths.trial(0).dir.mkdir(parents=True)
        journal.rewrite(paths.trial(0).metrics, [{"step": 40, "loss": 0.125}])
        first, second, overview = view(watch)
    finally:
        watch.close()
    assert first.split()[:3] == ["trial", "0", "gpu3"]
    assert "step 40/100" in first
    assert "loss 0.125" in first
    assert second.split()[:3] == ["trial", "1", "cpu1"]
    assert "step 0/100" in second
    assert overview == "0/3 completed"


@pytest.mark.parametrize(
    "record", ['{"step": null}', '{"step": "ten"}', '{"step": NaN}', '{"step": 3, "loss": "low"}', "[]"]
)
def test_a_program_may_write_anything(made, paths, record):
    watch, _ = made(terminal=True)
    watch.begun(TRIALS, 2)
    try:
        watch.started(running(TRIALS[0]), "cpu0")
        paths.trial(0).dir.mkdir(parents=True)
        paths.trial(0).metrics.write_text(f"{record}\n")
        assert "/100" in view(watch)[0]
    finally:
        watch.close()


def test_the_overview_tells_outcomes_the_best_and_the_time_left(made, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    watch, _ = made(terminal=True)
    watch.begun(TRIALS, 2)
    try:
        watch.started(running(TRIALS[0]), "cpu0")
        clock[0] += 60.0
        watch.ended(completed(TRIALS[0], 0.5), None)
        assert view(watch)[-1] == "1/3 completed · best loss 0.5 (trial 0) · about 60 s left"
        watch.started(running(TRIALS[1]), "cpu0")
        watch.ended(replace(TRIALS[1], state="infeasible"), "loss is nan at step 1")
        watch.ended(replace(TRIALS[2], state="failed"), "it crashed")
        assert view(watch)[-1] == "1/3 completed · 1 infeasible · 1 failed · best loss 0.5 (trial 0) · about 0 s left"
    finally:
        watch.close()


def test_only_what_went_wrong_stays_above_the_live_view(made):
    watch, said = made(terminal=True)
    watch.begun(TRIALS, 1)
    try:
        watch.started(running(TRIALS[0]), "cpu0")
        watch.tick()
        watch.tick()
        watch.ended(replace(TRIALS[0], state="failed"), "it crashed with exit code 1")
        watch.started(running(TRIALS[1]), "cpu0")
        watch.ended(completed(TRIALS[1], 0.5), None)
        watch.ended(replace(TRIALS[2], state="infeasible"), "loss is nan at step 5")
    finally:
        watch.close()
    assert "trial 0 failed: crashed with exit code 1" in said()
    assert "trial 2 infeasible: loss is nan at step 5" in said()
    assert "trial 1 completed" not in said()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (42.4, "42 s"),
        (89, "89 s"),
        (90, "2 min"),
        (1800, "30 min"),
        (5399, "1 h 30 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_time_span_is_told_as_people_do(seconds, text):
    assert duration(seconds) == text


@pytest.mark.slow
def test_a_run_on_a_real_terminal_draws_there_and_answers_on_stdout(bench):
    bench.study("import time\ndef train(trial):\n    time.sleep(0.7)\n    trial.report(4, val_error=0.5)\n", trials=2)
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "playbook_cli", "run", "study.yaml", "--jobs", "2", "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    drawn = b""
    try:
        while chunk := os.read(terminal, 4096):
            drawn += chunk
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    out, _ = process.communicate()
    assert process.returncode == 0
    assert b'"completed": 2' in out
    assert b"\x1b" not in out
    assert b"trial 0" in drawn
    assert b"0/2 completed" in drawn
