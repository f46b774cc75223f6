"""What the listed points of a study must be."""

from __future__ import annotations

import json

import pytest

from playbook_cli.errors import SpecError
from playbook_cli.spec.load import dump, plain, resolve, validate
from playbook_cli.spec.load import load as load_file
from playbook_cli.spec.source import parse

STUDY = {
    "name": "s",
    "train": "m:f",
    "metric": {"name": "val_error"},
    "max_train_steps": 100,
    "sampler": "listed",
    "points": [{"optimizer": "sgd", "lr": 0.1, "layers": 2}, {"optimizer": "adam", "lr": 1, "layers": 3, "beta": 0.5}],
    "scientific": {"optimizer": ["sgd", "adam"]},
    "nuisance": {
        "lr": {"min": 0.001, "max": 1.0, "scale": "log"},
        "layers": {"min": 1, "max": 4},
        "beta": {"min": 0.1, "max": 0.9, "when": {"optimizer": "adam"}},
    },
    "fixed": {"batch_size": 64},
}
POINT = STUDY["points"][0]


def load(**changes):
    keys = {key: value for key, value in {**STUDY, **changes}.items() if value is not None}
    return validate(parse(json.dumps(keys, indent=1), "study.yaml"))[0]


def test_listed_points_are_as_many_trials_as_there_are():
    assert resolve(load()).trials == 2
    assert load(trials=2).trials == 2


WRONG = {
    "no points": ({"points": None, "trials": 2}, "sampler: a listed study needs points, one for each trial"),
    "no point": ({"points": []}, "points: write"),
    "another sampler": (
        {"sampler": "sobol", "trials": 2},
        "points: points need sampler: listed, but the sampler is sobol",
    ),
    "another number of trials": ({"trials": 3}, "trials: there are 2 points"),
    "a name that is missing": (
        {"points": [{"optimizer": "sgd", "lr": 0.1}]},
        "points: the point has no value for layers",
    ),
    "a conditional name that is missing": (
        {"points": [{**POINT, "optimizer": "adam"}]},
        "points: the point has no value for beta",
    ),
    "a conditional name that does not apply": (
        {"points": [{**POINT, "beta": 0.5}]},
        "points.beta: beta does not apply with the other settings",
    ),
    "an unknown name": ({"points": [{**POINT, "x": 1}]}, "points.x: this study has no hyperparameter named x"),
    "a fixed name": ({"points": [{**POINT, "batch_size": 32}]}, "points.batch_size: batch_size is fixed at 64"),
    "above the range": ({"points": [{**POINT, "lr": 1.5}]}, "points.lr: 1.5 is outside the range 0.001 to 1"),
    "below the range": ({"points": [{**POINT, "layers": 0}]}, "points.layers: 0 is outside the range 1 to 4"),
    "no whole number": (
        {"points": [{**POINT, "layers": 1.5}]},
        "points.layers: layers must be a whole number, not 1.5",
    ),
    "no number": ({"points": [{**POINT, "lr": "high"}]}, "points.lr: lr must be a number, not 'high'"),
    "true": ({"points": [{**POINT, "layers": True}]}, "points.layers: layers must be a number, not True"),
    "no choice": (
        {"points": [{**POINT, "optimizer": "lion"}]},
        "points.optimizer: optimizer must be one of sgd, adam, not lion",
    ),
    "from that is no path": (
        {"points": [{**POINT, "from": 3}]},
        "points.from: `from` must be the path of a checkpoint",
    ),
    "from under a program that is followed": (
        {
            "points": [{**POINT, "from": "a.pt"}],
            "train": None,
            "command": ["x"],
            "metrics": {"stdout": ["(?P<step>x) (?P<val_error>y)"]},
        },
        "points.from: a program that is followed by `metrics`",
    ),
    "a round of other points": (
        {"round": {"number": 2, "after": "runs/s", "trials": [1, 2, 3]}},
        "round.trials: there are 2 points, but 3 trials",
    ),
    "the first round": ({"round": {"number": 1, "after": "runs/s"}}, "round.number: write a number"),
    "rounds that shrink": (
        {"round": {"number": 2, "after": "runs/s", "growth": 0.5}},
        "round.growth: write a number greater than 1",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_points_is_named_with_its_line(name):
    changes, message = WRONG[name]
    with pytest.raises(SpecError) as error:
        load(**changes)
    assert message in str(error.value)
    assert str(error.value).startswith("study.yaml:")


def test_the_line_is_that_of_the_point():
    with pytest.raises(SpecError) as error:
        load(points=[POINT, {**POINT, "lr": 9.0}])
    text = json.dumps({**STUDY, "points": [POINT, {**POINT, "lr": 9.0}]}, indent=1).split("\n")
    line = 1 + text.index('   "lr": 9.0,')
    assert f"study.yaml:{line}:" in str(error.value)


def test_paths_are_taken_from_the_study_files_own_folder(tmp_path):
    path = tmp_path / "configs" / "study.yaml"
    path.parent.mkdir()
    keys = {
        **STUDY,
        "points": [{**POINT, "from": "../runs/a/trials/0001/checkpoints/stable.pt"}],
        "round": {"number": 2, "after": "../runs/a"},
    }
    path.write_text(json.dumps(keys))
    spec, _ = load_file(path)
    assert spec.points[0]["from"] == str(tmp_path / "runs/a/trials/0001/checkpoints/stable.pt")
    assert spec.round.after == str(tmp_path / "runs/a")


def test_points_are_written_as_they_were_read_also_those_that_are_null():
    points = [{"a": None}, {"a": 1}]
    spec = load(points=points, scientific=None, nuisance={"a": [None, 1]})
    assert plain(spec)["points"] == points
    assert validate(parse(dump(spec), "again"))[0] == spec
