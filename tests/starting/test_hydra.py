from __future__ import annotations

import pytest

from playbook_cli.errors import SpecError
from playbook_cli.spec import source
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse
from playbook_cli.starting.hydra import draft_hydra, is_hydra

HEAD = "hydra:\n  sweeper:\n"
OPTUNA = """\
defaults:
  - override hydra/sweeper: optuna
hydra:
  sweeper:
    direction: maximize
    study_name: sphere
    n_trials: 20
    params:
      model.lr: tag(log, interval(1e-5, 1e-1))
      model.width: int(interval(16, 256))
      x: range(-5.5, 5.5, step=0.5)
      z: range(0, 4)
      y: choice(-5, 0, 5)
      +opt: adam,sgd,'a b'
      trainer.max_epochs: 30
      seed: range(0, 5)
      dropout: 0.1
"""


@pytest.fixture
def draft(tmp_path):
    def make(text, name="config.yaml"):
        path = tmp_path / "conf" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        read = source.read(path)
        assert is_hydra(read)
        made = draft_hydra(read, path, tmp_path / "study")
        return made, validate(parse(made.text("study.yaml"), "study.yaml"))[0]

    return make


def test_a_search_space_in_the_grammar_of_overrides(draft, tmp_path):
    (tmp_path / "train.py").write_text("import hydra\n@hydra.main(config_path='conf')\ndef main(cfg): ...\n")
    made, study = draft(OPTUNA)
    assert study.command == [
        "${python}",
        "../train.py",
        "${args_no_hyphens}",
        "trainer.max_epochs=${max_train_steps}",
        "seed=${seed}",
    ]
    assert (study.name, study.metric.goal, study.trials, study.max_train_steps) == ("sphere", "maximize", 20, 30)
    assert made.data["nuisance"] == {
        "model.lr": {"min": 1e-5, "max": 0.1, "scale": "log"},
        "model.width": {"min": 16, "max": 256},
        "x": {"min": -5.5, "max": 5.5},
        "z": {"min": 0, "max": 4},
        "y": {"values": [-5, 0, 5]},
        "opt": {"values": ["adam", "sgd", "a b"]},
    }
    assert made.data["fixed"] == {"dropout": 0.1}
    assert "x: the rounding to multiples of 0.5 was not carried over" in made.notes


def test_a_range_of_the_basic_sweeper_ends_before_its_stop(draft):
    made, _ = draft(f"{HEAD}    params: {{n: 'range(1, 4)', h: 'range(0.1, 0.4, 0.1)', k: 'int(choice(8.0, 9.0))'}}\n")
    assert made.data["nuisance"] == {
        "n": {"values": [1, 2, 3]},
        "h": {"values": [0.1, 0.2, 0.3]},
        "k": {"values": [8, 9]},
    }
    assert "no direction given: assumed that the metric is minimized" in made.notes


def test_older_search_spaces_are_mappings(draft):
    space = "x: {type: float, low: 0.001, high: 1, log: true}, n: {type: int, low: 1, high: 9}, a: {choices: [b, c]}"
    ax = "x: {type: range, bounds: [0.001, 1], log_scale: true}, n: {type: range, bounds: [1, 9], value_type: int}"
    expected = {"x": {"min": 0.001, "max": 1.0, "scale": "log"}, "n": {"min": 1, "max": 9}}
    assert draft(f"{HEAD}    search_space: {{{space}}}\n")[0].data["nuisance"] == {
        **expected,
        "a": {"values": ["b", "c"]},
    }
    assert draft(f"{HEAD}    ax_config: {{params: {{{ax}}}}}\n")[0].data["nuisance"] == expected


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ("x: glob(*)", "has no equivalent in a study"),
        ("x: interval(1, 1)", "can't be searched"),
        ("x: tag(log, interval(0, 1))", "can't be searched on a log scale"),
        ("x: range(5, 1)", "the range is empty"),
        ("x: range(step=2)", "the range is empty"),
        ("x: range(0, 1e9)", "values"),
        ("x: interval(a, b)", "a is not a number"),
        ("x: interval(1)", "can't be read as a sweep"),
        ("x: {low: 1}", "it has neither a range nor choices"),
    ],
)
def test_what_no_study_can_say_is_refused_with_its_line(draft, params, problem):
    with pytest.raises(SpecError, match=problem) as caught:
        draft(f"{HEAD}    params:\n      {params}\n")
    assert caught.value.where.endswith("config.yaml:4")


@pytest.mark.parametrize("text", ["hydra: {}\n", "hydra: 3\n", f"{HEAD}    params: null\n", "hydra: {sweeper: []}\n"])
def test_a_config_that_sweeps_nothing_is_refused(draft, text):
    with pytest.raises(SpecError, match="defines no sweep"):
        draft(text)
