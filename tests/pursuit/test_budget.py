"""What a budget says."""

from __future__ import annotations

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.pursuit.budget import Budget, parsed


@pytest.mark.parametrize(
    ("text", "steps", "seconds"),
    [
        ("200000", 200_000, None),
        ("200_000", 200_000, None),
        ("2e5", 200_000, None),
        ("8h", None, 28_800.0),
        ("1h30m", None, 5400.0),
    ],
)
def test_a_budget_is_a_number_of_steps_or_a_time(text, steps, seconds):
    assert parsed(text) == Budget(steps=steps, seconds=seconds)


@pytest.mark.parametrize("text", ["", "0", "-5", "1.5", "nan", "inf", "8 hours", "h", "0h", "many"])
def test_anything_else_is_refused(text):
    with pytest.raises(PlaybookError, match="--budget"):
        parsed(text)


def test_time_becomes_steps_by_the_pace_so_far_and_before_that_by_one_short_trial():
    assert Budget(seconds=100.0).in_steps(0, 0.0, 0.5) == 200
    assert Budget(seconds=100.0).in_steps(100, 20.0, 0.5) == 500
    assert Budget(seconds=100.0).in_steps(100, 200.0, None) == 100
    assert Budget(steps=7).in_steps(100, 20.0, None) == 7
