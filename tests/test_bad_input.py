"""Bad input through the command line: one clear message, exit code 2, no traceback, nothing written."""

from __future__ import annotations

import json

import pytest

STUDY = """\
name: toy
train: toy:train
metric: {name: val_error}
max_train_steps: 4
trials: 4
nuisance:
  x: {min: 0.0, max: 1.0}
"""
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


def changed(old, new):
    assert old in STUDY
    return STUDY.replace(old, new)


CASES = {
    "empty": ("", "study.yaml: the file is empty"),
    "a tab": (changed("  x:", "\tx:"), "study.yaml:7: not valid YAML"),
    "an unknown key": (STUDY + "tirals: 5\n", "study.yaml:8: tirals: unknown key"),
    "an unknown key of a parameter": (
        changed("max: 1.0}", "maxi: 1.0}"),
        "study.yaml:7: nuisance.x.maxi: unknown key\n  -> did you mean max?",
    ),
    "min above max": (changed("min: 0.0", "min: 2.0"), "study.yaml:7: nuisance.x.min: min is 2.0, but max is 1.0"),
    "a log scale from 0": (
        changed("max: 1.0", "max: 1.0, scale: log"),
        "study.yaml:7: nuisance.x.min: a log scale can't start at 0.0",
    ),
    "a name in two roles": (STUDY + "fixed:\n  x: 1\n", "study.yaml:9: fixed.x: x is already nuisance"),
    "max_train_steps under a role": (
        STUDY + "fixed: {max_train_steps: 10}\n",
        "study.yaml:8: fixed.max_train_steps: max_train_steps is never tuned inside a study",
    ),
    "no metric": (changed("metric: {name: val_error}\n", ""), "study.yaml:1: `metric` is missing"),
    "no trials": (
        changed("trials: 4", "trials: 0"),
        "study.yaml:5: trials: write a number greater than or equal to 1, not 0",
    ),
    "trials that the arms do not divide": (
        STUDY + "scientific: {a: [1, 2, 3]}\n",
        "study.yaml:5: trials: 4 trials can't be split equally among 3 arms\n  -> write 3 or 6",
    ),
    "when naming an unknown parameter": (
        changed("max: 1.0", "max: 1.0, when: {y: 1}"),
        "study.yaml:7: nuisance.x.when.y: `when` names y, which is not another hyperparameter",
    ),
    "a module that is not there": (changed("toy:train", "tyo:train"), "study.yaml:2: train: there is no module tyo"),
    "a function that is not there": (changed("toy:train", "toy:trian"), "study.yaml:2: train: "),
    "a name with a slash": (changed("name: toy\n", "name: a/b\n"), "study.yaml:1: name: 'a/b' can't name a folder"),
    "a name that climbs": (changed("name: toy\n", "name: ..\n"), "study.yaml:1: name: '..' can't name a folder"),
    "a bomb": (BOMB, "study.yaml:"),
    "an object tag": (
        changed("x: {min: 0.0, max: 1.0}", "x: !!python/object/apply:os.system [touch ran]"),
        "study.yaml:7: the tag !!python/object/apply:os.system is not allowed",
    ),
    "a key twice": (STUDY + "seed: 1\nseed: 2\n", "study.yaml:9: the key 'seed' appears twice"),
    "an alias of itself": (STUDY + "fixed: &a {b: *a}\n", "study.yaml:8: an alias contains itself"),
    "deep nesting": (STUDY + "fixed: {a: " + "[" * 1000 + "]" * 1000 + "}\n", "study.yaml: the file is nested too"),
    "shallower nesting": (STUDY + "fixed: {a: " + "[" * 150 + "]" * 150 + "}\n", "study.yaml:8: fixed.a"),
    "a list": ("- name: toy\n", "study.yaml:1: a study file must be a mapping"),
    "text for a number": (
        changed("max_train_steps: 4", "max_train_steps: many"),
        "study.yaml:4: max_train_steps: write",
    ),
    "a macro that means nothing": (
        changed("train: toy:train", "command: [sh, '${y}']"),
        "study.yaml:2: command: ${y} is not defined in trial 0",
    ),
    "a program that is not there": (
        changed("train: toy:train", "command: [no-such-program]"),
        "study.yaml:2: command: there is no program no-such-program",
    ),
    "a folder that is not there": (
        changed("train: toy:train", "command: ['${python}']\ncwd: nowhere"),
        "study.yaml:3: cwd: ",
    ),
    "a variable that is none": (
        STUDY + "env: {'A=B': c}\n",
        "study.yaml:8: env.A=B: 'A=B' can't be the name of a variable",
    ),
    "a zero byte in an argument": (
        changed("train: toy:train", 'command: [sh, "a\\0b"]'),
        "study.yaml:2: arguments, variables and names can't contain a zero byte",
    ),
    "a zero byte in a variable": (
        STUDY + 'env: {A: "a\\0b"}\n',
        "study.yaml:8: arguments, variables and names can't contain a zero byte",
    ),
    "a study that another tool ran": (
        changed("train: toy:train", "imported: {source: log.csv, format: csv}"),
        "study.yaml:2: this study was imported from log.csv, so it can't be run",
    ),
    "a launcher that there is not": (STUDY + "launcher: lsf\n", "study.yaml:8: launcher: write"),
    "more GPUs than there are": (STUDY + "resources: {gpus: 999}\n", "a trial needs 999 GPUs"),
}


@pytest.fixture
def folder(bench):
    bench.write("toy.py", "def train(trial): raise AssertionError\n")
    return bench


def check(bench, answer, message):
    assert answer.code == 2
    assert message in answer.err
    assert answer.err.startswith("playbook: ")
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert not (bench.folder / "runs").exists()
    assert {path.name for path in bench.folder.iterdir()} <= {"study.yaml", "toy.py", "__pycache__"}


@pytest.mark.parametrize(("text", "message"), CASES.values(), ids=CASES)
def test_a_study_file_that_cannot_be_run_is_refused_by_run(folder, text, message):
    folder.write("study.yaml", text)
    check(folder, folder("run", "study.yaml"), message)


@pytest.mark.parametrize(
    ("text", "message"),
    [case for name, case in CASES.items() if "GPU" not in name],
    ids=[name for name in CASES if "GPU" not in name],
)
def test_and_by_plan(folder, text, message):
    folder.write("study.yaml", text)
    check(folder, folder("plan", "study.yaml"), message)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["an unknown key", "a bomb", "an object tag"])
def test_and_by_a_command_of_its_own(folder, case):
    text, message = CASES[case]
    folder.write("study.yaml", text)
    check(folder, folder.real("run", "study.yaml"), message)


def test_a_missing_file_is_named(folder):
    for verb in ("run", "plan"):
        check(folder, folder(verb, "nowhere.yaml"), "nowhere.yaml: there is no such file")


def test_a_function_that_does_not_import_is_told_with_pythons_words(folder):
    folder.write("study.yaml", STUDY)
    folder.write("toy.py", "import no_such_package\ndef train(trial): ...\n")
    answer = folder("run", "study.yaml")
    assert answer.code == 2
    assert "study.yaml:2: train: toy:train can't be imported" in answer.err
    assert "No module named 'no_such_package'" in answer.err
    assert not (folder.folder / "runs").exists()


def test_a_gpu_that_is_not_there_is_told(folder):
    folder.write("study.yaml", STUDY)
    check(folder, folder("run", "study.yaml", "--gpus", "77"), "--gpus 77: not all of these GPUs are available")


def test_a_folder_where_nothing_may_be_written_is_told(folder):
    folder.write("study.yaml", STUDY.replace("toy:train", "json:loads"))
    folder.write("file", "")
    answer = folder("run", "study.yaml", "--runs", "file")
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert "file" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["run", "study.yaml", "--jobs", "0"], ["run", "study.yaml", "--jobs", "many"], ["fly"], ["plan", "-x"]],
    ids=" ".join,
)
def test_a_command_line_that_makes_no_sense_is_refused_with_help(folder, arguments):
    folder.write("study.yaml", STUDY)
    answer = folder(*arguments)
    assert answer.code == 2
    assert "Usage: " in answer.err
    assert not (folder.folder / "runs").exists()


def test_status_of_what_was_never_run_says_how_to_run_it(folder):
    folder.write("study.yaml", STUDY)
    answer = folder("status", "study.yaml")
    assert answer.code == 2
    assert "study.yaml: this study has not been run" in answer.err
    assert "playbook run study.yaml" in answer.err
    answer = folder("status", "runs/toy")
    assert answer.code == 2
    assert "runs/toy: there is no such folder" in answer.err


def test_all_problems_of_a_file_are_told_at_once(folder):
    folder.write("study.yaml", json.dumps({"name": "toy", "surprise": 1, "metric": {"nam": "x"}}, indent=1))
    answer = folder("plan", "study.yaml")
    for message in ("surprise: unknown key", "metric.nam: unknown key", "`max_train_steps`"):
        assert message in answer.err
