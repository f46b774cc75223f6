"""Trials as forks of one warm process: their ends are known, and nothing stays, whatever becomes of that process."""

from __future__ import annotations

import json
import os
import signal
import sys

import psutil
import pytest

from playbook_cli.launch import Job, local, warm
from playbook_cli.launch.local import LocalLauncher, end_orphans
from playbook_cli.launch.slots import Slot
from playbook_cli.launch.warm import Recipe, Warm

FOREVER = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(2, signal.SIG_IGN); signal.signal(15, signal.SIG_IGN)\n" + FOREVER
GRANDCHILD = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('ready', child.pid, flush=True)\n"
)


@pytest.fixture
def told():
    return []


@pytest.fixture
def source(tmp_path, told):
    (tmp_path / "doing.py").write_text("def train(trial):\n    exec(trial.params['code'], {'trial': trial})\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    made = Warm(
        Recipe(target="doing:train", env=env, cwd=tmp_path, directory=str(tmp_path / "runs/s/trials/0000") + "/" * 9),
        told.append,
    )
    yield made
    made.close()


@pytest.fixture
def launcher(source, bench):
    made = LocalLauncher([Slot(name=f"cpu{n}", env={}) for n in range(2)], source)
    bench.wait(made.free, "the server")
    yield made
    for trial in list(made._running):
        made.cancel(trial, now=True)
    bench.wait(lambda: made.poll() is None or not made._running, "the end of all jobs")


@pytest.fixture
def job(tmp_path):
    def make(trial, code, study="s"):
        folder = tmp_path / "runs" / study / "trials" / f"{trial:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "params.json").write_text(json.dumps({"code": code}))
        protocol = {"ID": trial, "DIR": folder, "SEED": 0, "MAX_TRAIN_STEPS": 4, "EVAL_EVERY": 2}
        names = {
            f"PLAYBOOK_TRIAL_{key}" if key in ("ID", "DIR") else f"PLAYBOOK_{key}": v for key, v in protocol.items()
        }
        return Job(
            trial=trial,
            argv=(sys.executable, "-m", "playbook_cli.launch.entry", "doing:train"),
            env={
                **os.environ,
                "PYTHONPATH": str(tmp_path),
                "PYTHONUNBUFFERED": "1",
                **{name: str(value) for name, value in names.items()},
                "PLAYBOOK_PARAMS": str(folder / "params.json"),
                "PLAYBOOK_METRICS": str(folder / "metrics.jsonl"),
            },
            cwd=tmp_path,
            stdout=folder / "stdout.log",
        )

    return make


def server_of(source):
    return psutil.Process(source._server._process.pid)


def said(bench, trial):
    return (bench.folder / f"runs/s/trials/{trial:04d}/stdout.log").read_text()


def begun(launcher, job, bench, trial, code=FOREVER):
    started = launcher.submit(job(trial, code))
    bench.wait(lambda: "ready" in said(bench, trial), f"trial {trial}")
    return started.process


def ends(launcher, bench, count=1):
    found = []
    bench.wait(lambda: found.extend(launcher.poll()) or len(found) >= count, "the end of a job")
    return {ended.trial: ended.exit_code for ended in found}


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_trial_is_a_child_of_the_server_and_its_end_is_told(launcher, job, bench, source):
    process = begun(
        launcher, job, bench, 0, "print('ready', flush=True); trial.report(4, loss=1.0); raise SystemExit(7)"
    )
    assert process not in (None, os.getpid())
    assert ends(launcher, bench) == {0: 7}
    assert launcher.free() == 2
    assert said(bench, 0) == "ready\n"
    bench.wait(lambda: not server_of(source).children(), "the trial to be reaped")


@pytest.mark.parametrize(("code", "sent"), [(FOREVER, signal.SIGINT), (STUBBORN, signal.SIGKILL)])
def test_a_cancelled_trial_is_asked_first_and_then_made_to_end(launcher, job, bench, monkeypatch, code, sent):
    monkeypatch.setattr(local, "POLITE_SECONDS", 0.2)
    begun(launcher, job, bench, 0, code)
    launcher.cancel(0)
    assert ends(launcher, bench) == {0: -sent}


def test_nothing_that_a_trial_started_outlives_it(launcher, job, bench):
    begun(launcher, job, bench, 0, GRANDCHILD)
    assert ends(launcher, bench) == {0: 0}
    child = int(said(bench, 0).split()[1])
    bench.wait(lambda: launcher.poll() or not psutil.pid_exists(child), "the grandchild to be reaped")


def test_what_cannot_be_started_takes_no_slot_and_leaves_no_process(launcher, job, bench, source, tmp_path):
    broken = job(0, "pass")
    (tmp_path / "runs/s/trials/0000").rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        launcher.submit(broken)
    assert launcher.free() == 2
    bench.wait(lambda: not server_of(source).children(), "the child to be reaped")


def test_trials_of_a_server_that_was_killed_go_on_and_their_ends_are_still_known(launcher, job, bench, source):
    code = (
        "import time, pathlib; print('ready', flush=True)\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.01)\n"
        "raise SystemExit({})"
    )
    for trial in (0, 1):
        begun(launcher, job, bench, trial, code.format(trial + 3))
    first = server_of(source)
    first.kill()
    bench.wait(lambda: launcher.poll() or gone(first.pid), "the server")
    assert launcher.poll() == []
    bench.write("go", "")
    assert ends(launcher, bench, 2) == {0: 3, 1: 4}
    bench.wait(launcher.free, "a new server")
    assert server_of(source).pid != first.pid
    launcher.submit(job(2, "import os; print(os.getppid())"))
    assert ends(launcher, bench) == {2: 0}
    assert int(said(bench, 2)) == server_of(source).pid


def test_a_trial_that_was_killed_with_its_server_has_ended_with_that_signal(launcher, job, bench, source):
    process = begun(launcher, job, bench, 0)
    server_of(source).kill()
    os.kill(process, signal.SIGKILL)
    assert ends(launcher, bench) == {0: -signal.SIGKILL}


@pytest.mark.slow
def test_a_server_that_hangs_is_replaced_and_loses_no_trial(launcher, job, bench, source, monkeypatch):
    monkeypatch.setattr(warm, "REPORT_SECONDS", 0.1)
    monkeypatch.setattr(warm, "ANSWER_SECONDS", 0.1)
    process = begun(launcher, job, bench, 0)
    server_of(source).suspend()
    os.kill(process, signal.SIGTERM)
    assert ends(launcher, bench) == {0: -signal.SIGTERM}
    bench.wait(launcher.free, "a new server")
    server_of(source).suspend()
    monkeypatch.setattr(warm, "ANSWER_SECONDS", 0.1)
    launcher.submit(job(1, "print('fresh')"))
    assert ends(launcher, bench) == {1: 0}
    assert said(bench, 1) == "fresh\n"


@pytest.mark.slow
def test_servers_that_keep_dying_are_given_up(launcher, job, bench, source, told):
    for _ in range(warm.SERVERS):
        server = server_of(source)
        server.kill()
        bench.wait(lambda: gone(server.pid), "its end")  # noqa: B023
        bench.wait(launcher.free, "another server")
    assert told == [f"each trial starts a new process: the process to fork from died {warm.SERVERS} times"]
    launcher.submit(job(0, "import os; print(os.getppid())"))
    assert ends(launcher, bench) == {0: 0}
    assert int(said(bench, 0)) == os.getpid()


def test_orphans_of_a_study_are_found_among_forks_as_well(launcher, job, bench, source):
    begun(launcher, job, bench, 7)
    other = launcher.submit(job(8, FOREVER, study="t")).process
    server = server_of(source)
    server.kill()
    bench.wait(lambda: launcher.poll() or gone(server.pid), "the server")
    assert end_orphans(bench.folder / "runs" / "s") == [7]
    assert ends(launcher, bench).keys() == {7}
    assert not gone(other)


def test_closing_leaves_no_process_and_adopts_nobody_any_more(source, bench):
    assert source.wait()
    server = server_of(source)
    source.close()
    assert not server.is_running()


WAITING = """
import time
from pathlib import Path
def train(trial):
    trial.report(2, val_error=trial.params["x"])
    while not Path("go").exists():
        time.sleep(0.01)
    trial.report(4, val_error=trial.params["x"])
"""


def servers(bench):
    found = []
    for process in psutil.process_iter():
        try:
            if "--serve" in process.cmdline() and process.cwd() == str(bench.folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return [process for process in found if process.ppid() not in {other.pid for other in found}]


@pytest.mark.slow
def test_a_run_goes_on_when_its_server_is_killed_and_none_outlives_a_killed_runner(bench):
    bench.study(WAITING, trials=4)
    runner = bench.spawn("run", "study.yaml", "--jobs", 2)
    bench.wait(lambda: len([t for t in range(2) if bench.metrics(t)]) == 2, "two trials under way")
    (server,) = [process for process in servers(bench) if process.ppid() == runner.pid]
    server.kill()
    bench.write("go", "")
    answer = bench.finish(runner)
    assert answer.code == 0, answer.err
    assert bench.ended() == dict.fromkeys(range(4), ("completed", None))
    assert [event["attempt"] for event in bench.events("started")] == [1, 1, 1, 1]
    assert servers(bench) == bench.processes() == []
    (bench.folder / "go").unlink()
    bench.study(WAITING, trials=6)
    runner = bench.spawn("run", "study.yaml", "--jobs", 2)
    bench.wait(lambda: bench.metrics(4), "a trial under way")
    (server,) = [process for process in servers(bench) if process.ppid() == runner.pid]
    runner.kill()
    bench.finish(runner)
    bench.wait(lambda: gone(server.pid), "the end of the server")
    assert bench.processes()
    assert end_orphans(bench.paths().dir)
    assert bench.processes() == []
