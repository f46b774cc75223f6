"""What the keys of a study must be to one another."""

from __future__ import annotations

import json

import pytest

from playbook_cli.errors import SpecError
from playbook_cli.sampling import make
from playbook_cli.spec import check
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse

STUDY = {
    "name": "s",
    "train": "m:f",
    "metric": {"name": "val_error"},
    "max_train_steps": 100,
    "trials": 4,
    "nuisance": {"lr": {"min": 0.001, "max": 1.0, "scale": "log"}},
}
RANGE = {"min": 0.0, "max": 1.0}


def load(**changes):
    keys = {key: value for key, value in {**STUDY, **changes}.items() if value is not None}
    return validate(parse(json.dumps(keys, indent=1), "study.yaml"))[0]


WRONG = {
    "a name with a slash": ({"name": "a/b"}, "name: 'a/b' can't name a folder in runs/"),
    "a name that climbs": ({"name": ".."}, "name: '..' can't name"),
    "a name with two dots inside": ({"name": "a..b"}, "name: 'a..b' can't name"),
    "a name with a space": ({"name": "a b"}, "name: 'a b' can't name"),
    "a name that is hidden": ({"name": ".a"}, "name: '.a' can't name"),
    "a name that is empty": ({"name": ""}, "name: '' can't name"),
    "a name that is too long": ({"name": "a" * 101}, "name: 'aaaa"),
    "neither train nor command": ({"train": None}, "runs either a train function or a command"),
    "both train and command": ({"command": ["x"]}, "train: a study runs either"),
    "train that is a file": ({"train": "m.py"}, "train: 'm.py' is not module:function"),
    "train with a path": ({"train": "a/m:f"}, "train: 'a/m:f' is not module:function"),
    "a variable without a name": ({"env": {"": "x"}}, "'' can't be the name of a variable"),
    "a variable with an equals sign": ({"env": {"A=B": "x"}}, "env.A=B: 'A=B' can't be the name of a variable"),
    "no evaluation ever": (
        {"eval_every": 101},
        "eval_every: 101 is more than max_train_steps (100): nothing is evaluated",
    ),
    "a name in two roles": ({"fixed": {"lr": 1}}, "fixed.lr: lr is already nuisance"),
    "max_train_steps tuned": (
        {"nuisance": {"max_train_steps": [1, 2]}},
        "nuisance.max_train_steps: max_train_steps is never tuned inside a study",
    ),
    "max_train_steps fixed": ({"fixed": {"max_train_steps": 5}}, "fixed.max_train_steps: max_train_steps is never"),
    "a blank hyperparameter": ({"fixed": {" ": 5}}, "' ' can't be the name of a hyperparameter"),
    "an unprintable hyperparameter": ({"fixed": {"a\nb": 5}}, r"'a\nb' can't be the name of a hyperparameter"),
    "no values": ({"nuisance": {"p": []}}, "nuisance.p"),
    "alternatives without when": (
        {"nuisance": {"p": [RANGE, RANGE]}},
        "nuisance.p: each alternative needs its own `when`",
    ),
    "one value to tune": ({"nuisance": {"p": 3}}, "nuisance.p: it has only one value"),
    "an empty parameter": ({"nuisance": {"p": {}}}, "nuisance.p: it has neither values nor a range"),
    "a value beside a range": (
        {"nuisance": {"p": {**RANGE, "value": 1}}},
        "nuisance.p.value: `value` is for constants",
    ),
    "a scale beside values": (
        {"nuisance": {"p": {"values": [1, 2], "scale": "log"}}},
        "nuisance.p.scale: `scale` is for ranges",
    ),
    "a range beside values": ({"nuisance": {"p": {"values": [1, 2], "min": 1}}}, "nuisance.p.min: `min` is for ranges"),
    "a value twice": ({"nuisance": {"p": [1, 2, 1]}}, "nuisance.p.values: a value is listed twice"),
    "values that compare equal": ({"nuisance": {"p": [True, 2, 1.0]}}, "nuisance.p.values: a value is listed twice"),
    "no min": ({"nuisance": {"p": {"max": 1}}}, "nuisance.p: the range has no min"),
    "no max": ({"nuisance": {"p": {"min": 1}}}, "nuisance.p: the range has no max"),
    "min above max": ({"nuisance": {"p": {"min": 2, "max": 1}}}, "nuisance.p.min: min is 2, but max is 1"),
    "min equal to max": ({"nuisance": {"p": {"min": 1, "max": 1}}}, "nuisance.p.min: min is 1, but max is 1"),
    "log from zero": ({"nuisance": {"p": {**RANGE, "scale": "log"}}}, "nuisance.p.min: a log scale can't start at 0.0"),
    "log from below zero": (
        {"nuisance": {"p": {"min": -1.0, "max": 1.0, "scale": "log"}}},
        "nuisance.p.min: a log scale can't start at -1.0",
    ),
    "int with a fraction": (
        {"nuisance": {"p": {"min": 0.5, "max": 2, "type": "int"}}},
        "nuisance.p.type: the ends of an int range",
    ),
    "when that names nothing": (
        {"nuisance": {"p": {**RANGE, "when": {"q": 1}}}},
        "nuisance.p.when.q: `when` names q, which is not another hyperparameter",
    ),
    "when that names itself": ({"nuisance": {"p": {**RANGE, "when": {"p": 1}}}}, "nuisance.p.when.p: `when` names p"),
    "when that names a range": (
        {"nuisance": {"q": RANGE, "p": {**RANGE, "when": {"q": 0.5}}}},
        "nuisance.p.when.q: q is a range",
    ),
    "when that never holds": (
        {"nuisance": {"q": ["a", "b"], "p": {**RANGE, "when": {"q": "c"}}}},
        "nuisance.p.when.q: q is never c",
    ),
    "when of a constant that never holds": (
        {"fixed": {"q": "a"}, "nuisance": {"p": {**RANGE, "when": {"q": "c"}}}},
        "nuisance.p.when.q: q is never c",
    ),
    "conditions in a circle": (
        {"nuisance": {"p": {"values": [1, 2], "when": {"q": 1}}, "q": {"values": [1, 2], "when": {"p": 1}}}},
        "nuisance: these conditions depend on each other in a circle: p, q",
    ),
    "a scientific circle": (
        {"scientific": {"p": {"values": [1, 2], "when": {"q": 1}}, "q": {"values": [1, 2], "when": {"p": 1}}}},
        "these conditions depend on each other in a circle: p, q",
    ),
    "alternatives that overlap": (
        {"fixed": {"q": 1}, "nuisance": {"p": [{**RANGE, "when": {"q": 1}}, {**RANGE, "when": {"q": [1]}}]}},
        "nuisance.p: two of its alternatives apply at the same time",
    ),
    "scientific alternatives that overlap": (
        {"scientific": {"q": [1, 2], "p": [{**RANGE, "when": {"q": 1}}, {**RANGE, "when": {"q": [1, 2]}}]}},
        "scientific.p: two of its alternatives apply at the same time",
    ),
    "no trials": ({"trials": None}, "`trials` is missing"),
    "too many trials": ({"trials": 100_001}, "trials: a study has at most 100,000 trials"),
    "trials that arms do not divide": (
        {"trials": 8, "scientific": {"a": [1, 2, 3]}},
        "trials: 8 trials can't be split equally among 3 arms\n  -> write 6 or 9",
    ),
    "fewer trials than arms": (
        {"trials": 2, "scientific": {"a": [1, 2, 3]}},
        "trials: 2 trials can't be split equally among 3 arms\n  -> write 3",
    ),
    "more arms than a study has trials": (
        {"trials": 64, "scientific": {f"a{number}": [0, 1] for number in range(30)}},
        "a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, and 10 more have at least 1,073,741,824 arms",
    ),
    "a grid of too many arms": (
        {"trials": None, "sampler": "grid", "scientific": {f"a{n}": [0, 1] for n in range(30)}, "nuisance": {}},
        "have at least 1,073,741,824 arms, one for each combination of their values; a study has at most 100,000",
    ),
    "arms that trials would have to be too many for": (
        {"trials": 4, "scientific": {"a": list(range(300)), "b": list(range(300))}},
        "4 trials can't be split equally among 90000 arms\n  -> write 90000",
    ),
    "a sweep of too many learning rates": (
        {"lr_sweep": {"parameter": "lr", "points": 10**12}},
        "lr_sweep.points: a sweep has at most 100,000 learning rates",
    ),
    "a grid without points": (
        {"sampler": "grid", "trials": None},
        "nuisance.lr: a grid needs a number of points for each range",
    ),
    "a scientific range in a grid": (
        {"sampler": "grid", "trials": None, "nuisance": None, "scientific": {"a": RANGE}},
        "scientific.a: a grid needs a number of points for each range",
    ),
    "a grid too large": (
        {"sampler": "grid", "trials": None, "nuisance": {n: {**RANGE, "points": 50} for n in "abcde"}},
        "sampler: the grid has more than 100,000 trials",
    ),
    "a grid of another size": (
        {"sampler": "grid", "trials": 7, "nuisance": {"a": {**RANGE, "points": 5}}},
        "trials: the grid has 5 trials",
    ),
    "a sweep of nothing": (
        {"lr_sweep": {"parameter": "eta"}},
        "lr_sweep.parameter: this study has no hyperparameter named eta",
    ),
    "a sweep that turns off what it varies": (
        {"lr_sweep": {"parameter": "lr", "off": {"lr": 0.0}}},
        "lr_sweep.off: the sweep varies lr",
    ),
    "a sweep that fixes what it varies": (
        {"lr_sweep": {"parameter": "lr", "at": {"lr": 0.1}}},
        "lr_sweep.at: the sweep varies lr",
    ),
    "a sweep without an evaluation": (
        {"lr_sweep": {"parameter": "lr", "steps": 10, "eval_every": 11}},
        "lr_sweep.eval_every: 11 is more than the 10 steps of a trial",
    ),
    "a sweep that wants a low accuracy": (
        {"lr_sweep": {"parameter": "lr", "target": {"metric": "train_accuracy", "value": 1.0}}},
        "lr_sweep.target: train_accuracy would count as fitted once it is as low as 1",
    ),
    "a sweep the wrong way": (
        {"lr_sweep": {"parameter": "lr", "min": 1.0, "max": 0.1}},
        "lr_sweep.min: min is 1.0, but max is 0.1",
    ),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused_with_file_line_and_key(changes, message):
    with pytest.raises(SpecError) as error:
        load(**changes)
    assert message in str(error.value)
    assert str(error.value).startswith("study.yaml:")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Digits-2.1_a"},
        {"train": "pkg.sub.module:function"},
        {"train": None, "command": ["${python}", "train.py", "${args}"]},
        {"eval_every": 100},
        {"nuisance": None},
        {"nuisance": None, "scientific": {"a": RANGE}},
        {"scientific": {"a": [1, 2]}},
        {"scientific": {"a": [None, True, "x", 1.5]}},
        {"nuisance": {"q": ["a", "b"], "p": {**RANGE, "when": {"q": "a"}}}},
        {"nuisance": {"p": {**RANGE, "when": {"q": "a"}}, "q": ["a", "b"]}},
        {"fixed": {"q": 1}, "nuisance": {"p": [{**RANGE, "when": {"q": 1}}]}},
        {"nuisance": {"q": [1, 2], "p": [{**RANGE, "when": {"q": 1}}, {"values": [1, 2], "when": {"q": 2}}]}},
        {"sampler": "grid", "trials": None, "nuisance": {"a": {**RANGE, "points": 5}, "b": [1, 2]}},
        {"sampler": "grid", "trials": 10, "nuisance": {"a": {**RANGE, "points": 5}, "b": [1, 2]}},
        {"lr_sweep": {"parameter": "lr", "steps": 100}},
        {"lr_sweep": {"parameter": "eta"}, "fixed": {"eta": 0.1}},
    ],
    ids=str,
)
def test_what_makes_sense_is_accepted(changes):
    assert check.problems(load(**changes)) == []


def test_a_sweep_in_a_study_without_hyperparameters_says_that_there_are_none():
    with pytest.raises(SpecError, match="the study has none"):
        load(nuisance=None, lr_sweep={})


def test_a_condition_in_a_study_without_others_says_so():
    with pytest.raises(SpecError, match="there are no others"):
        load(nuisance={"p": {**RANGE, "when": {"q": 1}}})


def test_all_problems_are_told_at_once_and_the_rest_is_counted():
    with pytest.raises(SpecError) as error:
        load(nuisance={f"p{n}": {"min": 2, "max": 1} for n in range(20)})
    lines = str(error.value).split("\n")
    assert sum("min is 2" in line for line in lines) == 8
    assert lines[-1] == "... and 12 more"


def warned(**changes):
    return [".".join(map(str, w.location)) + ": " + w.what for w in check.warnings(load(**changes))]


def test_a_sound_study_is_not_warned_about():
    assert warned() == []
    assert warned(fixed={"batch_size": 64}) == []
    assert warned(metric={"name": "accuracy", "goal": "maximize"}) == []


@pytest.mark.parametrize("role", ["scientific", "nuisance"])
def test_tuning_the_batch_size_is_warned_about(role):
    (warning,) = warned(**{role: {"batch_size": [32, 64]}})
    assert warning.startswith(f"{role}.batch_size: don't tune batch_size for the metric")


@pytest.mark.parametrize("name", ["epochs", "num_steps", "max_steps"])
def test_tuning_the_length_of_training_by_another_name_is_warned_about(name):
    (warning,) = warned(nuisance={name: [10, 20]})
    assert "looks like the length of training" in warning


@pytest.mark.parametrize("name", ["val_accuracy", "F1", "auc"])
def test_minimizing_what_sounds_like_a_score_is_warned_about(name):
    (warning,) = warned(metric={"name": name})
    assert warning == f"metric.goal: {name} is minimized"


def test_an_int_range_with_nothing_between_its_ends_is_warned_about():
    (warning,) = warned(nuisance={"dropout": {"min": 0, "max": 1}})
    assert "an integer range with only the values 0 and 1" in warning
    assert warned(nuisance={"layers": {"min": 0, "max": 1, "type": "int"}}) == []


def test_several_decades_on_a_linear_scale_are_warned_about():
    (warning,) = warned(nuisance={"lr": {"min": 0.001, "max": 1.0}})
    assert "spans a factor of 1000 on a linear scale" in warning


def test_listed_points_name_arms_of_a_space_that_could_have_a_billion():
    names = [f"a{number}" for number in range(30)]
    spec = load(
        trials=None,
        sampler="listed",
        nuisance={},
        scientific={key: [0, 1] for key in names},
        points=[dict.fromkeys(names, 0), dict.fromkeys(names, 1.0)],
    )
    trials = make(spec.sampler, spec.seed, spec.points).suggest(spec.space(), [], 2)
    assert [trial.arm for trial in trials] == [dict.fromkeys(names, 0), dict.fromkeys(names, 1)]


def test_the_number_of_trials_of_a_study_beside_its_results_is_not_judged():
    keys = {**STUDY, "scientific": {f"a{number}": [0, 1] for number in range(30)}}
    assert validate(parse(json.dumps(keys), "study.yaml"), kept=True)[0].trials == 4


def test_a_message_lists_a_score_of_names_and_counts_the_rest():
    wrong = {f"x{number}": RANGE for number in range(300)} | {"y": {**RANGE, "when": {"z": 1}}}
    with pytest.raises(SpecError, match=r"the others are lr, x0, .*, and 281 more"):
        load(nuisance=STUDY["nuisance"] | wrong)
