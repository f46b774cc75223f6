"""How far results differ by the training seed alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playbook_cli.analysis.seed_noise import seed_noise
from tests.generators.studies import study, trial


def test_repeats_count_without_the_result_that_was_selected() -> None:
    search = [trial(i, {"x": i}, 1.0 + i) for i in range(4)]
    again = [replace(trial(4 + i, {"x": 0}, value), repeat_of=0) for i, value in enumerate((2.0, 3.0, 4.0))]
    found = seed_noise(study([*search, *again]))
    assert found is not None
    assert (found.sd, found.free, found.results) == (pytest.approx(1.0), 2, 3)
    assert found.at_least(0.8) < found.sd


def test_points_that_recur_in_the_better_half_count_and_bad_ones_do_not() -> None:
    values = {0: (1.0, 1.2), 1: (1.1, 1.1), 2: (5.0, 9.0), 3: (6.0, 6.5)}
    trials = [trial(2 * x + i, {"x": x}, value) for x, pair in values.items() for i, value in enumerate(pair)]
    found = seed_noise(study(trials))
    assert found is not None
    assert (found.sd, found.free) == (pytest.approx(0.1), 2)


def test_nothing_is_known_without_a_second_result_or_a_difference() -> None:
    assert seed_noise(study([trial(i, {"x": i}, 1.0) for i in range(4)])) is None
    assert seed_noise(study([trial(i, {"x": 0}, 1.0) for i in range(4)])) is None
    assert seed_noise(study([])) is None
