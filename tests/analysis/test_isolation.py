"""The points of an isolation plot."""

from __future__ import annotations

import math

import numpy as np
import pytest

from playbook_cli.analysis import isolation
from playbook_cli.records import Metric, Parameter
from tests.generators.studies import parameters, study, trial

WIDTH = Parameter(name="width", label="width", role="scientific", kind="float", low=1.0, high=16.0, scale="log")
ARMS = ({"layers": 1}, {"layers": 2})


def two_arms(first: list[float], second: list[float], goal: str = "minimize") -> list[isolation.Isolated]:
    (rate,) = parameters(1)
    trials = [
        trial(100 * a + i, {"p0": rate.from_unit((i + 0.5) / 10), **arm}, v, arm=arm)
        for a, (arm, values) in enumerate(zip(ARMS, (first, second), strict=True))
        for i, v in enumerate(values)
    ]
    return isolation.arms(study(trials, [rate], arms=ARMS, metric=Metric(name="m", goal=goal)))


def test_every_arm_has_its_best_trial_with_an_interval_that_reaches_beyond_it() -> None:
    one, two = two_arms([0.5, 0.3, 0.4, 0.6, 0.7], [0.2, 0.9, 0.8, 0.7, 0.6])
    assert (one.label, two.label) == ("layers=1", "layers=2")
    assert one.best is not None
    assert (one.best.trial, one.best.value) == (1, 0.3)
    assert one.low is not None
    assert 0.0 <= one.low < 0.3
    assert one.high == 0.3
    assert two.best is not None
    assert two.best.value == 0.2


def test_a_maximized_metric_has_its_interval_above_the_best_but_no_accuracy_above_one() -> None:
    one, _ = two_arms([0.91, 0.95, 0.92, 0.93, 0.94], [0.5] * 5, goal="maximize")
    assert one.low == 0.95
    assert one.high is not None
    assert 0.95 < one.high <= 1.0


def test_an_arm_without_results_is_still_there() -> None:
    one, two = two_arms([math.nan], [0.1, 0.2])
    assert (one.best, one.low, one.high, one.ended) == (None, None, None, 0)
    assert two.low is None
    assert two.best is not None


def test_buckets_cut_a_continuous_range_in_equal_parts_of_its_own_scale() -> None:
    trials = [trial(i, {"width": w}, 1 / w) for i, w in enumerate((1.0, 1.5, 3.0, 5.0, 9.0, 16.0))]
    space = study(trials, [WIDTH])
    assert isolation.continuous_scientific(space) == [WIDTH]
    buckets = isolation.buckets(space, WIDTH)
    assert [b.span for b in buckets] == [pytest.approx(s) for s in ((1, 2), (2, 4), (4, 8), (8, 16))]
    assert [b.ended for b in buckets] == [2, 1, 1, 2]
    assert [b.best.trial if b.best else None for b in buckets] == [1, 2, 3, 5]


@pytest.mark.parametrize("dimensions", [1, 2, 4])
def test_the_interval_holds_the_optimum_of_a_bowl(dimensions: int) -> None:
    rng = np.random.default_rng(dimensions)
    held = 0
    for _ in range(300):
        losses = ((rng.random((24, dimensions)) - 0.5) ** 2).sum(axis=1)
        interval = isolation.optimum_interval(losses.tolist(), dimensions)
        assert interval is not None
        held += interval[0] <= 0.0 <= interval[1]
    assert held >= 278  # 95% less two standard errors


def test_three_results_give_no_interval() -> None:
    assert isolation.optimum_interval([0.1, 0.2, 0.3, math.inf], 2) is None
