from __future__ import annotations

import math

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.importing.rows import evaluations, step_field


def test_empty_cells_and_text_are_left_out_and_nan_is_kept():
    rows = [{"step": "1", "loss": "", "note": "fine"}, {"step": "2", "loss": "nan", "acc": "0.5"}]
    (found,) = evaluations(rows, "step", "log.csv")
    assert found["step"] == 2
    assert math.isnan(found["loss"])
    assert found["acc"] == 0.5


def test_a_step_that_is_a_whole_number_in_any_writing_is_one():
    assert [e["step"] for e in evaluations([{"s": "3.0", "x": 1}, {"s": 4, "x": 1}, {"s": "", "x": 1}], "s", "")] == [
        3,
        4,
    ]


@pytest.mark.parametrize("cell", ["0.5", -1, "nan"])
def test_a_step_between_steps_is_refused(cell):
    with pytest.raises(PlaybookError, match="whole numbers"):
        evaluations([{"epoch": cell, "x": 1}], "epoch", "log.csv")


def test_rows_without_steps_are_counted():
    assert evaluations([{"x": 1}, {"x": 2}], None, "") == [{"step": 1, "x": 1.0}, {"step": 2, "x": 2.0}]


def test_another_field_called_step_is_kept_under_another_name():
    assert evaluations([{"step": 7, "global_step": 100, "x": 1}], "global_step", "") == [
        {"step": 100, "x": 1.0, "step (logged)": 7.0}
    ]


def test_the_finest_of_the_usual_names_counts_steps():
    assert step_field([[{"epoch": 1, "Global_Step": 10}]], None) == "Global_Step"
    assert step_field([[{"epoch": 1}], [{"_step": 1}]], None) == "_step"
    assert step_field([[{"loss": 1}]], None) is None


def test_a_step_field_that_is_nowhere_is_refused_with_those_that_are_there():
    with pytest.raises(PlaybookError, match="no evaluation has a field 'steps'") as raised:
        step_field([[{"epoch": 1, "loss": 2}]], "steps")
    assert "epoch, loss" in str(raised.value.hint)
