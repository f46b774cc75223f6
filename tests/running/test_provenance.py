"""Where a study came from."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from playbook_cli import __version__
from playbook_cli.running.provenance import origin


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    (tmp_path / "study.yaml").write_text("name: s\n")

    def git(*arguments):
        command = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    return tmp_path, git


def test_a_study_knows_its_file_command_commit_and_version(repository, monkeypatch):
    folder, git = repository
    monkeypatch.setattr(sys, "argv", ["/bin/playbook", "run", "study.yaml"])
    found = origin(folder / "study.yaml")
    assert found == {
        "source": str(folder / "study.yaml"),
        "command": ["playbook", "run", "study.yaml"],
        "commit": git("rev-parse", "HEAD"),
        "uncommitted_changes": False,
        "version": __version__,
    }


def test_uncommitted_changes_are_noticed_and_new_files_are_none(repository):
    folder, _ = repository
    (folder / "new").touch()
    assert origin(folder / "study.yaml")["uncommitted_changes"] is False
    (folder / "study.yaml").write_text("name: t\n")
    assert origin(folder / "study.yaml")["uncommitted_changes"] is True


def test_outside_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = origin(tmp_path / "study.yaml")
    assert found["commit"] is None
    assert found["uncommitted_changes"] is None


def test_without_git_there_is_no_commit(repository, monkeypatch):
    folder, _ = repository
    monkeypatch.setenv("PATH", "")
    assert origin(folder / "study.yaml")["commit"] is None
