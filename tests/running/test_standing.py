"""How a study is going, in steps and in time."""

from __future__ import annotations

import pytest

from playbook_cli.analysis import pace
from playbook_cli.files import journal
from playbook_cli.running.standing import standing
from playbook_cli.storage.lock import locked
from playbook_cli.storage.store import Store
from tests.commands.finished import finish


def begin(bench, *, now):
    """Of 8 trials of 4 steps, four took 40 s each, two at a time; two began 20 s ago and have made 2 steps."""
    finish(bench, lambda params: params["x"], trials=8)
    paths = bench.paths()
    events = [event for event in journal.read(paths.journal) if event["event"] in ("run", "planned")]
    for trial in range(4):
        at = {"trial": trial, "attempt": 1, "time": now - 100 + 40 * (trial // 2)}
        said = {"value": 0.5 - trial / 10, "step": 4, "last_step": 4, "evaluations": 2}
        events.append({"event": "started", **at, "slot": "cpu0"})
        events.append({"event": "ended", **at, "time": at["time"] + 40, "state": "completed", "reason": None, **said})
    for trial in (4, 5):
        events.append({"event": "started", "trial": trial, "attempt": 1, "time": now - 20, "slot": "cpu0"})
        journal.rewrite(paths.trial(trial).metrics, [{"step": 2, "val_error": 0.7}])
    journal.rewrite(paths.journal, events)
    return paths


def test_the_time_left_follows_from_the_speed_so_far_and_what_runs_at_once(bench):
    paths = begin(bench, now=1000.0)
    with locked(paths):
        now = standing(Store(paths.dir), now=1000.0)
    assert now.goes_on
    assert now.counted == "4 of 8 trials ended"
    assert now.seconds_left == pytest.approx(60.0)  # 2 + 2 + 4 + 4 steps of 10 s, two at once
    assert now.text == "2 running · best val_error 0.2 (trial 3) · about 60 s left"
    assert [one.text(now.metric, 4) for one in now.running] == ["step 2 of 4, val_error 0.7, about 20 s left"] * 2


def test_a_study_that_nobody_runs_has_no_time_left(bench):
    now = standing(Store(begin(bench, now=1000.0).dir), now=1000.0)
    assert not now.goes_on
    assert now.seconds_left is None
    assert now.text == "best val_error 0.2 (trial 3)"


def test_results_that_the_journal_does_not_have_are_read_from_the_trials(bench):
    finish(bench, lambda params: params["x"])
    now = standing(Store(bench.paths().dir))
    best = min(trial.best.value for trial in Store(bench.paths().dir).record().trials)
    assert now.best.value == best


def test_the_last_trial_takes_its_own_time_however_many_could_run_beside_it():
    assert pace.seconds_left(2.0, [50, 1], at_once=8) == 100.0
    assert pace.seconds_left(None, [50], at_once=1) is None
