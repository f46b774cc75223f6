"""Slurm's commands while its controller is away; pretended ones, which need no cluster."""

from __future__ import annotations

import os
import time

import pytest

from playbook_cli.errors import WorkError
from playbook_cli.launch import Job, slurm
from playbook_cli.launch.slurm import SlurmLauncher
from playbook_cli.spec.model import StudySpec

AWAY = "slurm_kill_job: Unable to contact slurm controller (connect failure)"
SCANCEL = """
[ -e "$FOLDER/refuses" ] && { cat "$FOLDER/refuses" >&2; exit 1; }
echo "$*" >> "$FOLDER/cancelled"
"""
COMMANDS = {"sbatch": "echo 7", "squeue": 'cat "$FOLDER/queue"', "scancel": SCANCEL}


@pytest.fixture
def launcher(tmp_path, monkeypatch):
    """One with two trials whose jobs run."""
    for name, code in COMMANDS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.setattr(slurm, "LAST_LOOK", 0.1)
    monkeypatch.setattr(slurm, "FIRST_LOOK", 0.01)
    monkeypatch.setattr(slurm, "FILES_SECONDS", 0.01)
    (tmp_path / "queue").write_text("7|0|RUNNING\n7|1|RUNNING\n")
    spec = StudySpec.model_validate(
        {"name": "s", "train": "m:f", "metric": {"name": "loss"}, "max_train_steps": 10, "launcher": "slurm"}
    )
    launcher = SlurmLauncher(spec=spec, folder=tmp_path / "slurm")
    for trial in range(2):
        directory = tmp_path / str(trial)
        env = {"PLAYBOOK_TRIAL_DIR": str(directory)}
        launcher.submit(Job(trial=trial, argv=("true",), env=env, cwd=tmp_path, stdout=directory / "stdout.log"))
    launcher.leave()
    return launcher


def polled(launcher, until):
    """The trials that ended until then."""
    ended, deadline = [], time.monotonic() + 30
    while not until(ended):
        assert time.monotonic() < deadline
        ended += [one.trial for one in launcher.poll()]
        time.sleep(0.01)
    return ended


def test_what_cannot_be_cancelled_while_the_controller_is_away_is_cancelled_later(launcher, tmp_path):
    (tmp_path / "refuses").write_text(AWAY)
    launcher.cancel(0)
    for _ in range(5):
        assert launcher.poll() == []
    assert not (tmp_path / "cancelled").exists()
    launcher.cancel(1, now=True)
    (tmp_path / "refuses").unlink()
    polled(launcher, lambda _: (tmp_path / "cancelled").exists())
    assert (tmp_path / "cancelled").read_text().splitlines() == ["7_0", "--signal=KILL --full 7_1"]
    (tmp_path / "queue").write_text("7|0|CANCELLED\n7|1|CANCELLED\n")
    assert sorted(polled(launcher, lambda ended: len(ended) == 2)) == [0, 1]


def test_a_task_that_ended_before_the_controller_came_back_is_not_cancelled(launcher, tmp_path):
    (tmp_path / "refuses").write_text(AWAY)
    launcher.cancel(0)
    launcher.poll()
    (tmp_path / "queue").write_text("7|1|RUNNING\n")
    assert polled(launcher, lambda ended: ended) == [0]
    launcher.cancel(1)
    (tmp_path / "refuses").unlink()
    polled(launcher, lambda _: (tmp_path / "cancelled").exists())
    assert (tmp_path / "cancelled").read_text().splitlines() == ["7_1"]


def test_what_slurm_refuses_to_cancel_is_told_with_its_own_words(launcher, tmp_path):
    (tmp_path / "refuses").write_text("scancel: error: Access/permission denied")
    launcher.cancel(0)
    with pytest.raises(WorkError, match=r"scancel failed: .*permission denied"):
        launcher.poll()
