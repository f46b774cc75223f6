"""Who runs a process, and where."""

from __future__ import annotations

import os
import socket

import pytest

from playbook_cli.storage import whoami
from tests.commands.finished import finish


@pytest.fixture
def nameless(monkeypatch):
    """A user of whom the system knows no more than the number, as under `docker run --user 1000`."""

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)


def test_a_user_without_a_name_is_a_number(nameless):
    assert whoami.user() == str(os.getuid())


def test_a_user_without_a_name_can_run_note_and_adopt(bench, nameless):
    seen = (
        "open('note', 'w').write((trial.dir.parent.parent / 'runner.json').read_text()); trial.report(4, val_error=1)"
    )
    bench.study(f"def train(trial): {seen}\n", trials=1)
    assert bench("run", "study.yaml").code == 0
    assert f'"user": "{os.getuid()}"' in next(bench.folder.rglob("note")).read_text()
    assert bench("log", "--note", "runs/toy", "seen").code == 0
    assert bench("adopt", "runs/toy").code == 0
    assert bench("log").code == 0


def test_a_user_without_a_name_adopts_under_its_number(bench, nameless):
    finish(bench, lambda params: params["x"])
    assert bench("adopt", "runs/toy", "--json").json["user"] == str(os.getuid())


def test_a_machine_is_its_boot_and_its_namespace_of_processes_or_else_its_name(monkeypatch, tmp_path):
    if whoami.boot():
        assert whoami.machine() == f"{whoami.boot()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115
    monkeypatch.setattr(whoami, "BOOT_ID", tmp_path / "none")
    assert whoami.boot() == ""
    assert whoami.machine() == socket.gethostname()
