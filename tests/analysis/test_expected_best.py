"""The expected best of n trials and its band."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.analysis.expected_best import at, expected_best
from playbook_cli.records import Metric

LOSS = Metric(name="loss")
ACCURACY = Metric(name="accuracy", goal="maximize")


@pytest.mark.parametrize("n", range(1, 8))
def test_it_is_the_mean_over_all_subsets(n: int) -> None:
    values = [0.3, 0.1, 0.7, 0.2, 0.2, 0.9, 0.5]
    best = [min(subset) for subset in itertools.combinations(values, n)]
    assert expected_best(values, LOSS)[n - 1].value == pytest.approx(np.mean(best))


def test_more_is_better_where_the_metric_is_maximized() -> None:
    curve = expected_best([0.5, 0.9, 0.7], ACCURACY)
    assert [e.value for e in curve] == pytest.approx([0.7, (0.9 + 0.9 + 0.7) / 3, 0.9])


def test_infeasible_trials_count_as_the_worst_finite_result() -> None:
    with_infeasible = expected_best([0.1, 0.4, math.inf, math.nan], LOSS)
    assert with_infeasible == expected_best([0.1, 0.4, 0.4, 0.4], LOSS)


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, math.nan]])
def test_without_a_finite_result_there_is_nothing_to_expect(values: list[float]) -> None:
    assert expected_best(values, LOSS) == []


def test_one_trial_is_its_own_best() -> None:
    (only,) = expected_best([0.4], LOSS)
    assert (only.n, only.low, only.value, only.high) == (1, 0.4, 0.4, 0.4)


@pytest.mark.slow
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.sampled_from([LOSS, ACCURACY]))
def test_the_band_holds_the_value_and_more_trials_never_hurt(values: list[float], metric: Metric) -> None:
    curve = expected_best(values, metric)
    slack = 1e-9 * max(map(abs, values)) + 1e-9
    for e in curve:
        assert e.low - slack <= e.value <= e.high + slack
    for fewer, more in itertools.pairwise(curve):
        assert metric.loss(more.value) <= metric.loss(fewer.value) + slack
    assert metric.loss(curve[-1].value) == pytest.approx(min(metric.loss(v) for v in values), abs=slack)


def test_the_band_covers_the_truth_for_independent_trials() -> None:
    rng = np.random.default_rng(0)
    truth = [1 / (n + 1) for n in range(1, 25)]  # expected minimum of n uniform numbers
    covered = 0
    for _ in range(200):
        curve = expected_best(list(rng.random(24)), LOSS)
        # The band takes the best result seen for the best possible, so its lower end can lie above the truth by that.
        covered += all(e.low - curve[-1].value <= t <= e.high for e, t in zip(curve, truth, strict=True))
    assert covered >= 190


def test_a_thousand_trials_stay_exact() -> None:
    values = np.arange(1000) / 1000
    curve = expected_best(list(values), LOSS)
    assert curve[0].value == pytest.approx(values.mean())
    assert curve[499].value == pytest.approx((1001 / 501 - 1) / 1000)
    assert curve[-1].value == 0.0


def test_very_many_results_have_points_ever_farther_apart_and_each_is_the_same() -> None:
    values = np.random.default_rng(0).normal(size=1001)
    curve = expected_best(values, LOSS, also=[333])
    assert curve[0].value == pytest.approx(values.mean())
    assert len(curve) < 200
    assert {1, 2, 3, 99, 100, 250, 333, 500, 1001} <= {point.n for point in curve}
    assert curve[-1].value == pytest.approx(values.min())
    for n in (2, 333):  # the i-th smallest is the best of C(N-i, n-1) of the C(N, n) subsets
        chances = [math.comb(1001 - i, n - 1) / math.comb(1001, n) for i in range(1, 1002)]
        assert at(curve, n).value == pytest.approx(float(np.sort(values) @ chances))


def test_between_two_points_lies_the_line_through_them() -> None:
    curve = expected_best(np.random.default_rng(0).normal(size=1001), LOSS)
    below, above = next((a, b) for a, b in itertools.pairwise(curve) if b.n - a.n >= 4)
    assert above.value < at(curve, below.n + 2).value < below.value
