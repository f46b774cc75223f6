from __future__ import annotations

import datetime as dt
import math

import pytest

from playbook_cli.importing.values import flat, parsed, plain, scalar


def test_nested_settings_have_dotted_names_and_lists_are_counted():
    data = {"optimizer": {"name": "adam", "betas": [0.9, 0.999]}, "depth": 3, "none": None}
    assert flat(data) == {
        "optimizer.name": "adam",
        "optimizer.betas.0": 0.9,
        "optimizer.betas.1": 0.999,
        "depth": 3,
        "none": None,
    }


def test_empty_mappings_and_lists_are_text_that_can_be_compared():
    assert flat({"a": {}, "b": []}) == {"a": "{}", "b": "[]"}
    assert flat({}) == {}


@pytest.mark.parametrize(
    ("value", "kept"),
    [(math.inf, "inf"), (10**30, str(10**30)), (True, True), (dt.date(2026, 1, 2), "2026-01-02"), (1.5, 1.5)],
)
def test_what_a_study_file_can_not_hold_becomes_text(value, kept):
    assert scalar(value) == kept
    assert type(scalar(value)) is type(kept)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        (" 1e-3 ", 0.001),
        ("0.0", 0.0),
        ("True", True),
        ("false", False),
        ("None", None),
        ("adam", "adam"),
        ("1_0", "1_0"),
        ("nan", "nan"),
        ("007x", "007x"),
    ],
)
def test_text_is_read_as_the_value_it_looks_like(text, value):
    assert parsed(text) == value
    assert type(parsed(text)) is type(value)


def test_all_else_is_kept_as_json():
    assert plain({1: (1.5, {"a"}), "x": None}) == {"1": [1.5, "{'a'}"], "x": None}
