"""Rank correlation on data of known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from playbook_cli.analysis.ranking import LEAST, rank_correlation


@pytest.mark.parametrize("points", [5, 8, 12, 24])
@pytest.mark.parametrize("truth", [-0.5, 0.0, 0.5, 0.9])
def test_the_interval_holds_the_truth_as_often_as_it_says(points, truth):
    rng = np.random.default_rng([points, int(100 * truth) + 100, 1])
    x = rng.normal(size=(600, points))
    y = truth * x + math.sqrt(1 - truth * truth) * rng.normal(size=(600, points))
    true_ranks = 6 / math.pi * math.asin(truth / 2)  # Spearman's, of two normal variables
    found = [rank_correlation(a, b) for a, b in zip(x, y, strict=True)]
    held = sum(c.low <= true_ranks <= c.high for c in found) / 600
    assert held > 0.92


def test_it_is_spearmans_ties_included():
    first, second = [1.0, 2.0, 2.0, 4.0, 5.0, 0.5], [2.0, 1.0, 3.0, 3.0, 9.0, 1.0]
    found = rank_correlation(first, second)
    assert found.value == pytest.approx(stats.spearmanr(first, second).statistic)
    assert found.low < found.value < found.high


def test_only_the_order_counts_and_infinity_is_last():
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert rank_correlation(values, [math.exp(9 * v) for v in values[:5]] + [math.inf]).value == pytest.approx(1.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_perfect_order_of_few_points_still_has_an_interval(sign):
    low, high = 10.0, 0.0
    for points in (5, 10, 20):
        found = rank_correlation(range(points), [sign * n for n in range(points)])
        assert -1.0 < found.low < found.high < 1.0
        assert found.high - found.low < low - high
        low, high = found.high, found.low


def test_few_points_and_equal_results_say_nothing():
    assert rank_correlation(range(LEAST - 1), range(LEAST - 1)) is None
    assert rank_correlation([1.0] * 8, range(8)) is None
