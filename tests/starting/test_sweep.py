"""Studies for W&B sweeps."""

from __future__ import annotations

import math

import pytest
import yaml

from playbook_cli.errors import SpecError
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse
from playbook_cli.starting.sweep import draft_sweep

SWEEP = """
program: train.py
method: random
metric: {name: val/acc, goal: maximize}
"""


@pytest.fixture
def draft(tmp_path):
    def make(parameters, **more):
        text = yaml.safe_dump({**yaml.safe_load(SWEEP), "parameters": parameters, **more})
        made = draft_sweep(parse(text, "sweep.yaml"), tmp_path / "sweep.yaml", tmp_path)
        return made, validate(parse(made.text("study.yaml"), "study.yaml"))[0]

    return make


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"min": 0.1, "max": 0.5}, {"min": 0.1, "max": 0.5}),
        ({"min": 1, "max": 8}, {"min": 1, "max": 8}),
        ({"distribution": "uniform", "min": 1, "max": 8}, {"min": 1.0, "max": 8.0}),
        ({"distribution": "int_uniform", "min": 1, "max": 8}, {"min": 1, "max": 8}),
        ({"distribution": "log_uniform_values", "min": 0.1, "max": 1}, {"min": 0.1, "max": 1.0, "scale": "log"}),
        ({"distribution": "inv_log_uniform_values", "min": 0.1, "max": 1}, {"min": 0.1, "max": 1.0, "scale": "log"}),
        ({"distribution": "q_uniform", "min": 32, "max": 96, "q": 32}, {"values": [32, 64, 96]}),
        ({"distribution": "q_uniform", "min": 0.0, "max": 0.3, "q": 0.1}, {"values": [0.0, 0.1, 0.2, 0.3]}),
        ({"distribution": "q_uniform", "min": 1, "max": 9}, {"min": 1, "max": 9}),
        (
            {"distribution": "q_log_uniform_values", "min": 32, "max": 512, "q": 1},
            {"min": 32, "max": 512, "scale": "log"},
        ),
        ({"values": ["a", 2, None, True]}, {"values": ["a", 2, None, True]}),
        ({"distribution": "categorical", "values": [1, 2]}, {"values": [1, 2]}),
        ({"values": [[1, 2], [3]]}, {"values": [[1, 2], [3]]}),
        ({"distribution": "normal", "mu": 1.0, "sigma": 0.2}, {"min": 0.6, "max": 1.4}),
        ({"distribution": "log_normal", "mu": 0.0, "sigma": 1.0}, {"min": 0.135, "max": 7.39, "scale": "log"}),
    ],
    ids=str,
)
def test_every_distribution_becomes_what_it_means(draft, given, expected):
    made, study = draft({"p": given})
    assert made.data["nuisance"] == {"p": expected}
    assert "p" in study.nuisance


@pytest.mark.parametrize("given", [{"value": 3}, {"values": [3]}, {"distribution": "constant", "value": 3}])
def test_one_value_is_fixed(draft, given):
    assert draft({"p": given})[1].fixed == {"p": 3}


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ({"values": [1, 2], "probabilities": [0.9, 0.1]}, "p: probabilities were not carried over"),
        ({"distribution": "q_uniform", "min": 0.0, "max": 9.0, "q": 0.1}, "p: the rounding to multiples of 0.1"),
        (
            {"distribution": "normal", "mu": 1.0, "sigma": 0.2},
            "p: normal became a uniform range of two standard deviations",
        ),
        ({"parameters": {"lr": {"min": 0.1, "max": 1.0}}}, "p is nested"),
    ],
    ids=str,
)
def test_what_could_not_be_carried_over_is_said(draft, given, note):
    made, _ = draft({"p": given})
    assert any(said.startswith(note) for said in made.notes)
    assert note[:30] in made.text("study.yaml")


@pytest.mark.parametrize("kind", ["log_uniform", "q_log_uniform", "inv_log_uniform"])
def test_a_bare_log_uniform_is_refused_with_the_fix(draft, kind):
    with pytest.raises(SpecError) as error:
        draft({"p": {"distribution": kind, "min": 1, "max": 3}})
    assert f"p: the ends of {kind} are exponents, so min: 1 means exp(1) = {math.exp(1):.3g}" in str(error.value)
    assert "write distribution: log_uniform_values, min: 2.72, max: 20.1;" in error.value.hint


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"distribution": "beta", "min": 0, "max": 1}, "the distribution beta is not supported"),
        ({"distribution": "uniform", "max": 1}, "uniform needs numbers as min and max"),
        ({}, "uniform needs numbers as min and max"),
        ({"value": {"a": 1}}, "is not a valid value"),
    ],
    ids=str,
)
def test_what_has_no_counterpart_is_refused_with_its_line(draft, given, problem):
    with pytest.raises(SpecError, match=r"sweep\.yaml:\d+: p: ") as error:
        draft({"p": given})
    assert problem in str(error.value)


def test_nested_parameters_are_arguments_of_their_own(draft):
    made, study = draft({"opt": {"parameters": {"lr": {"min": 0.1, "max": 1.0}, "eps": {"value": 1e-8}}}})
    assert list(made.data["nuisance"]) == ["opt.lr"]
    assert study.fixed == {"opt.eps": 1e-8}


def test_the_length_of_training_is_no_hyperparameter(draft):
    made, study = draft({"epochs": {"values": [5, 20]}, "lr": {"min": 0.1, "max": 1.0}})
    assert study.max_train_steps == 20
    assert study.command[-1] == "--epochs=${max_train_steps}"
    assert any("epochs is max_train_steps, which is never tuned" in note for note in made.notes)
    assert list(made.data["nuisance"]) == ["lr"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (None, ["${python}", "train.py", "${args}"]),
        (
            ["${env}", "${interpreter}", "${program}", "${args_no_hyphens}"],
            ["${python}", "train.py", "${args_no_hyphens}"],
        ),
        (["torchrun", "${program}", "--x=${args_json_file}"], ["torchrun", "train.py", "--x=${args_json_file}"]),
    ],
)
def test_the_command_keeps_its_meaning(draft, command, expected):
    made, study = draft({"lr": {"min": 0.1, "max": 1.0}}, **({"command": command} if command else {}))
    if command and "torchrun" in command:
        assert study.command == ["torchrun", "train.py"]
        assert any("has no equivalent" in note for note in made.notes)
    else:
        assert study.command == expected


def test_method_and_further_keys(draft):
    made, study = draft(
        {"lr": {"values": [0.1, 1.0]}}, method="grid", early_terminate={"type": "hyperband"}, project="p"
    )
    assert (study.sampler, study.trials) == ("grid", None)
    assert {"`early_terminate` was not carried over", "`project` was not carried over"} <= set(made.notes)
    made, study = draft({"lr": {"min": 0.1, "max": 1.0}}, run_cap=12)
    assert (study.sampler, study.trials, study.metric.name, study.metric.goal) == ("halton", 12, "val/acc", "maximize")


@pytest.mark.parametrize("text", ["a: 1", "[1, 2]", "parameters: 3"])
def test_what_is_no_sweep_is_refused(tmp_path, text):
    with pytest.raises(SpecError, match="this is not a sweep"):
        draft_sweep(parse(text, "sweep.yaml"), tmp_path / "sweep.yaml", tmp_path)


def test_a_log_uniform_whose_ends_can_only_be_exponents_is_read_so(draft):
    made, _ = draft(
        {
            "lr": {"distribution": "log_uniform", "min": -9.21, "max": -2.3},
            "units": {"distribution": "q_log_uniform", "min": 3, "max": 6, "q": 8},
        }
    )
    assert made.data["nuisance"]["lr"] == {"min": 0.000100034, "max": 0.100259, "scale": "log"}
    assert made.data["nuisance"]["units"] == {"min": 24, "max": 400, "scale": "log"}
    assert "lr: the ends of log_uniform are exponents, so the range is 0.0001 to 0.1" in made.notes


def test_a_grid_has_all_whole_numbers_of_a_range_as_in_wandb(draft):
    made, study = draft({"kernel": {"distribution": "int_uniform", "min": 3, "max": 5}}, method="grid")
    assert made.data["nuisance"] == {"kernel": {"values": [3, 4, 5]}}
    assert study.sampler == "grid"


def test_values_that_stand_there_twice_are_written_once(draft):
    made, _ = draft({"decay": {"values": [1e-5, 1e-6, 1e-6]}, "one": {"values": [2, 2]}})
    assert (made.data["nuisance"], made.data["fixed"]) == ({"decay": {"values": [1e-5, 1e-6]}}, {"one": 2})
    assert "decay: duplicate values were removed" in made.notes


def test_ends_that_are_one_value_are_fixed(draft):
    made, _ = draft({"lr": {"min": 0.001, "max": 0.001}, "x": {"values": [1, 2]}})
    assert made.data["fixed"] == {"lr": 0.001}


def test_seeds_and_lengths_of_training_are_no_hyperparameters(draft):
    made, _ = draft(
        {
            "lr": {"values": [1, 2]},
            "seed": {"values": [7, 8, 9]},
            "epoch": {"values": [4, 8]},
            "num_train_epochs": {"values": [2, 6]},
        }
    )
    assert list(made.data["nuisance"]) == ["lr"]
    assert made.data["max_train_steps"] == 8
    assert made.data["command"][-2:] == ["--epoch=${max_train_steps}", "--seed=${seed}"]
    assert any("num_train_epochs looks like the training length" in note for note in made.notes)
    assert any("seed is not a hyperparameter" in note for note in made.notes)


def test_variables_that_the_command_sets_become_the_studys(draft):
    command = ["${env}", "CUDA_VISIBLE_DEVICES=0", "python", "-m", "pkg.train", "${args}"]
    made, study = draft({"lr": {"values": [1, 2]}}, command=command)
    assert made.data["command"] == ["python", "-m", "pkg.train", "${args}"]
    assert study.env == {"CUDA_VISIBLE_DEVICES": "0"}


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"opt": {"kind": {"values": ["a"]}, "rate": {"values": [1]}}}, "nested parts: kind, rate"),
        ({"lr": {"min": 2.0, "max": 1.0}}, "the range from 2.0 to 1.0 can't be searched"),
        (
            {"lr": {"distribution": "log_uniform_values", "min": 0, "max": 1}},
            "the range from 0 to 1 can't be searched, on a log scale",
        ),
    ],
)
def test_what_is_wrong_is_told_by_the_line_of_the_sweep_file(draft, given, what):
    with pytest.raises(SpecError) as refused:
        draft(given)
    assert what in refused.value.what
    assert refused.value.where.startswith("sweep.yaml:")


def test_a_sweep_that_leaves_its_goal_open_is_asked_for_it(draft):
    assert draft({"lr": {"values": [1, 2]}}, metric={"name": "dev/mAP"})[0].data["metric"]["goal"] == "maximize"
    with pytest.raises(SpecError, match="whether to minimize or maximize it") as refused:
        draft({"lr": {"values": [1, 2]}}, metric={"name": "thing"})
    assert refused.value.where.startswith("sweep.yaml:")
