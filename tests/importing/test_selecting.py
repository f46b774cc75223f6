"""Which settings are hyperparameters."""

from __future__ import annotations

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import selecting
from playbook_cli.importing.importing import Wish, study
from playbook_cli.importing.runs import Run, Runs

RUNS = [{"lr": 0.1 * n, "act": "relu" if n % 2 else "gelu", "tag": f"run {n}", "depth": 3} for n in range(1, 9)]


def made(params, **wishes):
    runs = [Run(name="r", params=given, evaluations=[{"step": 1, "loss": 1.0}]) for given in params]
    return study(Runs(source="there", format="files", runs=runs), Wish(name="x", **wishes))


def test_text_that_is_another_one_in_every_run_is_left_out_with_a_note():
    result = made(RUNS)
    assert set(result.spec.nuisance) == {"lr", "act"}
    assert result.spec.fixed == {"depth": 3}
    assert any("left out" in note and "tag" in note and "--hyperparameter" in note for note in result.notes)


def test_text_that_tells_the_other_settings_again_is_left_out():
    repeated = [{"lr": n / 10, "group": f"lr={n / 10}", "seed": seed} for n in range(6) for seed in (1, 2)]
    result = made(repeated)
    assert set(result.spec.nuisance) == {"lr"}
    assert result.points == 6


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("run_name", ["a", "b"]),
        ("train.output_dir", ["a", "b"]),
        ("hostname", ["n1", "n2"]),
        ("pid", [1, 2]),
        ("began", ["2026-01-01 10:00:00", "2026-01-01 10:00:01.5"]),
        ("took", ["0 days 00:00:01", "0 days 00:10:01"]),
        ("name", ["x", "y"]),
    ],
)
def test_names_folders_hosts_and_times_are_no_hyperparameters_in_few_runs_either(name, values):
    assert selecting.labels([{"lr": 1, name: value} for value in values]) == [name]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("optimizer.name", ["adam", "sgd"]),
        ("optimizer", ["adam", "sgd", "lion"]),
        ("data_dir", ["imagenet", "cifar"]),
        ("layers", ["64-64", "128", "64-64", "128", "32", "32", "16", "8", "4"]),
        ("width", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("optimizer", ["a", "b", "c", "d", "e", "f", "a", "b", "c", "d", "e", "f"]),
    ],
)
def test_choices_and_numbers_are_hyperparameters(name, values):
    assert selecting.labels([{"lr": index, name: value} for index, value in enumerate(values)]) == []


def test_the_user_decides_which_settings_are_hyperparameters():
    assert set(made(RUNS, hyperparameters=["lr", "tag"]).spec.nuisance) == {"lr", "tag"}
    assert set(made(RUNS, ignored=["lr"]).spec.nuisance) == {"act"}
    with pytest.raises(PlaybookError, match="no run has a hyperparameter named 'width'"):
        made(RUNS, hyperparameters=["width"])


def test_seeds_stay_seeds_where_the_user_names_hyperparameters():
    result = made([{"lr": 1, "wd": 2, "seed": 5}, {"lr": 2, "wd": 2, "seed": 6}], hyperparameters=["lr"])
    assert [trial.seed for trial in result.trials] == [5, 6]
