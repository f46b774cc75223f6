from __future__ import annotations

import pytest

from playbook_cli.sweep.suspicious import acting, is_off, off_value, remedy


@pytest.mark.parametrize("value", [0, 0.0, False, None, "", "0", "0.0", "none", "False", "off", "constant", [], ()])
def test_regularization_is_off_at_nothing(value):
    assert is_off("augment", value)
    assert acting({"augment": value}, ()) == []


@pytest.mark.parametrize("value", [0.1, True, "0.5", "randaugment", ["flip"]])
def test_regularization_acts_at_anything_else(value):
    assert acting({"augment": value, "width": value}, ()) == ["augment"]
    assert acting({"augment": value}, ("augment",)) == []


def test_a_switch_that_turns_it_off_acts_the_other_way_round():
    assert acting({"no_augment": False, "disable_dropout": True}, ()) == ["no_augment"]


@pytest.mark.parametrize(
    ("name", "value", "off"),
    [
        ("dropout", 0.5, "0.0"),
        ("dropout", "0.5", "0.0"),
        ("warmup_steps", 10, "0"),
        ("augment", True, "false"),
        ("augment", "randaugment", "none"),
        ("lr_schedule", "cosine", "constant"),
        ("no_augment", False, "true"),
    ],
)
def test_what_to_write_turns_it_off(name, value, off):
    assert off_value(name, value) == off
    assert remedy({name: value}, [name]).startswith(f"write lr_sweep: {{off: {{{name}: {off}}}}}")
