from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.importing import infer
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import Source


def space(**columns):
    """The space of points given as columns; an Ellipsis where a point lacks the hyperparameter."""
    count = len(next(iter(columns.values())))
    points = [{name: cells[i] for name, cells in columns.items() if cells[i] is not ...} for i in range(count)]
    return infer.space(points, {})


TEN = [0.001 * 2**n for n in range(10)]


def test_a_constant_is_fixed():
    assert space(a=[1, 1, 1], b=TEN[:3]) == ({"b": {"min": 0.001, "max": 0.004}}, {"a": 1})


def test_a_range_of_a_factor_of_thirty_is_on_a_log_scale():
    assert space(a=[1.0, 5.0, 29.0])[0]["a"] == {"min": 1.0, "max": 29.0}
    assert space(a=[1.0, 5.0, 30.0])[0]["a"] == {"min": 1.0, "max": 30.0, "scale": "log"}
    assert "scale" not in space(a=[0.0, 5.0, 300.0])[0]["a"]
    assert "scale" not in space(a=[-1.0, 5.0, 300.0])[0]["a"]


@pytest.mark.parametrize("name", ["lr", "learning_rate", "optimizer.lr", "weight_decay", "one_minus_beta1", "eps"])
def test_what_is_always_searched_on_a_log_scale_is_so_in_a_narrow_range_too(name):
    assert space(**{name: [0.1, 0.2, 0.3]})[0][name]["scale"] == "log"


@pytest.mark.parametrize("name", ["blr_x", "colr", "beta1", "dropout"])
def test_names_that_only_look_like_it_are_not(name):
    assert "scale" not in space(**{name: [0.1, 0.2, 0.3]})[0][name]


def test_whole_numbers_make_a_range_of_whole_numbers():
    assert space(a=[1, 3, 7])[0]["a"] == {"min": 1, "max": 7}
    assert isinstance(space(a=[1, 3, 7])[0]["a"]["min"], int)
    assert isinstance(space(a=[1, 3, 7.5])[0]["a"]["min"], float)


def test_few_values_that_recur_are_choices_and_so_are_two():
    assert space(a=[32, 64, 128, 32, 64, 128])[0]["a"] == {"values": [32, 64, 128]}
    assert space(a=[0.1, 0.0])[0]["a"] == {"values": [0.0, 0.1]}
    assert "min" in space(a=[32, 64, 128, 32])[0]["a"]


def test_text_truth_and_none_make_choices():
    assert space(a=["sgd", "adam", "sgd"])[0]["a"] == {"values": ["adam", "sgd"]}
    assert space(a=[None, 0.1, 0.2, 0.3])[0]["a"] == {"values": [0.1, 0.2, 0.3, None]}
    assert space(a=[True, False, True])[0]["a"] == {"values": [False, True]}


def test_what_some_points_lack_depends_on_the_choice_that_tells_them_apart():
    varied, _ = space(optimizer=["sgd", "adam", "sgd", "adam"], momentum=[0.1, ..., 0.2, ...], x=[1, 1, 2, 2])
    assert varied["momentum"] == {"values": [0.1, 0.2], "when": {"optimizer": ["sgd"]}}
    assert "when" not in varied["x"]


def test_what_nothing_explains_has_no_condition():
    varied, _ = space(optimizer=["sgd", "adam", "sgd", "adam"], extra=[0.1, 0.3, 0.2, ...])
    assert "when" not in varied["extra"]


def test_a_constant_that_some_points_lack_varies():
    varied, fixed = space(optimizer=["sgd", "adam"], nesterov=[True, ...])
    assert varied["nesterov"] == {"values": [True], "when": {"optimizer": ["sgd"]}}
    assert fixed == {}


def test_what_is_known_of_a_hyperparameter_is_kept():
    varied, fixed = infer.space(
        [{"a": 1.0, "b": 2}, {"a": 2.0, "b": 2}], {"a": {"min": 0.0, "max": 9.0}, "b": {"values": [2]}}
    )
    assert varied == {"a": {"min": 0.0, "max": 9.0}}
    assert fixed == {"b": 2}


@pytest.mark.parametrize(
    ("name", "seed"), [("seed", True), ("train.random_seed", True), ("seeds", False), ("lr", False)]
)
def test_seeds_are_told_by_name(name, seed):
    assert infer.is_seed(name) is seed


VALUES = st.one_of(
    st.booleans(),
    st.none(),
    st.integers(-(10**6), 10**6),
    st.floats(-1e9, 1e9, allow_subnormal=False),
    st.text("abc1. ", max_size=4),
)


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.sampled_from("abcd"), VALUES, min_size=1), min_size=1, max_size=12))
def test_whatever_was_tried_the_space_is_a_sound_study_that_holds_it(points):
    varied, fixed = infer.space(points, {})
    data = {"name": "x", "imported": {"source": "s", "format": "f"}, "metric": {"name": "m"}, "max_train_steps": 1}
    data |= {"trials": len(points), "nuisance": varied, "fixed": fixed}
    spec, _ = validate(Source(path="", data=data, lines={}))
    known = {parameter.name: parameter for parameter in spec.parameters()}
    for point in points:
        for name, value in point.items():
            if name in spec.fixed:
                assert spec.fixed[name] == value
            elif known[name].kind == "choice":
                assert value in known[name].choices
            else:
                assert known[name].low <= value <= known[name].high
