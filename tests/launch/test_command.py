"""The command line and the environment of a trial."""

from __future__ import annotations

import json
import os
import sys

import pytest

from playbook_cli.errors import SpecError
from playbook_cli.files.paths import TrialPaths
from playbook_cli.launch.command import job
from playbook_cli.records import TrialRecord
from playbook_cli.spec.model import StudySpec

PARAMS = {"learning_rate": 0.001, "layers": 2, "nesterov": True, "amsgrad": False, "act": "relu", "clip": None}


@pytest.fixture
def made(tmp_path):
    def make(*command, params=PARAMS, **changes):
        program = {"command": list(command)} if command else {"train": "pkg.mod:train"}
        spec = StudySpec.model_validate(
            {"name": "s", "metric": {"name": "loss"}, "max_train_steps": 100, "trials": 1, **program, **changes}
        )
        trial = TrialRecord(id=7, params=params, arm={}, seed=42)
        return job(spec, trial, TrialPaths(tmp_path / "runs" / "s" / "trials" / "0007"), tmp_path)

    return make


def test_a_function_is_called_in_a_python_of_its_own(made):
    assert made().argv == (sys.executable, "-m", "playbook_cli.launch.entry", "pkg.mod:train")


def test_all_hyperparameters_can_be_arguments(made):
    assert made("${python}", "t.py", "${args}").argv == (
        sys.executable,
        "t.py",
        "--learning_rate=0.001",
        "--layers=2",
        "--nesterov=True",
        "--amsgrad=False",
        "--act=relu",
        "--clip=None",
    )
    assert made("x", "${args_no_hyphens}").argv[1:3] == ("learning_rate=0.001", "layers=2")
    assert made("x", "${args_no_boolean_flags}").argv == (
        "x",
        "--learning_rate=0.001",
        "--layers=2",
        "--nesterov",
        "--act=relu",
        "--clip=None",
    )


def test_single_values_can_stand_anywhere_in_a_word(made, tmp_path):
    words = made(
        "x", "--lr=${learning_rate}", "${layers}x${layers}", "${seed}", "${max_train_steps}", "${eval_every}"
    ).argv[1:]
    assert words == ("--lr=0.001", "2x2", "42", "100", "2")
    folder = tmp_path / "runs" / "s" / "trials" / "0007"
    assert made("x", "${trial_dir}/log.csv", "${params_file}").argv[1:] == (
        f"{folder}/log.csv",
        f"{folder}/params.json",
    )


def test_what_is_no_macro_stays_as_it_is(made):
    assert made("x", "$HOME", "$(ls)", "{}", "; rm", "").argv == ("x", "$HOME", "$(ls)", "{}", "; rm", "")


def test_arguments_are_written_as_the_study_says(made):
    argv = made(
        "x", "${args}", params={"lr": 1e-05, "on": True}, args={"style": "--name value", "names": {"lr": "a.lr"}}
    )
    assert argv.argv == ("x", "--a.lr", "1e-05", "--on", "True")
    hydra = made("x", "${args_no_hyphens}", params={"o.lr": 0.0, "s": "a b", "n": None, "on": False})
    assert hydra.argv == ("x", "o.lr=0.0", "s='a b'", "n=null", "on=false")


def test_folder_and_variables_can_hold_macros(made, tmp_path):
    planned = made("x", cwd="${trial_dir}/sub", env={"ID": "${trial_id}", "HERE": "${study_dir}"})
    assert planned.cwd == tmp_path / "runs" / "s" / "trials" / "0007" / "sub"
    assert planned.env.items() >= {"ID": "7", "HERE": str(tmp_path)}.items()
    with pytest.raises(SpecError, match=r"^env.A: \$\{nothing\} is not defined in trial 7"):
        made("x", env={"A": "${nothing}"})


def test_a_program_whose_numbers_are_elsewhere_is_followed(made, tmp_path):
    files = {"csv": "${trial_dir}/log_*.csv", "step": "it", "names": {"loss": "val"}}
    argv = made("prog", "${layers}", metrics=files, checkpoints={"files": "${trial_dir}/*.pt", "keep": "best"}).argv
    assert argv[:3] == (sys.executable, "-m", "playbook_cli.following.process")
    assert argv[4:] == ("prog", "2")
    task = json.loads(argv[3])
    folder = tmp_path / "runs" / "s" / "trials" / "0007"
    assert (task["kind"], task["step"], task["names"]) == ("csv", "it", {"loss": "val"})
    assert task["files"] == f"{folder}/log_*.csv"
    assert task["checkpoints"]["prune"]


def test_what_looks_like_a_wildcard_in_a_value_is_none(made):
    planned = made("x", params={"act": "a*[b]"}, metrics={"csv": "out/${act}/*.csv"})
    assert json.loads(planned.argv[3])["files"] == "out/a[*][[]b]/*.csv"


@pytest.mark.parametrize("word", ["${nothing}", "--x=${args}", "${}", "${learning_rate }"])
def test_a_macro_that_means_nothing_is_an_error_that_names_those_there_are(made, word):
    with pytest.raises(SpecError, match="is not defined in trial 7") as error:
        made("x", word)
    assert "${args}, ${learning_rate}" in (error.value.hint or "")


def test_a_value_that_looks_like_a_macro_is_not_expanded_again(made):
    assert made("x", "${act}", params={"act": "${seed}"}).argv == ("x", "${seed}")


def test_the_environment_tells_the_trial_all_about_itself(made, tmp_path):
    folder = tmp_path / "runs" / "s" / "trials" / "0007"
    env = made(eval_every=5, metric={"name": "acc", "goal": "maximize"}).env
    assert {name: value for name, value in env.items() if name.startswith("PLAYBOOK_")} == {
        "PLAYBOOK_TRIAL_ID": "7",
        "PLAYBOOK_TRIAL_DIR": str(folder),
        "PLAYBOOK_PARAMS": str(folder / "params.json"),
        "PLAYBOOK_SEED": "42",
        "PLAYBOOK_MAX_TRAIN_STEPS": "100",
        "PLAYBOOK_EVAL_EVERY": "5",
        "PLAYBOOK_METRICS": str(folder / "metrics.jsonl"),
        "PLAYBOOK_METRIC": "acc",
        "PLAYBOOK_GOAL": "maximize",
    }


def test_what_belongs_to_the_slot_or_to_another_trial_is_not_inherited(made, monkeypatch):
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "OMP_NUM_THREADS", "PLAYBOOK_STOP_STEP"):
        monkeypatch.setenv(name, "9")
    monkeypatch.setenv("KEPT", "yes")
    env = made().env
    assert env["KEPT"] == "yes"
    assert not {"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "OMP_NUM_THREADS", "PLAYBOOK_STOP_STEP"} & env.keys()


def test_the_users_variables_stand_above_all(made):
    assert made(env={"OMP_NUM_THREADS": "4", "A": "b"}).env.items() >= {"OMP_NUM_THREADS": "4", "A": "b"}.items()


def test_the_study_files_folder_is_importable_before_what_was(made, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert made().env["PYTHONPATH"] == f"{tmp_path}{os.pathsep}/elsewhere"
    monkeypatch.delenv("PYTHONPATH")
    assert made().env["PYTHONPATH"] == str(tmp_path)


def test_a_trial_runs_in_the_study_files_folder_or_below(made, tmp_path):
    assert made().cwd == tmp_path
    assert made(cwd="sub").cwd == tmp_path / "sub"
    assert made(cwd="/elsewhere").cwd.as_posix() == "/elsewhere"
