"""One runner a study."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from playbook_cli.errors import StudyError, WorkError
from playbook_cli.files.paths import StudyPaths
from playbook_cli.storage import acquiring, whoami
from playbook_cli.storage import lock as claims
from playbook_cli.storage.lock import locked
from playbook_cli.storage.store import running


@pytest.fixture
def paths(tmp_path):
    return StudyPaths(tmp_path)


def test_a_claim_is_held_until_its_end_and_names_its_holder(paths):
    with locked(paths):
        runner = running(paths)
        assert runner.pid == os.getpid()
        assert runner.host == socket.gethostname()
    assert running(paths) is None


def test_a_second_claim_is_refused_and_names_the_first(paths):
    with locked(paths):
        with pytest.raises(StudyError, match=f"already running: process {os.getpid()} of") as error, locked(paths):
            pass
        assert "playbook status" in (error.value.hint or "")
        assert running(paths) is not None
    with locked(paths):
        pass


def test_a_claim_ends_with_an_error_too(paths):
    with pytest.raises(ZeroDivisionError), locked(paths):
        raise ZeroDivisionError
    with locked(paths):
        pass


@pytest.mark.slow
def test_a_claim_ends_with_the_death_of_its_holder(paths):
    code = (
        "import os, signal, sys, pathlib\nfrom playbook_cli.storage.lock import locked\n"
        "from playbook_cli.files.paths import StudyPaths\n"
        "with locked(StudyPaths(pathlib.Path(sys.argv[1]))): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, paths.dir], check=False).returncode == -9
    assert paths.runner.read_text()
    assert running(paths) is None
    with locked(paths):
        pass


def test_a_process_that_has_only_just_begun_has_written_nothing_yet(paths):
    with locked(paths):
        paths.runner.write_text("")
        with pytest.raises(StudyError, match="another process has just started it"), locked(paths):
            pass


def test_a_runner_on_another_machine_that_shares_no_locks_is_respected(paths):
    note = {"pid": 1, "created": 0.0, "host": "elsewhere", "user": "u", "since": "now"}
    paths.runner.write_text(json.dumps(note))
    with pytest.raises(StudyError, match="process 1 of u on elsewhere"), locked(paths):
        pass
    assert json.loads(paths.runner.read_text()) == note
    os.utime(paths.runner, (0, 0))
    with locked(paths):
        pass


def test_a_beat_now_and_then_tells_that_the_runner_lives(paths, monkeypatch):
    with locked(paths) as lock:
        os.utime(paths.runner, (0, 0))
        lock.beat()
        assert paths.runner.stat().st_mtime == 0
        soon = time.monotonic() + 11
        monkeypatch.setattr(time, "monotonic", lambda: soon)
        lock.beat()
        assert paths.runner.stat().st_mtime > 0


@pytest.fixture
def said():
    return []


def lock_of(paths, said, **more):
    return locked(paths, tell=said.append, **more)


def held(paths, said, act):
    """Do something while the study is held."""
    with lock_of(paths, said) as lock:
        act(lock)


def replace_the_note(paths):
    paths.runner.unlink()
    paths.runner.write_text("another one's")


def replace_the_folder(paths):
    shutil.rmtree(paths.dir)
    paths.dir.mkdir()
    paths.runner.write_text("another one's")


def delete_the_note(paths):
    paths.runner.unlink()


@pytest.mark.parametrize("how", [replace_the_note, replace_the_folder, delete_the_note])
def test_a_claim_whose_path_leads_elsewhere_is_lost_at_once_and_touches_nothing_there(tmp_path, said, how):
    paths = StudyPaths(tmp_path / "s")
    paths.dir.mkdir()

    def lose(lock):
        lock.require()
        how(paths)
        lock.require()

    began = time.monotonic()
    with pytest.raises(WorkError, match=r"runner\.json was (replaced|deleted)") as error:
        held(paths, said, lose)
    assert time.monotonic() - began < 5
    assert error.value.exit_code == 1
    assert said == []
    assert not paths.runner.exists() or paths.runner.read_text() == "another one's"


def test_a_heartbeat_notices_that_the_folder_was_lost(paths, said, monkeypatch):
    monkeypatch.setattr(claims, "LOOK_SECONDS", 0.0)

    def lose(lock):
        lock.beat()
        paths.runner.unlink()
        lock.beat()

    with pytest.raises(WorkError, match="deleted"):
        held(paths, said, lose)


def test_an_open_file_must_be_the_one_at_its_path_too(paths, said):
    paths.journal.write_text("")

    def lose(lock):
        with paths.journal.open() as file:
            lock.watch(paths.journal, file.fileno())
            lock.require()
            paths.journal.rename(paths.dir / "aside")
            paths.journal.write_text("")
            lock.require()

    with pytest.raises(WorkError, match=r"trials\.jsonl was replaced"):
        held(paths, said, lose)


def test_an_error_that_comes_of_a_lost_folder_is_told_as_that(paths, said, monkeypatch):
    monkeypatch.setattr(claims, "AWAY_SECONDS", 0.2)

    def lose(_):
        shutil.rmtree(paths.dir)
        paths.journal.read_text()

    with pytest.raises(WorkError, match="deleted or moved"):
        held(paths, said, lose)


def test_a_folder_that_is_away_for_a_moment_is_waited_for_and_told_of_once(tmp_path, said):
    paths = StudyPaths(tmp_path / "s")
    paths.dir.mkdir()
    with lock_of(paths, said) as lock:
        away = paths.dir.rename(tmp_path / "away")
        timer = threading.Timer(0.5, lambda: away.rename(paths.dir))
        timer.start()
        lock.through(lambda: (paths.dir / "written").write_text("x"))
        timer.join()
    assert (paths.dir / "written").exists()
    (only,) = said
    assert "No such file or directory; waiting up to 30 s for it to come back" in only


def test_a_folder_that_goes_away_while_it_is_written_is_written_again(paths, said):
    errors = [OSError(number, os.strerror(number)) for number in (errno.ESTALE, errno.ENOTCONN)]

    def write():
        if errors:
            raise errors.pop()
        return "written"

    with lock_of(paths, said) as lock:
        assert lock.through(write) == "written"


def test_a_folder_that_comes_back_as_another_one_is_lost_at_once(tmp_path, said):
    paths = StudyPaths(tmp_path / "s")
    paths.dir.mkdir()
    away = tmp_path / "away"

    def other():
        paths.dir.mkdir()
        paths.runner.write_text("")

    timer = threading.Timer(0.3, other)

    def lose(lock):
        paths.dir.rename(away)
        timer.start()
        lock.require()

    began = time.monotonic()
    with pytest.raises(WorkError, match="replaced"):
        held(paths, said, lose)
    timer.join()
    assert time.monotonic() - began < 10
    assert len(said) == 1


def test_a_folder_that_stays_away_is_lost_after_the_wait(tmp_path, said, monkeypatch):
    monkeypatch.setattr(claims, "AWAY_SECONDS", 0.3)
    paths = StudyPaths(tmp_path / "s")
    paths.dir.mkdir()

    def lose(lock):
        paths.dir.rename(tmp_path / "away")
        lock.require()

    with pytest.raises(WorkError, match="the study's folder was deleted or moved"):
        held(paths, said, lose)
    assert len(said) == 1
    assert not paths.dir.exists()


def without_locks(_fd, _how):
    raise OSError(errno.ENOSYS, "Function not implemented")


def lockless(_fd, _how):
    raise OSError(errno.ENOLCK, "No locks available")


def granted_to_all(_fd, _how):
    pass


NO_LOCKS = pytest.mark.parametrize("flock", [without_locks, lockless, granted_to_all])


@NO_LOCKS
def test_without_file_locks_a_study_still_has_one_runner_and_that_is_said_once(paths, said, monkeypatch, flock):
    monkeypatch.setattr("fcntl.flock", flock)
    with lock_of(paths, said):
        with pytest.raises(StudyError, match=f"already running: process {os.getpid()} of"), lock_of(paths, said):
            pass
        assert running(paths).pid == os.getpid()
    monkeypatch.setattr(acquiring, "SETTLE_SECONDS", 0.0)
    with lock_of(paths, said):
        pass
    (only,) = said
    assert "file locks don't work here" in only


@NO_LOCKS
@pytest.mark.parametrize("left", [None, "", "dead"])
def test_of_many_that_begin_at_the_same_moment_one_runs_the_study(paths, monkeypatch, flock, left):
    monkeypatch.setattr("fcntl.flock", flock)
    if left is not None:
        paths.runner.write_text(json.dumps(far(host=socket.gethostname(), pid=2**30)) if left else "")
    begin, end = threading.Barrier(8), threading.Barrier(8)
    runs, refused = [], []

    def run():
        begin.wait()
        try:
            with locked(paths) as lock:
                lock.require()
                runs.append(lock)
                end.wait()
        except StudyError as error:
            refused.append(error)
            end.wait()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(runs), len(refused)) == (1, 7)
    assert {path.name for path in paths.dir.iterdir()} == {"runner.json"}


def test_a_copy_of_a_folder_that_is_run_is_run_by_nobody(tmp_path):
    paths, copy = StudyPaths(tmp_path / "s"), StudyPaths(tmp_path / "copy")
    paths.dir.mkdir()
    with locked(paths):
        shutil.copytree(paths.dir, copy.dir)
        assert running(copy) is None
        with locked(copy):
            assert running(copy).pid == os.getpid()
        assert running(paths).pid == os.getpid()


def test_a_folder_that_was_renamed_while_it_is_run_is_still_run(tmp_path):
    paths, moved = StudyPaths(tmp_path / "s"), StudyPaths(tmp_path / "moved")
    paths.dir.mkdir()
    with locked(paths):
        paths.dir.rename(moved.dir)
        assert running(moved).pid == os.getpid()


def test_without_hard_links_a_study_has_one_runner_too(paths, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    with locked(paths):
        assert running(paths).pid == os.getpid()
        with pytest.raises(StudyError, match="already running"), locked(paths):
            pass


def far(**changes):
    """A note of a runner elsewhere."""
    return {"pid": 1, "created": 0.0, "host": "elsewhere", "user": "u", "since": "then", "machine": "", **changes}


def silent_for(paths, seconds):
    os.utime(paths.runner, (time.time() - seconds,) * 2)


def test_who_must_wait_for_a_silent_runner_is_told_since_when_and_until_when(paths):
    paths.runner.write_text(json.dumps(far()))
    silent_for(paths, 23)
    said = "process 1 of u on elsewhere, since then; last heard from 23 s ago"
    with pytest.raises(StudyError, match=said) as error, locked(paths):
        pass
    assert "add --wait if it was killed: it counts as dead after 60 s of silence, 37 s from now" in error.value.hint


def test_a_runner_elsewhere_whose_note_changes_lives_whatever_the_clocks_say(paths, said, monkeypatch):
    monkeypatch.setattr(acquiring, "SURE_SECONDS", 5.0)
    monkeypatch.setattr(acquiring, "WAIT_SECONDS", 0.05)
    paths.runner.write_text(json.dumps(far()))
    silent_for(paths, 200)  # by a clock that is minutes behind
    timer = threading.Timer(0.4, lambda: silent_for(paths, 0))
    timer.start()
    with pytest.raises(StudyError, match="already running"), lock_of(paths, said):
        pass
    timer.join()
    (only,) = said
    assert "was last heard from 200 s ago; waiting 5 s to make sure that it is dead" in only


def test_a_runner_elsewhere_that_stays_silent_while_it_is_watched_is_dead(paths, said, monkeypatch):
    monkeypatch.setattr(acquiring, "SURE_SECONDS", 0.2)
    monkeypatch.setattr(acquiring, "WAIT_SECONDS", 0.05)
    paths.runner.write_text(json.dumps(far()))
    silent_for(paths, 200)
    with lock_of(paths, said):
        assert running(paths).pid == os.getpid()
    assert len(said) == 1


def test_to_wait_is_to_begin_when_the_other_runner_ends(paths, said, monkeypatch):
    monkeypatch.setattr(acquiring, "WAIT_SECONDS", 0.05)
    with ExitStack() as other:
        other.enter_context(locked(paths))
        timer = threading.Timer(0.4, other.close)
        timer.start()
        with lock_of(paths, said, wait=True):
            timer.join()
    (only,) = said
    assert "already running: process" in only
    assert only.endswith("; waiting for it to end")


def test_to_wait_ends_where_the_other_runner_is_silent_for_long_enough_to_watch(paths, said, monkeypatch):
    monkeypatch.setattr(acquiring, "WAIT_SECONDS", 0.05)
    paths.runner.write_text(json.dumps(far()))
    os.utime(paths.runner, (time.time() + 600,) * 2)  # by a clock that is minutes ahead
    later, now = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + later[0])
    timer = threading.Timer(0.3, lambda: later.append(later.pop() + 60))
    timer.start()
    with lock_of(paths, said, wait=True):
        pass
    timer.join()
    assert len(said) == 1


needs_boot_id = pytest.mark.skipif(not whoami.boot(), reason="this system has no boot id")


@needs_boot_id
def test_a_killed_container_of_the_same_machine_is_dead_as_soon_as_its_lock_is_free(paths):
    machine = f"{whoami.boot()} pid:[1]"
    paths.runner.write_text(json.dumps(far(machine=machine, device=paths.dir.stat().st_dev)))
    with locked(paths):
        pass


@needs_boot_id
@pytest.mark.parametrize("flock", [None, without_locks])
def test_a_container_that_may_hold_a_lock_nobody_sees_is_judged_by_its_heartbeat(paths, monkeypatch, flock):
    device = paths.dir.stat().st_dev
    if flock is None:
        device += 1  # it has mounted the folder by itself
    else:
        monkeypatch.setattr("fcntl.flock", flock)
    paths.runner.write_text(json.dumps(far(machine=f"{whoami.boot()} pid:[1]", device=device)))
    with pytest.raises(StudyError, match="last heard from 0 s ago"), locked(paths):
        pass


@needs_boot_id
def test_a_process_number_means_nothing_in_another_container_even_one_of_the_same_host_name(paths):
    note = far(host=socket.gethostname(), machine=f"{whoami.boot()} pid:[1]", pid=2**30)
    paths.runner.write_text(json.dumps(note))
    assert running(paths) is not None


@needs_boot_id
def test_a_machine_that_has_another_host_name_now_knows_its_dead_processes(paths):
    paths.runner.write_text(json.dumps(far(host="its-old-name", machine=whoami.machine(), pid=2**30)))
    assert running(paths) is None
    with locked(paths):
        pass


def test_a_note_that_is_another_one_at_every_look_is_refused(paths, monkeypatch):
    monkeypatch.setattr(acquiring, "RACE_SECONDS", 0.0)
    monkeypatch.setattr(acquiring, "_leads_to", lambda *_: False)
    with pytest.raises(StudyError, match="something keeps replacing this file"), locked(paths):
        pass
