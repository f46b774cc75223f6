"""Processes that left their trial's session, and how they end with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from playbook_cli.launch import Job, orphans
from playbook_cli.launch.local import LocalLauncher
from playbook_cli.launch.orphans import ADOPTION
from playbook_cli.launch.slots import Slot

LEAVES = """
import os, signal, subprocess, sys, time
env = {{}} if {clean} else None
left = subprocess.Popen([{python!r}, "-c", "import time; time.sleep(600)"], start_new_session=True, env=env)
open({pids!r}, "a").write(f"{{left.pid}}\\n")
"""
ENDS = {
    "it completes": ("pass", 0),
    "it crashes": ("raise RuntimeError('broken')", 1),
    "it is killed": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    "it is cancelled": ("time.sleep(600)", -signal.SIGINT),
}


@pytest.fixture
def launcher():
    made = LocalLauncher([Slot(name=f"cpu{n}", env={}) for n in range(2)])
    yield made
    for trial in list(made._running):
        made.cancel(trial, now=True)
    while made.free() < made.slots:
        made.poll()


@pytest.fixture
def start(launcher, tmp_path, bench):
    """Starts a trial that leaves a process behind, and gives the number of that."""

    def begin(trial, then, *, clean=False):
        pids = tmp_path / f"{trial}.pids"
        code = LEAVES.format(python=sys.executable, pids=str(pids), clean=clean) + then
        folder = tmp_path / "runs" / "s" / "trials" / f"{trial:04}"
        launcher.submit(
            Job(
                trial=trial,
                argv=(sys.executable, "-c", code),
                env={**os.environ, "PLAYBOOK_TRIAL_DIR": str(folder)},
                cwd=tmp_path,
                stdout=tmp_path / f"{trial}.log",
            )
        )
        bench.wait(lambda: pids.exists() and pids.read_text().endswith("\n"), "what it leaves")
        return int(pids.read_text())

    return begin


def end_of(launcher, bench):
    found = []
    bench.wait(lambda: found.extend(launcher.poll()) or found, "the end of a trial")
    return found[0]


def is_child(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).ppid() == os.getpid()


@pytest.mark.parametrize("clean", [False, True], ids=["with its environment", "with a clean one"])
@pytest.mark.parametrize(("then", "code"), ENDS.values(), ids=ENDS)
def test_however_a_trial_ends_nothing_of_it_is_left_when_its_slot_is_free(launcher, start, bench, then, code, clean):
    left = start(0, then, clean=clean)
    if "600" in then:
        launcher.cancel(0)
    assert end_of(launcher, bench).exit_code == code
    assert launcher.free() == 2
    assert not psutil.pid_exists(left)  # no zombie either


def test_a_trial_ends_what_it_left_and_nothing_of_the_one_beside_it(launcher, start, bench):
    beside = start(1, "time.sleep(600)")
    daemon = start(2, "if os.fork(): os._exit(0)\ntime.sleep(600)")  # it has ended, and its session goes on
    assert end_of(launcher, bench).trial == 2
    assert not psutil.pid_exists(daemon)
    assert psutil.Process(beside).is_running()
    launcher.cancel(1, now=True)
    end_of(launcher, bench)
    assert not psutil.pid_exists(beside)


def test_what_could_be_either_trials_ends_with_the_later_one(launcher, start, bench):
    beside = start(1, "time.sleep(600)", clean=True)
    unknown = start(2, "pass", clean=True)
    assert end_of(launcher, bench).trial == 2
    assert is_child(unknown)
    assert psutil.Process(beside).is_running()
    launcher.cancel(1, now=True)
    end_of(launcher, bench)
    assert not psutil.pid_exists(beside)
    assert not psutil.pid_exists(unknown)


def test_what_lost_its_parent_while_no_other_trial_ran_ends_with_its_own(launcher, start, bench):
    code = f"import subprocess; subprocess.Popen([{sys.executable!r}, '-c', 'import time; time.sleep(600)'], env={{}}, "
    daemon = start(0, f"subprocess.run([sys.executable, '-c', {code + 'start_new_session=True)'!r}])\ntime.sleep(600)")

    def seen():
        launcher.poll()
        return len(launcher._orphans._from) == 1

    bench.wait(seen, "the orphan")
    (orphan,) = launcher._orphans._from
    beside = start(1, "time.sleep(600)")
    launcher.cancel(0, now=True)
    assert end_of(launcher, bench).trial == 0
    assert not psutil.pid_exists(orphan)
    assert not psutil.pid_exists(daemon)
    assert psutil.Process(beside).is_running()


def test_an_orphan_that_ends_by_itself_is_reaped_while_its_trial_goes_on(launcher, start, bench):
    code = "import subprocess; print(subprocess.Popen(['sleep', '0.1'], start_new_session=True).pid)"
    start(0, f"subprocess.run([sys.executable, '-c', {code!r}])\ntime.sleep(600)")
    bench.wait(lambda: "\n" in (bench.folder / "0.log").read_text(), "the orphan")
    orphan = int((bench.folder / "0.log").read_text())
    bench.wait(lambda: launcher.poll() or not psutil.pid_exists(orphan), "the end of the orphan")


def test_children_of_the_runner_itself_are_left_alone(launcher, start, bench):
    with (
        subprocess.Popen(["sleep", "600"], start_new_session=True) as before,
        subprocess.Popen(["sleep", "600"], env={}) as within,
    ):
        start(0, "pass")
        end_of(launcher, bench)
        assert (before.poll(), within.poll()) == (None, None)
        before.kill()
        within.kill()
    assert (before.returncode, within.returncode) == (-signal.SIGKILL, -signal.SIGKILL)


def test_orphans_are_adopted_only_while_trials_run(launcher, start, bench):
    start(0, "pass")
    assert launcher in ADOPTION._holders
    end_of(launcher, bench)
    assert launcher not in ADOPTION._holders


def test_where_orphans_cannot_be_adopted_the_environment_tells_whose_they_are(launcher, start, bench, monkeypatch):
    monkeypatch.setattr(orphans, "_set_subreaper", lambda _: False)
    left, beside = start(0, "pass"), start(1, "time.sleep(600)")
    assert end_of(launcher, bench).trial == 0
    assert not psutil.pid_exists(left)
    assert psutil.Process(beside).is_running()


@pytest.mark.parametrize("clean", [False, True], ids=["with its environment", "with a clean one"])
def test_on_a_node_nothing_outlives_its_task(bench, clean):
    pids = bench.folder / "pids"
    code = LEAVES.format(python=sys.executable, pids=str(pids), clean=clean)
    described = {
        "trial": 0,
        "argv": [sys.executable, "-c", code],
        "env": {"PLAYBOOK_TRIAL_DIR": str(bench.folder)},
        "without": [],
        "cwd": str(bench.folder),
        "stdout": str(bench.folder / "log"),
        "node": str(bench.folder / "node.jsonl"),
        "timeout": None,
    }
    bench.write("0.task", json.dumps(described))
    subprocess.run([sys.executable, "-m", "playbook_cli.launch.task", bench.folder, "0"], check=True)
    assert not psutil.pid_exists(int(pids.read_text()))


AGENT = """
import os, subprocess, sys, time
if len(sys.argv) > 1 and sys.argv[1] == "worker":
    for step in (1, 2, 3, 4):
        print(f"step {step}: val_error {1 / step}", flush=True)
    time.sleep(600)
else:  # as torchrun does
    worker = subprocess.Popen([sys.executable, __file__, "worker"], start_new_session=True)
    open(os.environ["PLAYBOOK_TRIAL_DIR"] + "/pid", "w").write(str(worker.pid))
    time.sleep(0.5)
    {then}
"""


@pytest.mark.parametrize(
    ("then", "timeout", "state"), [("time.sleep(600)", "1s", "failed"), ("pass", "5m", "completed")]
)
def test_workers_of_a_followed_program_end_with_their_trial(bench, then, timeout, state):
    bench.write("agent.py", AGENT.replace("{then}", then))
    bench.study(
        None,
        train=None,
        command=["${python}", "agent.py"],
        metrics={"stdout": [r"step (?P<step>\d+): val_error (?P<val_error>\S+)"]},
        trials=1,
        resources={"timeout": timeout, "retries": 0},
    )
    bench("run", "study.yaml", "--jobs", 1)
    assert bench.ended()[0][0] == state
    assert not psutil.pid_exists(int((bench.paths().trial(0).dir / "pid").read_text()))


def test_processes_that_a_forked_trial_started_end_with_it(bench):
    train = """
    import os, subprocess
    def train(trial):
        for step in trial.steps():
            if trial.should_evaluate(step): trial.report(step, val_error=1.0)
        left = subprocess.Popen(["sleep", "600"], start_new_session=True, env={} if trial.id else None)
        (trial.dir / "pid").write_text(str(left.pid))
    """
    bench.study(train, trials=4)
    assert bench("run", "study.yaml").code == 0
    for trial in range(4):
        assert bench.ended()[trial] == ("completed", None)
        assert not psutil.pid_exists(int((bench.paths().trial(trial).dir / "pid").read_text()))
