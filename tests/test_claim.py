"""One runner a study."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from playbook_cli.claim import claimed
from playbook_cli.errors import StudyError
from playbook_cli.paths import StudyPaths
from playbook_cli.store import running


@pytest.fixture
def paths(tmp_path):
    return StudyPaths(tmp_path)


def test_a_claim_is_held_until_its_end_and_names_its_holder(paths):
    with claimed(paths):
        runner = running(paths)
        assert runner.pid == os.getpid()
        assert runner.host == socket.gethostname()
    assert running(paths) is None


def test_a_second_claim_is_refused_and_names_the_first(paths):
    with claimed(paths):
        with pytest.raises(StudyError, match=f"run already, by process {os.getpid()} of") as error, claimed(paths):
            pass
        assert "playbook status" in (error.value.hint or "")
        assert running(paths) is not None
    with claimed(paths):
        pass


def test_a_claim_ends_with_an_error_too(paths):
    with pytest.raises(ZeroDivisionError), claimed(paths):
        raise ZeroDivisionError
    with claimed(paths):
        pass


def test_a_claim_ends_with_the_death_of_its_holder(paths):
    code = (
        "import os, signal, sys, pathlib\nfrom playbook_cli.claim import claimed\n"
        "from playbook_cli.paths import StudyPaths\n"
        "with claimed(StudyPaths(pathlib.Path(sys.argv[1]))): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, paths.dir], check=False).returncode == -9
    assert paths.runner.read_text()
    assert running(paths) is None
    with claimed(paths):
        pass


def test_a_process_that_has_only_just_begun_has_written_nothing_yet(paths):
    with claimed(paths):
        paths.runner.write_text("")
        with pytest.raises(StudyError, match="a process that has only just begun"), claimed(paths):
            pass


def test_a_runner_on_another_machine_that_shares_no_locks_is_respected(paths):
    far = {"pid": 1, "created": 0.0, "host": "elsewhere", "user": "u", "since": "now"}
    paths.runner.write_text(json.dumps(far))
    with pytest.raises(StudyError, match="process 1 of u on elsewhere"), claimed(paths):
        pass
    assert json.loads(paths.runner.read_text()) == far
    os.utime(paths.runner, (0, 0))
    with claimed(paths):
        pass


def test_a_beat_now_and_then_tells_that_the_runner_lives(paths, monkeypatch):
    with claimed(paths) as claim:
        os.utime(paths.runner, (0, 0))
        claim.beat()
        assert paths.runner.stat().st_mtime == 0
        soon = time.monotonic() + 11
        monkeypatch.setattr(time, "monotonic", lambda: soon)
        claim.beat()
        assert paths.runner.stat().st_mtime > 0
