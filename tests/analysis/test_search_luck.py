"""How much of what a search selects is the luck of its points."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.analysis.search_luck import Plan, fixed_points_variance, search_luck
from tests.generators.studies import halton, surface

NORMAL = 1e6
"""Degrees of freedom of a t distribution that is one."""


def plan(trials: int = 24, dimensions: int = 2, top: int = 1) -> Plan:
    return Plan(trials=trials, dimensions=dimensions, top=top, seeds=5, even=True)


def searches(
    rise: float, dimensions: int, count: int, tails: float = NORMAL
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Scores of so many searches of one bowl, what the selected points truly are, and how lucky their scores were.

    The trial noise has standard deviation 1 and is normal, or t with so many degrees of freedom.
    """
    scale = np.sqrt(tails / (tails - 2))
    rng = np.random.default_rng(0)
    response = surface(np.full(dimensions, 0.4), np.full(dimensions, rise), base=0.0)
    scores, selected, optimism = [], [], []
    for _ in range(count):
        levels = response(halton(24, dimensions, rng))
        scores.append(levels + rng.standard_t(tails, size=24) / scale)
        selected.append(levels[scores[-1].argmin()])
        again = selected[-1] + rng.standard_t(tails, size=5) / scale
        optimism.append((again.mean() - scores[-1].min()) / again.std(ddof=1))
    return scores, np.array(selected), np.array(optimism)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rise", "dimensions", "tails"),
    [(10.0, 1, NORMAL), (10.0, 2, NORMAL), (30.0, 4, NORMAL), (10.0, 2, 3.0)],
)
def test_the_estimate_from_one_search_is_about_right_on_average(rise: float, dimensions: int, tails: float) -> None:
    scores, selected, optimism = searches(rise, dimensions, 150, tails)
    luck = [search_luck(s.tolist(), 1.0, plan(dimensions=dimensions), o) for s, o in zip(scores, optimism, strict=True)]
    estimates = [one.variance() for one in luck]
    assert 0.6 < np.mean(estimates) / selected.var() < 2.0


def test_a_flat_response_has_little_luck_in_it() -> None:
    scores = np.random.default_rng(0).normal(size=(50, 24))
    of_five_repeats = 1 / 5
    assert np.mean([search_luck(s.tolist(), 1.0, plan()).variance() for s in scores]) < of_five_repeats


def test_larger_searches_depend_less_on_luck() -> None:
    luck = search_luck(searches(100.0, 2, 1)[0][0].tolist(), 1.0, plan())
    assert luck.variance(96) < 0.8 * luck.variance()
    true, score = luck.lost(12)
    assert true > 0.0
    assert score > 0.0
    assert luck.lost(24) == (0.0, 0.0)


def test_repeating_several_trials_takes_luck_away() -> None:
    scores = searches(20.0, 2, 1)[0][0].tolist()
    # Both hold what the choice among the repeats costs, which is less than it brings.
    assert search_luck(scores, 1.0, plan(top=4)).variance() < search_luck(scores, 1.0, plan()).variance()


def test_it_does_not_depend_on_the_unit_and_needs_no_noise() -> None:
    scores = searches(100.0, 2, 1)[0][0]
    one = search_luck(scores.tolist(), 1.0, plan()).variance()
    assert search_luck((1000 * scores).tolist(), 1000.0, plan()).variance() == pytest.approx(1e6 * one)
    assert search_luck(scores.tolist(), 0.0, plan()).variance() > 0.0
    assert search_luck([1.0] * 24, 0.0, plan()).variance() == 0.0


def test_of_a_fixed_list_only_the_choice_is_luck() -> None:
    assert fixed_points_variance([0.0], 1.0, 5) == 0.0
    assert fixed_points_variance([0.0, 100.0], 1.0, 5) < 0.02
    assert fixed_points_variance([0.0, 0.1], 1.0, 5) > 0.02
