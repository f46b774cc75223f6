"""What the end of a trial's process means, and what a study does about it."""

from __future__ import annotations

import json
import re
import time

import pytest

from playbook_cli.files import journal
from playbook_cli.launch.local import LocalLauncher

CRASH_ONCE = """
from pathlib import Path
def train(trial):
    first = trial.dir / "tried"
    if not first.exists():
        first.touch()
        print("about to fail")
        raise RuntimeError("the first time")
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_error=1.0)
"""
ONE = {"trials": 1}


def run(bench, *arguments):
    return bench("run", "study.yaml", "--jobs", 2, *arguments)


def test_every_trial_that_evaluates_and_ends_well_is_completed(bench):
    bench.study()
    answer = run(bench)
    assert answer.code == 0
    assert bench.ended() == dict.fromkeys(range(4), ("completed", None))
    assert [record["step"] for record in bench.metrics(3)] == [2, 4]
    assert "4 of 4 trials completed" in answer.out
    assert "playbook report runs/toy" in answer.out
    params = json.loads(bench.paths().trial(0).params.read_text())
    assert params == bench.events("planned")[0]["params"]


def test_a_study_that_is_done_runs_nothing_again(bench):
    bench.study()
    run(bench)
    before = bench.events("started")
    answer = run(bench)
    assert answer.code == 0
    assert bench.events("started") == before
    assert len(bench.events("run")) == 2


def test_a_crashed_trial_is_tried_again_and_may_succeed(bench):
    bench.study(CRASH_ONCE, **ONE)
    answer = run(bench)
    assert answer.code == 0
    crash, success = bench.events("ended")
    assert (crash["state"], crash["reason"], crash["exit_code"]) == ("pending", "it crashed with exit code 1", 1)
    assert (success["state"], success["attempt"]) == ("completed", 2)
    assert "trial 0 started on cpu0, attempt 2" in answer.err
    log = bench.paths().trial(0).stdout.read_text()
    assert "about to fail" in log
    assert "RuntimeError: the first time" in log


@pytest.mark.parametrize("retries", [0, 2])
def test_a_trial_that_always_crashes_is_failed_with_its_last_lines(bench, retries):
    bench.study("def train(trial): print('some words'); 1/0\n", **ONE, resources={"retries": retries})
    answer = run(bench)
    assert answer.code == 1
    assert bench.ended() == {0: ("failed", "it crashed with exit code 1")}
    assert len(bench.events("started")) == 1 + retries
    assert "some words" in answer.err
    assert "ZeroDivisionError: division by zero" in answer.err
    assert f"full log: {bench.paths().trial(0).stdout.relative_to(bench.folder)}" in answer.err
    assert "every trial failed; trial 0: crashed with exit code 1" in answer.err
    assert "playbook run study.yaml" in answer.err


def test_why_a_study_is_given_up_is_told_by_the_last_attempt_alone(bench):
    bench.study("def train(trial): print('some', 'words'); 1/0\n", **ONE, resources={"retries": 1})
    told = run(bench).err
    assert "every trial failed" in told
    assert told.count("some words") == told.count("ZeroDivisionError") == 1


def test_a_long_exception_is_told_with_its_type(bench):
    bench.study("def train(trial): raise RuntimeError('x' * 100_000)\n", **ONE, resources={"retries": 0})
    told = run(bench).err
    assert "Traceback" in told
    assert "RuntimeError: xxx" in told
    assert len(told) < 5_000


def test_a_trial_that_is_killed_is_told_with_its_signal(bench):
    bench.study(
        "import os\ndef train(trial): os.kill(os.getpid(), 9)\n", **ONE, resources={"retries": 0, "timeout": "5m"}
    )
    run(bench)
    assert bench.ended() == {0: ("failed", "it crashed with signal 9")}


def test_failed_trials_get_another_try_when_the_study_is_run_again(bench):
    bench.study("def train(trial): 1/0\n", **ONE, resources={"retries": 0, "timeout": "5m"})
    assert run(bench).code == 1
    bench.study(**ONE, resources={"retries": 0, "timeout": "5m"})
    assert run(bench).code == 0
    assert bench.ended() == {0: ("completed", None)}
    assert [event["attempt"] for event in bench.events("started")] == [1, 2]


INFEASIBLE = {
    "a NaN in the metric": ("trial.report(2, val_error=float('nan'))", "val_error is nan at step 2"),
    "an infinite training loss": (
        "trial.report(2, val_error=0.5, train_loss=float('inf'))",
        "train_loss is inf at step 2",
    ),
    "the script's own word": ("trial.infeasible('out of memory')", "out of memory"),
}


@pytest.mark.parametrize(("line", "reason"), INFEASIBLE.values(), ids=INFEASIBLE)
def test_a_point_that_cannot_be_trained_is_a_result_and_no_failure(bench, line, reason):
    bench.study(f"def train(trial):\n    {line}\n    raise AssertionError('trained on')\n", trials=3)
    answer = run(bench)
    assert answer.code == 0
    assert bench.ended() == dict.fromkeys(range(3), ("infeasible", reason))
    assert len(bench.events("started")) == 3
    assert f"infeasible: {reason}" in answer.err
    assert "3 infeasible" in answer.out


NO_RESULT = {
    "no metric": ("trial.report(4, loss=1.0)", "it ended without an evaluation of val_error"),
    "nothing at all": ("pass", "it ended without an evaluation of val_error"),
    "beyond the end": (
        "print('{\"step\": 5, \"val_error\": 1}', file=open(__import__('os').environ['PLAYBOOK_METRICS'], 'w'))",
        "it trained to step 5, beyond max_train_steps = 4",
    ),
    "what is no evaluation": (
        "print('loss 1', file=open(__import__('os').environ['PLAYBOOK_METRICS'], 'w'))",
        "metrics.jsonl: line 1 is not an evaluation",
    ),
}


@pytest.mark.parametrize(("line", "reason"), NO_RESULT.values(), ids=NO_RESULT)
def test_a_script_that_ends_well_without_a_result_has_failed_and_is_not_tried_again(bench, line, reason):
    bench.study(f"def train(trial): {line}\n", **ONE, resources={"retries": 5, "timeout": "5m"})
    answer = run(bench)
    assert answer.code == 1
    ((state, said),) = bench.ended().values()
    assert state == "failed"
    assert reason in said
    assert len(bench.events("started")) == 1
    assert reason.removeprefix("it ") in answer.err


MISUSES = {
    "beyond max_train_steps": ("trial.report(5, val_error=1.0)", "got step 5, beyond max_train_steps = 4"),
    "steps going backwards": (
        "trial.report(4, val_error=1.0); trial.report(2, val_error=1.0)",
        "got step 2 after step 4: steps must not decrease",
    ),
    "an unknown hyperparameter": ("trial.params['width']", "no hyperparameter 'width'; it has x"),
}


@pytest.mark.parametrize(("line", "message"), MISUSES.values(), ids=MISUSES)
def test_a_script_that_uses_the_protocol_wrongly_is_told_so(bench, line, message):
    bench.study(f"def train(trial): {line}\n", **ONE, resources={"retries": 0, "timeout": "5m"})
    answer = run(bench)
    assert answer.code == 1
    assert message in answer.err


def test_three_trials_that_all_crash_stop_the_study_and_show_why(bench):
    bench.study("def train(trial): raise RuntimeError(f'trial {trial.id} is broken')\n", trials=20)
    answer = run(bench)
    assert answer.code == 1
    said = re.search(r"the first [34] trials all crashed; trial (\d): crashed", answer.err)
    assert said  # two may end at the same moment, and any of them first
    assert f"RuntimeError: trial {said[1]} is broken" in answer.err
    started = {event["trial"] for event in bench.events("started")}
    assert {0, 1, 2} <= started
    assert len(started) <= 5
    assert "20 trials" in answer.out
    assert answer.err.count("Traceback") <= 3 * len(bench.events("started"))


def test_a_study_with_one_result_goes_on_after_any_number_of_crashes(bench):
    bench.study(
        "def train(trial):\n    if trial.id: 1/0\n    trial.report(4, val_error=1.0)\n",
        trials=6,
        resources={"retries": 0, "timeout": "5m"},
    )
    answer = bench("run", "study.yaml", "--jobs", 1)
    assert answer.code == 0
    assert [state for state, _ in bench.ended().values()] == ["completed", *["failed"] * 5]


def test_a_trial_may_print_a_lot(bench):
    bench.study(
        "def train(trial):\n    for _ in range(20_000): print('x' * 100)\n"
        "    print('the last line')\n    if trial.id: raise SystemExit(3)\n    trial.report(4, val_error=1.0)\n",
        trials=2,
        resources={"retries": 0, "timeout": "5m"},
    )
    answer = run(bench)
    assert bench.ended()[0][0] == "completed"
    assert bench.ended()[1] == ("failed", "it crashed with exit code 3")
    assert "the last line" in answer.err
    assert len(answer.err) < 20_000
    assert bench.paths().trial(1).stdout.stat().st_size > 2_000_000


SLEEPY = """
import subprocess, sys, time
def train(trial):
    trial.report(2, val_error=1.0)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (trial.dir / "child").write_text(str(child.pid))
    time.sleep(600)
"""


def test_a_trial_that_runs_too_long_has_failed_and_its_children_end_too(bench):
    bench.study(SLEEPY, **ONE, resources={"timeout": 2, "retries": 0})
    answer = run(bench)
    ((state, reason),) = bench.ended().values()
    assert state == "failed"
    assert "it ran longer than resources.timeout (2 s)" in reason
    assert "ran longer than resources.timeout" in answer.err
    assert bench.processes() == []
    assert (bench.paths().trial(0).dir / "child").exists()


def test_a_program_that_cannot_be_started_has_failed(bench):
    bench.study(None, train=None, command=["${python}", "-c", "pass"], cwd="nowhere", **ONE)
    answer = run(bench)
    assert answer.code != 0
    assert "nowhere" in answer.err
    assert "Traceback" not in answer.err


def test_a_program_that_knows_nothing_of_playbook_writes_its_evaluations(bench):
    code = (
        "import json, os, sys; x = float(sys.argv[1].split('=')[1]); "
        "f = open(os.environ['PLAYBOOK_METRICS'], 'w'); "
        "[print(json.dumps({'step': s, 'val_error': x}), file=f) for s in (2, 4)]"
    )
    bench.study(None, train=None, command=["${python}", "-c", code, "${args}"])
    answer = run(bench)
    assert answer.code == 0, answer.err
    planned = {event["trial"]: event["params"]["x"] for event in bench.events("planned")}
    assert {trial: bench.metrics(trial)[-1]["val_error"] for trial in range(4)} == planned


def test_arms_and_conditions_reach_the_trials(bench):
    train = "def train(trial): trial.report(4, val_error=len(trial.params) + trial.params.get('m', 0.0))\n"
    bench.study(
        train,
        scientific={"o": ["sgd", "adam"]},
        nuisance={"x": {"min": 0.0, "max": 1.0}, "m": {"min": 0.0, "max": 0.5, "when": {"o": "sgd"}}},
        fixed={"b": 8},
    )
    answer = run(bench)
    assert answer.code == 0
    errors = [bench.metrics(trial)[0]["val_error"] for trial in range(4)]
    assert errors[1] == errors[3] == 3.0
    assert 4.0 <= errors[0] < 4.5
    assert bench.events("planned")[1]["arm"] == {"o": "adam"}


@pytest.mark.slow
def test_trials_may_grow_and_the_earlier_ones_stay(bench):
    bench.study()
    run(bench)
    before = bench.events("planned")
    bench.study(trials=6)
    assert run(bench).code == 0
    assert bench.events("planned")[:4] == before
    assert bench.ended() == dict.fromkeys(range(6), ("completed", None))
    assert len(bench.events("started")) == 6


def test_the_trials_of_a_grid_are_those_of_its_points(bench):
    bench.study(sampler="grid", trials=None, nuisance={"x": {"min": 0.0, "max": 1.0, "points": 3}})
    assert run(bench).code == 0
    assert [event["params"]["x"] for event in bench.events("planned")] == [0.0, 0.5, 1.0]


CHANGES = [
    ({"max_train_steps": 8}, "max_train_steps: 4 -> 8"),
    ({"nuisance": {"x": {"min": 0.0, "max": 2.0}}}, "nuisance.x.max: 1.0 -> 2.0"),
    ({"fixed": {"b": 1}}, "fixed.b: (not set) -> 1"),
    ({"trials": 8, "seed": 1}, "seed: 0 -> 1"),
]


@pytest.mark.parametrize(("change", "line"), CHANGES, ids=str)
def test_a_study_file_that_was_changed_is_refused_with_the_difference(bench, change, line):
    bench.study()
    run(bench)
    kept, events = bench.paths().spec.read_text(), bench.events()
    bench.study(**change)
    answer = run(bench)
    assert answer.code == 2
    assert "has changed since this study was started" in answer.err
    assert f"  {line}\n" in answer.err
    assert "new name" in answer.err
    assert (bench.paths().spec.read_text(), bench.events()) == (kept, events)


def test_a_study_of_the_same_name_from_another_file_is_told_which_one_that_was(bench):
    first = bench.study()
    run(bench)
    second = bench.write("b/study.yaml", bench.study(seed=1).read_text())
    bench.write("b/toy.py", (bench.folder / "toy.py").read_text())
    answer = bench("run", second)
    assert answer.code == 2
    assert (
        f"runs/toy: this folder has the results of another study file, {first}; {second} differs from it" in answer.err
    )
    assert "  seed: 0 -> 1\n" in answer.err
    assert "changed" not in answer.err


@pytest.mark.slow
def test_a_torn_last_line_of_the_journal_never_happened(bench):
    bench.study()
    run(bench)
    whole = bench.paths().journal.read_bytes()
    bench.paths().journal.write_bytes(whole[:-10])
    assert run(bench).code == 0
    assert bench.ended() == dict.fromkeys(range(4), ("completed", None))
    journal.read(bench.paths().journal)


def test_a_damaged_journal_is_refused_with_its_line(bench):
    bench.study()
    run(bench)
    lines = bench.paths().journal.read_text().splitlines(keepends=True)
    bench.paths().journal.write_text("".join([lines[0], "damaged\n", *lines[2:]]))
    answer = run(bench)
    assert answer.code == 2
    assert "trials.jsonl:2: this line is not a JSON object" in answer.err


@pytest.mark.slow
def test_a_journal_that_lacks_a_planned_trial_is_refused(bench):
    bench.study()
    run(bench)
    lines = bench.paths().journal.read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line).get("trial") != 1]
    bench.paths().journal.write_text("".join(kept))
    answer = run(bench)
    assert answer.code == 2
    assert "planned trials are missing" in answer.err


def test_a_disk_that_takes_no_more_ends_the_run_and_leaves_no_process_behind(bench, monkeypatch):
    bench.study(SLEEPY, trials=2)
    real_append = journal.Journal.append

    def append(log, record):
        if record["event"] == "started" and record["trial"] == 1:
            bench.wait((bench.paths().trial(0).dir / "child").exists, "trial 0")
            raise OSError(28, "No space left on device")
        real_append(log, record)

    monkeypatch.setattr(journal.Journal, "append", append)
    answer = run(bench)
    assert answer.code == 2
    assert "No space left on device" in answer.err
    assert bench.processes() == []


@pytest.mark.slow
def test_a_disk_that_is_full_when_two_trials_end_at_once_ends_the_run(bench, monkeypatch):
    bench.study(trials=2, isolation="process")
    real_append, real_poll = journal.Journal.append, LocalLauncher.poll

    def poll(launcher):
        if not launcher.seen_off:  # both end before anybody looks
            bench.wait(lambda: all(bench.paths().trial(n).metrics.exists() for n in range(2)), "two trials")
            time.sleep(2.0)
        launcher.seen_off = True
        return real_poll(launcher)

    def append(log, record):
        if record["event"] == "ended":
            raise OSError(28, "No space left on device")
        real_append(log, record)

    monkeypatch.setattr(LocalLauncher, "seen_off", False, raising=False)
    monkeypatch.setattr(LocalLauncher, "poll", poll)
    monkeypatch.setattr(journal.Journal, "append", append)
    answer = run(bench)
    assert answer.code == 2
    assert "No space left on device" in answer.err
    assert bench.processes() == []


@pytest.mark.slow
def test_an_attempt_of_a_runner_that_died_is_ended_and_its_trial_runs_again(bench):
    bench.study()
    run(bench)
    lines = bench.paths().journal.read_text().splitlines(keepends=True)
    last_end = max(n for n, line in enumerate(lines) if json.loads(line)["event"] == "ended")
    trial = json.loads(lines.pop(last_end))["trial"]
    bench.paths().journal.write_text("".join(lines))
    assert run(bench).code == 0
    reasons = [event["reason"] for event in bench.events("ended") if event["trial"] == trial]
    assert reasons == ["the runner died", None]
    assert bench.paths().trial(trial).metrics.with_name("metrics.jsonl.1").exists()


def test_a_trial_that_says_it_can_be_read_has_its_own_folder(bench):
    bench.study(**ONE)
    run(bench)
    names = {path.name for path in bench.paths().trial(0).dir.iterdir()}
    assert names == {"identity.json", "params.json", "metrics.jsonl", "stdout.log"}
    assert {path.name for path in bench.paths().dir.iterdir()} == {
        "study.yaml",
        "trials.jsonl",
        "runner.json",
        "trials",
    }


def test_the_kept_study_file_is_a_study_file_of_its_own(bench):
    bench.study()
    run(bench)
    answer = bench("run", "runs/toy/study.yaml", "--dry-run", "--json")
    assert answer.code == 2  # toy.py is not in that folder
    assert "there is no module toy" in answer.err
    bench.write("runs/toy/toy.py", (bench.folder / "toy.py").read_text())
    answer = bench("run", "runs/toy/study.yaml", "--dry-run", "--json")
    assert [trial["params"] for trial in answer.json["trials"]] == [e["params"] for e in bench.events("planned")]


def test_a_trial_that_ends_early_has_its_result_and_is_told_on(bench):
    bench.study(
        """
        def train(trial):
            for step in trial.steps():
                trial.report(step, val_error=1 / step)
                if step == 5:
                    break
        """,
        max_train_steps=20,
        trials=1,
    )
    answer = run(bench)
    assert answer.code == 0
    assert bench.ended() == {0: ("completed", "it ended at step 5 of 20")}
    assert "; ended at step 5 of 20" in answer.err


def test_a_metric_by_another_name_is_shown_with_those_that_were_reported(bench):
    bench.study("def train(trial):\n    trial.report(4, val_err=0.5, train_loss=0.1)\n", trials=1)
    answer = run(bench)
    assert answer.code == 1
    assert "without an evaluation of val_error; it reported val_err, train_loss" in answer.err
