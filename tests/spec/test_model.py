"""What each key of a study file may hold, and the shorthand for it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from playbook_cli.records import Parameter
from playbook_cli.spec.model import ParameterSpec, StudySpec, seconds

MINIMAL = {"name": "s", "train": "m:f", "metric": {"name": "loss"}, "max_train_steps": 100, "trials": 4}


def study(**changes):
    return StudySpec.model_validate({**MINIMAL, **changes})


def parameter(given, role="nuisance"):
    (only,) = study(**{role: {"p": given}}).parameters()
    return only


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("30min", 1800),
        ("1h", 3600),
        ("1h30m", 5400),
        ("2d 1s", 172801),
        ("1d2h3m4s", 93784),
    ],
)
def test_durations_are_read_in_seconds(text, expected):
    assert seconds(text) == expected
    assert study(resources={"timeout": text}).resources.timeout == expected


def test_a_number_is_a_duration_in_seconds():
    assert study(resources={"timeout": 1.5}).resources.timeout == 1.5
    assert study(resources={"timeout": 3}).resources.timeout == 3.0


@pytest.mark.parametrize("wrong", ["", "  ", "1x", "h", "1m1h", "-1s", "1.5h", 0, -3, float("inf"), True, [1]])
def test_what_is_no_duration_is_refused(wrong):
    with pytest.raises(ValidationError):
        study(resources={"timeout": wrong})


def test_a_count_may_be_written_with_an_exponent_but_not_with_a_fraction():
    assert study(max_train_steps=1e3).max_train_steps == 1000
    assert isinstance(study(max_train_steps=1e3).max_train_steps, int)
    for wrong in (1.5, 0, -1, "100", True, None):
        with pytest.raises(ValidationError):
            study(max_train_steps=wrong)


def test_a_list_is_shorthand_for_values():
    assert parameter([1, 2], "scientific") == parameter({"values": [1, 2]}, "scientific")


def test_ends_that_are_whole_make_an_int_range_and_others_a_float_range():
    assert parameter({"min": 1, "max": 5}).kind == "int"
    assert parameter({"min": 1.0, "max": 5}).kind == "float"
    assert parameter({"min": 1, "max": 5, "type": "float"}).kind == "float"
    assert parameter({"min": 1.0, "max": 5.0, "type": "int"}).kind == "int"


def test_a_range_keeps_its_ends_scale_and_grid_points():
    assert parameter({"min": 1e-3, "max": 1.0, "scale": "log", "points": 5}) == Parameter(
        name="p", label="p", role="nuisance", kind="float", low=1e-3, high=1.0, scale="log", points=5
    )


def test_a_condition_may_name_one_value_or_several():
    one = study(nuisance={"a": [1, 2], "p": {"min": 0.0, "max": 1.0, "when": {"a": 1}}}).parameters()[1]
    several = study(nuisance={"a": [1, 2], "p": {"min": 0.0, "max": 1.0, "when": {"a": [1, 2]}}}).parameters()[1]
    assert one.when == {"a": (1,)}
    assert several.when == {"a": (1, 2)}


def test_alternatives_of_one_name_have_labels_of_their_own():
    spec = study(
        scientific={"optimizer": ["sgd", "adam"]},
        nuisance={
            "lr": [
                {"min": 0.01, "max": 1.0, "when": {"optimizer": "sgd"}},
                {"min": 0.001, "max": 0.1, "when": {"optimizer": "adam"}},
            ]
        },
    )
    assert [p.label for p in spec.parameters()] == ["optimizer", "lr (optimizer=sgd)", "lr (optimizer=adam)"]


def test_scientific_hyperparameters_come_first_and_keep_the_order_of_the_file():
    spec = study(nuisance={"b": [1, 2], "a": [1, 2]}, scientific={"z": [1, 2]})
    assert [p.name for p in spec.parameters()] == ["z", "b", "a"]


def test_a_constant_may_be_written_like_a_parameter_with_one_value():
    assert study(fixed={"a": {"value": 3}, "b": None, "c": "x"}).fixed == {"a": 3, "b": None, "c": "x"}


def test_evaluations_are_a_fiftieth_of_training_apart_by_default_and_at_least_a_step():
    assert study(max_train_steps=1000).steps_between_evaluations == 20
    assert study(max_train_steps=10).steps_between_evaluations == 1
    assert study(eval_every=7).steps_between_evaluations == 7


def test_the_search_space_has_the_fixed_hyperparameters_too():
    space = study(nuisance={"x": {"min": 0.0, "max": 1.0}}, fixed={"b": 2}).space()
    assert space.params({}, [0.5]) == {"x": 0.5, "b": 2}


@pytest.mark.parametrize(
    "changes",
    [
        {"nuisance": [1]},
        {"nuisance": {"p": {"min": "a", "max": 2}}},
        {"nuisance": {"p": {"min": float("nan"), "max": 2}}},
        {"nuisance": {"p": {"min": float("inf"), "max": 2}}},
        {"nuisance": {"p": {"values": []}}},
        {"nuisance": {"p": {"values": [[[1]]]}}},
        {"nuisance": {"p": {"min": 0, "max": 1, "when": 3}}},
        {"nuisance": {"p": {"min": 0, "max": 1, "scale": "logarithmic"}}},
        {"fixed": 3},
        {"fixed": {"p": {"value": 1, "min": 2}}},
        {"fixed": {"p": [[1], 2]}},
        {"metric": "loss"},
        {"metric": {"name": ""}},
        {"metric": {"name": "loss", "goal": "lower"}},
        {"sampler": "tpe"},
        {"seed": -1},
        {"command": []},
        {"env": {"A": 1}},
        {"rules": {"boundary": {"alpha": "small"}}},
        {"lr_sweep": {"points": 1}},
        {"lr_sweep": {"min": 0.0}},
    ],
    ids=str,
)
def test_values_of_a_wrong_type_are_refused(changes):
    with pytest.raises(ValidationError):
        study(**changes)


def test_values_are_frozen():
    with pytest.raises(ValidationError):
        study().name = "other"


def test_every_key_can_be_explained_by_the_schema():
    schema = StudySpec.model_json_schema()
    assert set(schema["required"]) == {"name", "metric", "max_train_steps"}
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {known.alias or name for name, known in StudySpec.model_fields.items()}
    assert ParameterSpec.model_json_schema()["additionalProperties"] is False
