"""What a study counts as a step."""

from __future__ import annotations

import pytest

from playbook_cli.spec.model import StudySpec
from playbook_cli.spec.units import step_unit, unit_of, unit_warnings

STUDY = {"name": "s", "metric": {"name": "val_loss"}, "max_train_steps": 10, "trials": 4}


def spec(limit=None, pattern=None, **keys):
    program = {"train": "a:b"}
    if limit is not None:
        program = {"command": ["${python}", "t.py", limit]}
    if pattern is not None:
        program["metrics"] = {"stdout": [pattern]}
    return StudySpec.model_validate({**STUDY, **program, **keys})


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("--epochs", "epochs"),
        ("num_train_epochs", "epochs"),
        ("trainer.max_epochs", "epochs"),
        ("--total-timesteps", "env_steps"),
        ("max_tokens", "tokens"),
        ("--max-steps", "updates"),
        ("global_step", "updates"),
        ("n_iters", "updates"),
        ("--budget", None),
        ("epoch_size", None),
    ],
)
def test_a_name_says_what_it_counts(name, unit):
    assert unit_of(name) == unit


@pytest.mark.parametrize(
    ("limit", "pattern", "unit"),
    [
        (None, None, "updates"),
        ("--epochs=${max_train_steps}", None, "epochs"),
        ("${max_train_steps}", r"Epoch: \s*(?P<step>\d+) loss (?P<val_loss>\S+)", "epochs"),
        ("${max_train_steps}", r"\[epoch (?P<step>\d+)\] loss (?P<val_loss>\S+)", "epochs"),
        ("${max_train_steps}", r"iter (?P<step>\d+): (?P<val_loss>\S+)", "updates"),
        ("--n=${max_train_steps}", r"(?P<step>\d+) (?P<val_loss>\S+)", None),
        ("--total-timesteps=${max_train_steps}", r"global_step=(?P<step>\d+) (?P<val_loss>\S+)", "env_steps"),
    ],
)
def test_the_command_and_then_the_pattern_say_what_a_step_is(limit, pattern, unit):
    assert step_unit(spec(limit, pattern)) == unit


def test_an_option_and_its_value_may_be_two_words():
    study = StudySpec.model_validate({**STUDY, "command": ["t", "--epochs", "${max_train_steps}"]})
    assert step_unit(study) == "epochs"


def test_what_the_study_file_says_counts():
    assert step_unit(spec("--epochs=${max_train_steps}", step_unit="updates")) == "updates"


def test_epochs_in_one_place_and_updates_in_the_other_are_a_warning():
    pattern = r"iter (?P<step>\d+) (?P<val_loss>\S+)"
    (warning,) = unit_warnings(spec("--epochs=${max_train_steps}", pattern))
    assert warning.what == "max_train_steps seems to count epochs, and the steps of the metrics updates"
    assert not [*unit_warnings(spec("--epochs=${max_train_steps}", pattern, step_unit="epochs"))]
    assert not [*unit_warnings(spec("--max-steps=${max_train_steps}", pattern))]
    timesteps = spec("--total-timesteps=${max_train_steps}", r"global_step=(?P<step>\d+) (?P<val_loss>\S+)")
    assert not [*unit_warnings(timesteps)]
