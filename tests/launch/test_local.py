"""Trials as processes of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from playbook_cli.launch import Job, local
from playbook_cli.launch.local import LocalLauncher, end_orphans
from playbook_cli.launch.slots import Slot

CAN_UNSHARE = (
    shutil.which("unshare") is not None
    and subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0
)


@pytest.fixture
def launcher():
    made = LocalLauncher([Slot(name=f"cpu{n}", env={"SLOT": str(n), "BOTH": "slot"}) for n in range(2)])
    yield made
    for trial in list(made._running):
        made.cancel(trial, now=True)
    while made.free() < made.slots:
        made.poll()


@pytest.fixture
def job(tmp_path):
    def make(trial, code, **env):
        return Job(
            trial=trial,
            argv=(sys.executable, "-c", code),
            env={**os.environ, "BOTH": "job", **env},
            cwd=tmp_path,
            stdout=tmp_path / f"{trial}.log",
        )

    return make


def ends(launcher, bench, count=1):
    """The next so many ends, in the order in which they come."""
    found = []
    bench.wait(lambda: found.extend(launcher.poll()) or len(found) >= count, "the end of a job")
    return found


def said(bench, trial):
    return (bench.folder / f"{trial}.log").read_text()


def waiting(bench, trial, text="ready"):
    bench.wait(lambda: (bench.folder / f"{trial}.log").exists() and text in said(bench, trial), f"{text} of {trial}")


FOREVER = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time\nfor s in ({}): signal.signal(s, lambda n, _: print('no', n, flush=True))\n"
    "print('ready', flush=True)\nwhile True: time.sleep(600)"
)


def test_a_job_runs_in_its_slot_with_its_output_in_its_file(launcher, job, bench):
    started = launcher.submit(
        job(
            5, "import os, sys; print(os.environ['SLOT'], os.environ['BOTH'], os.getcwd()); print('e', file=sys.stderr)"
        )
    )
    assert started.slot == "cpu0"
    assert launcher.free() == 1
    (ended,) = ends(launcher, bench)
    assert (ended.trial, ended.exit_code) == (5, 0)
    assert launcher.free() == 2
    assert sorted(said(bench, 5).splitlines()) == sorted([f"0 job {bench.folder}", "e"])


def test_output_is_appended_to_that_of_earlier_attempts(launcher, job, bench):
    for _ in range(2):
        launcher.submit(job(0, "print('again')"))
        ends(launcher, bench)
    assert said(bench, 0) == "again\nagain\n"


def test_standard_input_is_closed_and_the_process_leads_a_group_of_its_own(launcher, job, bench):
    launcher.submit(
        job(0, "import os, sys; print(repr(sys.stdin.read()), os.getpgrp() == os.getsid(0) == os.getpid())")
    )
    ends(launcher, bench)
    assert said(bench, 0) == "'' True\n"


@pytest.mark.parametrize(
    ("code", "exit_code"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 11)", -11)]
)
def test_the_exit_code_is_told_and_a_signal_is_negative(launcher, job, bench, code, exit_code):
    launcher.submit(job(0, code))
    (ended,) = ends(launcher, bench)
    assert ended.exit_code == exit_code


def test_a_freed_slot_is_used_again(launcher, job, bench):
    launcher.submit(job(0, FOREVER))
    for trial in (1, 2):
        assert launcher.submit(job(trial, "pass")).slot == "cpu1"
        assert [ended.trial for ended in ends(launcher, bench)] == [trial]


def test_what_cannot_be_started_takes_no_slot(launcher, job, tmp_path):
    with pytest.raises(FileNotFoundError):
        launcher.submit(Job(trial=0, argv=("/no/such/program",), env={}, cwd=tmp_path, stdout=tmp_path / "log"))
    assert launcher.free() == 2


def test_a_cancelled_job_is_interrupted_first(launcher, job, bench):
    launcher.submit(job(0, FOREVER))
    waiting(bench, 0)
    launcher.cancel(0)
    (ended,) = ends(launcher, bench)
    assert ended.exit_code == -signal.SIGINT
    assert "KeyboardInterrupt" in said(bench, 0)


def test_one_that_ignores_it_is_terminated_and_then_killed(launcher, job, bench, monkeypatch):
    monkeypatch.setattr(local, "POLITE_SECONDS", 0.2)
    launcher.submit(job(0, STUBBORN.format("2,")))
    launcher.submit(job(1, STUBBORN.format("2, 15")))
    for trial in (0, 1):
        waiting(bench, trial)
        launcher.cancel(trial)
        launcher.cancel(trial)
    codes = {ended.trial: ended.exit_code for ended in ends(launcher, bench, count=2)}
    assert codes == {0: -signal.SIGTERM, 1: -signal.SIGKILL}
    assert said(bench, 0) == "ready\nno 2\n"
    assert said(bench, 1) == "ready\nno 2\nno 15\n"


def test_a_job_can_be_killed_at_once(launcher, job, bench):
    launcher.submit(job(0, STUBBORN.format("2, 15")))
    waiting(bench, 0)
    launcher.cancel(0, now=True)
    assert ends(launcher, bench)[0].exit_code == -signal.SIGKILL
    assert said(bench, 0) == "ready\n"


def test_cancelling_what_does_not_run_is_harmless(launcher):
    launcher.cancel(99)
    launcher.cancel(99, now=True)


GRANDCHILD = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('ready', child.pid, flush=True)\n"
)


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_nothing_that_a_job_started_outlives_it(launcher, job, bench):
    launcher.submit(job(0, GRANDCHILD))
    assert ends(launcher, bench)[0].exit_code == 0
    child = int(said(bench, 0).split()[1])
    bench.wait(lambda: gone(child), "the end of the grandchild")


def test_a_cancelled_job_takes_its_children_with_it(launcher, job, bench):
    launcher.submit(job(0, f"{GRANDCHILD}child.wait()"))
    waiting(bench, 0)
    child = int(said(bench, 0).split()[1])
    launcher.cancel(0, now=True)
    ends(launcher, bench)
    bench.wait(lambda: gone(child), "the end of the grandchild")


def test_a_process_that_someone_else_reaped_has_ended(launcher, job, bench):
    process = launcher.submit(job(0, "pass")).process
    os.waitpid(process, 0)
    assert [ended.trial for ended in ends(launcher, bench)] == [0]


def test_orphans_of_a_study_are_found_by_their_environment_and_those_of_others_are_left(launcher, job, bench):
    study, other = bench.folder / "runs" / "s", bench.folder / "runs" / "t"
    launcher.submit(job(0, FOREVER, PLAYBOOK_TRIAL_DIR=str(study / "trials" / "0012")))
    launcher.submit(job(1, FOREVER, PLAYBOOK_TRIAL_DIR=str(other / "trials" / "0012")))
    waiting(bench, 0)
    waiting(bench, 1)
    assert end_orphans(study) == [12]
    assert [ended.trial for ended in ends(launcher, bench)] == [0]
    assert launcher.poll() == []
    assert end_orphans(study) == []


def test_orphans_take_those_below_them_along_whose_environment_is_another(launcher, job, bench):
    study = bench.folder / "runs" / "s"
    cleared = GRANDCHILD.replace("Popen(", "Popen(env={}, start_new_session=True, args=", 1)
    assert cleared != GRANDCHILD
    launcher.submit(job(0, f"{cleared}child.wait()", PLAYBOOK_TRIAL_DIR=str(study / "trials" / "0012")))
    waiting(bench, 0)
    child = int(said(bench, 0).split()[1])
    assert end_orphans(study) == [12]
    assert gone(child)
    ends(launcher, bench)


def test_a_trial_that_runs_a_study_itself_is_no_orphan_of_its_own(bench, monkeypatch):
    monkeypatch.setenv("PLAYBOOK_TRIAL_DIR", str(bench.folder / "runs" / "s" / "trials" / "0000"))
    assert end_orphans(bench.folder / "runs" / "s") == []


@pytest.mark.parametrize(
    "directory",
    ["runs/s/trials/0012", "{study}/trials/abc", "{study}/trials/-1", "{study}/trials/\u0663", "", "/", "\n"],
)
def test_a_directory_that_no_launcher_writes_is_no_trials(launcher, job, bench, directory):
    study = bench.folder / "runs" / "s"
    launcher.submit(job(0, FOREVER, PLAYBOOK_TRIAL_DIR=directory.format(study=study)))
    waiting(bench, 0)
    assert end_orphans(study) == []
    assert launcher.poll() == []
    launcher.cancel(0, now=True)
    ends(launcher, bench)


def test_a_directory_that_lies_on_links_in_a_circle_is_no_trials(launcher, job, bench):
    study = bench.folder / "runs" / "s"
    (bench.folder / "circle").symlink_to("circle")
    launcher.submit(job(0, FOREVER, PLAYBOOK_TRIAL_DIR=str(bench.folder / "circle" / "s" / "trials" / "0001")))
    waiting(bench, 0)
    assert end_orphans(study) == []
    launcher.cancel(0, now=True)
    ends(launcher, bench)


def test_processes_of_other_users_are_left(launcher, job, bench, monkeypatch):
    study = bench.folder / "runs" / "s"
    launcher.submit(job(0, FOREVER, PLAYBOOK_TRIAL_DIR=str(study / "trials" / "0012")))
    waiting(bench, 0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "getuid", lambda: 4711)
        assert end_orphans(study) == []
    assert end_orphans(study) == [12]
    ends(launcher, bench)


@pytest.mark.skipif(not CAN_UNSHARE, reason="needs unshare and the right to use it")
def test_processes_that_see_another_folder_of_the_same_name_are_left(launcher, bench):
    """As those of a container do, which has its own files under our paths."""
    study = bench.folder / "runs" / "s"
    directory = study / "trials" / "0012"
    directory.mkdir(parents=True)
    covered = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && mkdir -p "$1" && exec sleep 600']
    environment = {**os.environ, "PLAYBOOK_TRIAL_DIR": str(directory)}
    process = subprocess.Popen([*covered, str(bench.folder), str(directory)], env=environment)
    try:
        bench.wait(lambda: psutil.Process(process.pid).name() == "sleep", "the other folder")
        assert end_orphans(study) == []
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
