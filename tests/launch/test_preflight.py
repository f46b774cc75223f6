"""What is wrong with a study's program, before any of it runs."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys

import pytest

from playbook_cli.errors import SpecError
from playbook_cli.launch import preflight
from playbook_cli.sampling import make
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse


@pytest.fixture
def look(tmp_path):
    def run(program, *, nuisance="x: {min: 0.0, max: 1.0}", imported=False):
        text = f"name: s\n{program}\nmetric: {{name: loss}}\nmax_train_steps: 10\ntrials: 4\nnuisance:\n  {nuisance}\n"
        spec, source = validate(parse(text, "study.yaml"))
        trials = make("halton", 0).suggest(spec.space(), [], 4)
        preflight.look(spec, source, tmp_path, trials)
        if imported:
            preflight.import_function(spec, source, tmp_path)

    return run


def write(tmp_path, name, text):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


GOOD = {
    "a function": ("toy.py", "def train(trial): ...\n", "toy:train"),
    "a class": ("toy.py", "class Train: ...\n", "toy:Train"),
    "a coroutine": ("toy.py", "async def train(trial): ...\n", "toy:train"),
    "an assignment": ("toy.py", "train = print\n", "toy:train"),
    "an import": ("toy.py", "from os import getcwd as train\n", "toy:train"),
    "a star import": ("toy.py", "from os import *\n", "toy:getcwd"),
    "a lazy module": ("toy.py", "def __getattr__(name): return print\n", "toy:train"),
    "a branch": ("toy.py", "if 1:\n    def train(trial): ...\n", "toy:train"),
    "a package": ("pkg/__init__.py", "def train(trial): ...\n", "pkg:train"),
    "a module of a package without __init__": ("pkg/sub/toy.py", "def train(trial): ...\n", "pkg.sub.toy:train"),
    "an installed module": ("unused.py", "", "json:loads"),
    "a compiled module": ("unused.py", "", "math:sqrt"),
}


@pytest.mark.parametrize(("file", "text", "name"), GOOD.values(), ids=GOOD)
def test_a_function_that_is_there_is_found_without_running_anything(look, tmp_path, file, text, name):
    write(tmp_path, file, f"{text}\n" if "star" in file else text)
    look(f"train: {name}")


@pytest.mark.parametrize("case", ["a function", "a star import", "a lazy module", "an installed module"])
def test_and_can_be_imported(look, tmp_path, case):
    file, text, name = GOOD[case]
    write(tmp_path, file, text)
    look(f"train: {name}", imported=True)


BAD = {
    "no module": ("toy.py", "", "nowhere:train", "there is no module nowhere in"),
    "no submodule": ("pkg/__init__.py", "", "pkg.sub:train", "there is no module pkg.sub"),
    "a module is no package": ("toy.py", "", "toy.sub:train", "there is no module toy.sub"),
    "no function": ("toy.py", "def trian(trial): ...\n", "toy:train", "toy.py does not define train"),
    "not Python": ("toy.py", "def train(:\n", "toy:train", "toy.py is not valid Python"),
    "a zero byte": ("toy.py", "\0", "toy:train", "toy.py is not valid Python"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_function_that_is_not_there_is_told_with_the_line_of_the_study_file(look, tmp_path, case):
    file, text, name, message = BAD[case]
    write(tmp_path, file, text)
    with pytest.raises(SpecError) as error:
        look(f"train: {name}")
    assert str(error.value).startswith("study.yaml:2: train: ")
    assert message in str(error.value)


def test_a_module_that_only_an_import_hook_finds_is_left_to_the_real_import(look, tmp_path, monkeypatch):
    """As packages are found that were installed editable."""
    write(tmp_path, "elsewhere/hooked.py", "def train(trial): ...\n")

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name != "hooked":
                return None
            return importlib.util.spec_from_file_location(name, tmp_path / "elsewhere" / "hooked.py")

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    look("train: hooked:train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_package\ndef train(trial): ...\n", "No module named 'no_such_package'"),
        ("raise SystemExit(3)\ndef train(trial): ...\n", "can't be imported"),
        ("train = 3\n", "toy has no function train"),
        ("print('\\n'.join(map(str, range(100))))\n1/0\ndef train(trial): ...\n", "ZeroDivisionError"),
    ],
)
def test_a_function_that_cannot_be_imported_is_told_with_pythons_own_words(look, tmp_path, text, message):
    write(tmp_path, "toy.py", text)
    with pytest.raises(SpecError) as error:
        look("train: toy:train", imported=True)
    assert str(error.value).startswith("study.yaml:2: train: toy:train can't be imported:\n")
    assert message in str(error.value)
    assert str(error.value).count("\n") <= preflight.SHOWN_LINES


def test_what_a_module_says_itself_when_it_is_imported_is_told_without_a_traceback(look, tmp_path):
    error_of_its_own = "ProtocolError('there are no images', hint='pip install images')"
    program = f"from playbook_cli.errors import ProtocolError\nraise {error_of_its_own}\ndef train(trial): ...\n"
    write(tmp_path, "toy.py", program)
    with pytest.raises(SpecError) as error:
        look("train: toy:train", imported=True)
    assert str(error.value) == (
        "study.yaml:2: train: toy:train can't be imported:\nthere are no images\n-> pip install images"
    )


def test_the_import_happens_in_a_process_of_its_own_and_trains_nothing(look, tmp_path):
    write(tmp_path, "toy.py", "def train(trial): raise AssertionError\n")
    look("train: toy:train", imported=True)
    assert "toy" not in sys.modules


def test_a_command_that_is_there_is_accepted(look, tmp_path):
    look("command: ['${python}', -c, pass]", imported=True)
    look("command: [sh, -c, 'true']")
    write(tmp_path, "train.sh", "true\n")
    look("command: [./train.sh]")


def test_a_command_that_is_not_there_is_told(look):
    with pytest.raises(SpecError, match=r"study\.yaml:2: command: there is no program no-such-program") as error:
        look("command: [no-such-program]")
    assert "${python}" in (error.value.hint or "")


def test_a_macro_that_one_arm_lacks_is_told_before_any_trial_runs(look):
    nuisance = "o: [a, b]\n  p: {min: 0.0, max: 1.0, when: {o: a}}"
    look("command: [sh, '${o}']", nuisance=nuisance)
    with pytest.raises(SpecError, match=r"study\.yaml:2: command: \$\{p\} is not defined in trial") as error:
        look("command: [sh, '${p}']", nuisance=nuisance)
    assert "${o}" in (error.value.hint or "")


def test_a_followed_program_that_is_not_there_is_told(look):
    with pytest.raises(SpecError, match=r"study\.yaml:2: command: there is no program no-such-program"):
        look("command: [no-such-program]\nmetrics: {csv: '${trial_dir}/log.csv'}")


def test_a_macro_that_means_nothing_is_told_where_it_stands(look):
    with pytest.raises(SpecError, match=r"study\.yaml:3: env\.A: \$\{nothing\} is not defined in trial 0"):
        look("command: [sh]\nenv: {A: '${nothing}'}")
    with pytest.raises(SpecError, match=r"study\.yaml:3: metrics: \$\{nothing\} is not defined in trial 0"):
        look("command: [sh]\nmetrics: {csv: '${nothing}/log.csv'}")


def test_a_folder_of_each_trial_need_not_be_there_yet(look):
    look("command: [sh]\ncwd: '${trial_dir}'")
