"""What shells offer on the command line, asked as they ask; and by a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from playbook_cli.commands.completing import run_folders, study_files
from tests.commands.finished import finish


@pytest.fixture
def folder(bench, monkeypatch):
    finish(bench, lambda params: params["x"])
    bench.write("configs/digits.yaml", "metric: {name: m}\nmax_train_steps: 3\n")
    bench.write("configs/other.yaml", "a: 1\n")
    bench.write("notes.txt", "")
    bench.write("my runs/deep/toy/trials.jsonl", "")
    monkeypatch.chdir(bench.folder)
    return bench.folder


def test_study_files_are_offered_and_run_folders(folder):
    assert "configs/digits.yaml" in study_files("")
    assert study_files("conf") == ["configs/digits.yaml"]
    assert study_files("configs/o") == ["configs/other.yaml"]
    assert run_folders("") == ["runs/toy"]
    assert run_folders("runs/t") == ["runs/toy"]
    assert run_folders(f"{folder}/ru") == [f"{folder}/runs/toy"]
    assert run_folders("./runs/") == ["./runs/toy"]


def test_where_nothing_fits_the_way_there_is_offered(folder):
    assert run_folders("my") == ["my runs/"]
    assert run_folders("my runs/d") == ["my runs/deep/toy"]
    assert run_folders("nowhere/x") == []


def test_a_pipe_with_the_name_of_a_study_file_keeps_no_shell_waiting(folder):
    os.mkfifo(folder / "configs" / "digits-pipe.yaml")
    assert study_files("configs/digits") == ["configs/digits.yaml"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_verbs_options_and_run_folders(folder):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shell = (
        'eval "$(playbook --show-completion bash)"; ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); '
        '_playbook_completion playbook; echo "${COMPREPLY[@]}"; }; '
        'ask playbook rep; ask playbook report ""; ask playbook run conf; ask playbook run --launcher ""'
    )
    env = {**os.environ, "PATH": path, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    said = subprocess.run(["bash", "-c", shell], env=env, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["report repeat", "runs/toy", "configs/digits.yaml", "local slurm ray"]
