"""A run that is interrupted, killed or started twice: nothing is lost, nothing runs on, nothing runs twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

import psutil
import pytest

from playbook_cli.files import journal

WAITING = """
import subprocess, sys, time
from pathlib import Path
def train(trial):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    trial.report(2, val_error=trial.params["x"])
    deadline = time.monotonic() + 300
    while trial.id and not Path("go").exists():
        if time.monotonic() > deadline: raise TimeoutError
        time.sleep(0.01)
    trial.report(4, val_error=trial.params["x"] + trial.seed)
    child.kill()
"""
TRIALS = 5


@pytest.fixture
def begun(bench):
    """A run, in a process of its own, of which one trial is done and two are under way."""
    bench.study(WAITING, trials=TRIALS)
    runner = bench.spawn("run", "study.yaml", "--jobs", 2)
    bench.wait(lambda: bench.ended() and len(under_way(bench)) == 2, "two trials under way")
    return runner


def under_way(bench):
    """Trials that have started, have reported, and have not ended."""
    open_trials = {event["trial"] for event in bench.events("started")} - bench.ended().keys()
    return [trial for trial in open_trials if bench.metrics(trial)]


def undisturbed(bench):
    """The trials that an undisturbed run of the same study plans."""
    bench("run", "study.yaml", "--jobs", 2, "--runs", "undisturbed")
    planned = journal.read(bench.folder / "undisturbed" / "toy" / "trials.jsonl")
    return [event for event in planned if event["event"] == "planned"]


def finished(bench):
    """The run that finishes the study, and all that must hold afterwards."""
    bench.write("go", "")
    answer = bench("run", "study.yaml", "--jobs", 2, "--json")
    assert answer.code == 0
    assert answer.json["trials"]["completed"] == TRIALS
    assert bench.ended() == dict.fromkeys(range(TRIALS), ("completed", None))
    planned = bench.events("planned")
    assert [event["trial"] for event in planned] == list(range(TRIALS))
    for event in planned:
        x, seed = event["params"]["x"], event["seed"]
        assert bench.metrics(event["trial"]) == [{"step": 2, "val_error": x}, {"step": 4, "val_error": x + seed}]
    keys = ("trial", "params", "arm", "seed")
    assert [[e[key] for key in keys] for e in planned] == [[e[key] for key in keys] for e in undisturbed(bench)]
    bench.wait(lambda: not bench.processes(), "the end of all processes", patience=5)
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_stops_every_process_and_is_finished_by_the_next(bench, begun, number):
    begun.send_signal(number)
    answer = bench.finish(begun)
    assert answer.code == 130
    assert "Traceback" not in answer.err
    assert "interrupted; run the same command again to resume" in answer.out
    assert bench.processes() == []
    status = bench("status", "runs/toy", "--json").json["trials"]
    assert status["running"] == status["failed"] == 0
    assert status["completed"] < TRIALS
    finished(bench)


@pytest.mark.slow
def test_a_killed_runner_loses_nothing_and_its_orphans_end(bench, begun):
    begun.kill()
    assert bench.finish(begun).code == -signal.SIGKILL
    orphans = bench.processes()
    assert len(orphans) >= 2
    assert bench("status", "runs/toy", "--json").json["trials"]["running"] == 0
    finished(bench)
    assert not any(orphan.is_running() and orphan.status() != psutil.STATUS_ZOMBIE for orphan in orphans)
    assert {"the runner died"} <= {event["reason"] for event in bench.events("ended")}


@pytest.mark.slow
def test_a_second_run_of_a_study_that_is_run_names_the_first_and_leaves_it_alone(bench, begun):
    events = bench.events()
    answer = bench("run", "study.yaml")
    assert answer.code == 2
    assert f"runs/toy: the study is already running: process {begun.pid} of" in answer.err
    assert "playbook status runs/toy" in answer.err
    assert bench.events() == events
    assert len(under_way(bench)) == 2
    bench.write("go", "")
    assert bench.finish(begun).code == 0
    assert bench.ended() == dict.fromkeys(range(TRIALS), ("completed", None))


STUBBORN = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def train(trial):
    trial.report(2, val_error=1.0)
    time.sleep(600)
"""


@pytest.mark.slow
def test_asking_twice_kills_trials_that_do_not_want_to_end(bench):
    bench.study(STUBBORN)
    runner = bench.spawn("run", "study.yaml", "--jobs", 2)
    bench.wait(lambda: len(under_way(bench)) == 2, "two trials under way")
    runner.send_signal(signal.SIGINT)
    runner.send_signal(signal.SIGTERM)
    answer = bench.finish(runner)
    assert answer.code == 130
    assert bench.processes() == []


CAREFUL = """
import time
def train(trial):
    class State:
        def state_dict(self): return {}
        def load_state_dict(self, state): pass
    for step in trial.steps():
        try:
            if trial.should_evaluate(step): trial.report(step, val_error=1.0)
            print("at", step, flush=True)
            time.sleep(600 if step == 2 else 0)
        except KeyboardInterrupt:
            print("saving", flush=True)
            raise SystemExit(0)
"""


@pytest.mark.slow
def test_a_trial_that_ends_well_when_interrupted_is_still_to_be_finished(bench):
    bench.study(CAREFUL, trials=1)
    runner = bench.spawn("run", "study.yaml")
    log = bench.paths().trial(0).stdout
    bench.wait(lambda: log.exists() and "at 2" in log.read_text(), "step 2")
    runner.send_signal(signal.SIGINT)
    assert bench.finish(runner).code == 130
    assert bench.ended() == {0: ("pending", "interrupted")}
    assert "saving" in bench.paths().trial(0).stdout.read_text()


CHECKPOINTS = """
import os, random, signal
class Walk:
    place = 0.0
    def state_dict(self): return {"place": self.place}
    def load_state_dict(self, state): self.place = state["place"]
def train(trial):
    random.seed(trial.seed)
    walk = Walk()
    for step in trial.steps(walk=walk):
        walk.place += random.gauss(trial.params["x"], 1.0)
        if trial.should_evaluate(step):
            trial.report(step, val_error=walk.place)
        marker = trial.dir / "killed"
        if step == 7 and "KILL" in os.environ and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_trial_that_crashed_resumes_from_its_checkpoint_and_ends_as_if_it_had_not(bench):
    bench.study(CHECKPOINTS, trials=1, max_train_steps=10, eval_every=3, env={"KILL": "yes"})
    assert bench("run", "study.yaml").code == 0
    crash, success = bench.events("ended")
    assert crash["reason"] == "it crashed with signal 9"
    assert success["state"] == "completed"
    (planned,) = bench.events("planned")
    dice, place, expected = random.Random(planned["seed"]), 0.0, []
    for step in range(1, 11):
        place += dice.gauss(planned["params"]["x"], 1.0)
        expected += [{"step": step, "val_error": place}] if step in (3, 6, 9, 10) else []
    assert bench.metrics(0) == expected
    paths = bench.paths().trial(0)
    assert paths.last_checkpoint.exists()
    assert paths.best_checkpoint.exists()
    assert not list(paths.dir.glob("metrics.jsonl.*"))


def test_a_script_that_takes_no_part_in_any_study_runs_by_hand(bench, monkeypatch):
    for name in [name for name in os.environ if name.startswith("PLAYBOOK_")]:
        monkeypatch.delenv(name)
    script = bench.write(
        "train.py",
        """
        from playbook_cli import current_trial
        trial = current_trial(defaults={"x": 0.5}, max_train_steps=4, eval_every=2)
        for step in trial.steps():
            if trial.should_evaluate(step):
                trial.report(step, val_error=trial.params["x"] / step)
        """,
    )
    by_hand = subprocess.run([sys.executable, script], cwd=bench.folder, capture_output=True, text=True, check=False)
    assert by_hand.returncode == 0
    assert by_hand.stdout == "step 2/4  val_error 0.25\nstep 4/4  val_error 0.125\n"
    assert {path.name for path in bench.folder.iterdir()} == {"train.py"}
    bench.study(None, train=None, command=["${python}", "train.py"], trials=2)
    answer = bench("run", "study.yaml", "--json")
    assert answer.json["trials"]["completed"] == 2
    assert bench.metrics(0)[0]["val_error"] == bench.events("planned")[0]["params"]["x"] / 2
