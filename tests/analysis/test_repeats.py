"""A selected result is lucky, and the mean of its repeats is not."""

from __future__ import annotations

import math

import pytest

from tests.generators.selection import Case, simulate


@pytest.mark.parametrize("noise", ["normal", "heavy tails", "skewed"])
def test_repeats_take_the_luck_of_the_selection_away(noise: str) -> None:
    case = Case(trials=24, ranges=2, noise=noise, sd=0.1)
    errors = simulate(case, studies=120, seeds=5)
    standard_error = errors.repeated.std(ddof=1) / math.sqrt(errors.repeated.size)
    assert abs(errors.repeated.mean()) < 3 * standard_error
    assert errors.selected.mean() < -0.5, "in trial standard deviations"
    assert errors.held.mean() > 0.8
