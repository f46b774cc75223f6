"""What the last doublings brought."""

from __future__ import annotations

import math

import pytest

from playbook_cli.analysis.budget import chance, last_doublings
from playbook_cli.analysis.expected_best import expected_best
from tests.generators.studies import METRIC, trial


def test_the_next_doubling_shrinks_as_the_last_one_did() -> None:
    values = [0.1 * (i + 1) for i in range(16)]
    found = last_doublings([trial(i, {}, v) for i, v in enumerate(values)], METRIC)
    expected = expected_best(values, METRIC)
    before, last = expected[3].value - expected[7].value, expected[7].value - expected[15].value
    assert found is not None
    assert found.last == pytest.approx(last)
    assert found.gain == pytest.approx(last**2 / before)
    assert found.spread == pytest.approx(1.225 - 0.1 + 0.0, abs=0.06)
    assert found.noise is None


def test_one_lucky_trial_is_not_expected_to_be_followed_by_a_luckier_one() -> None:
    found = last_doublings([trial(i, {}, 0.1 if i == 0 else 0.5) for i in range(16)], METRIC)
    assert found is not None
    assert found.gain == found.last > 0.0


def test_equal_results_gain_nothing() -> None:
    found = last_doublings([trial(i, {}, 0.5) for i in range(12)], METRIC)
    assert found is not None
    assert (found.gain, found.spread) == (0.0, 0.0)


def test_seven_trials_are_too_few_and_so_are_three_feasible_ones() -> None:
    assert last_doublings([trial(i, {}, 0.5) for i in range(7)], METRIC) is None
    mixed = [trial(i, {}, 0.5 if i < 3 else math.inf, state="completed" if i < 3 else "infeasible") for i in range(9)]
    assert last_doublings(mixed, METRIC) is None


def test_a_gain_far_beyond_the_noise_is_no_chance_and_one_within_it_is() -> None:
    assert chance(2.0, 1.0, [24]) < 0.01
    assert chance(0.3, 1.0, [24]) > 0.3
    assert chance(2.0, 1.0, [24], free=4) > 0.05, "the noise is known from few repeats, and may have heavy tails"
    assert chance(2.0, 0.1, [24, 24], free=4) < 0.01
