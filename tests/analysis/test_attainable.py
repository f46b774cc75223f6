"""How much better the best that one arm could reach is than the best of another."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.analysis.attainable import Attainable, attainable, of_groups
from tests.generators.studies import METRIC, halton, parameters, trial

NO_CHOICE = np.zeros((32, 0), dtype=np.int64)
ARMS = np.repeat([0, 1], 16)


def searched(gap: float, seed: int, *, narrower: float = 1.0, logarithm: bool = False) -> Attainable:
    """Two arms of 16 trials at points of their own; the second's best result is worse by `gap`, its bowl narrower."""
    rng = np.random.default_rng(seed)
    units = np.vstack([halton(16, 2, rng), halton(16, 2, rng)])
    bowl = ((units - 0.45) ** 2).sum(axis=1) * np.where(ARMS == 1, narrower, 1.0)
    losses = 0.5 + bowl + gap * ARMS + 0.01 * rng.normal(size=32)
    return attainable(units, NO_CHOICE, ARMS, 10.0 ** (4 * losses) if logarithm else losses)


def test_the_interval_holds_the_true_gain_and_the_better_arm_comes_first() -> None:
    for seed in range(5):
        found = searched(0.1, seed)
        assert [*np.argsort(found.scores.mean(axis=1))] == [0, 1]
        gap = found.gap(0, 1)
        assert gap.interval[0] < 0.1 < gap.interval[1]
        assert gap.probability(0.5) > 0.99
        assert not gap.within(2.0)


@pytest.mark.slow
def test_equal_arms_are_not_told_apart_though_one_bowl_is_narrower() -> None:
    for seed in range(5):
        gap = searched(0.0, seed, narrower=4.0).gap(0, 1)
        assert 0.01 < gap.probability(0.5) + 0.02 < 0.99
        assert gap.interval[0] < 0.0 < gap.interval[1]


def test_losses_over_decades_are_read_in_their_logarithm() -> None:
    gap = searched(0.25, 0, logarithm=True).gap(0, 1)
    best = 10.0 ** (4 * 0.5)
    assert gap.probability(0.5) > 0.99
    assert 0.4 * 9 * best < gap.gain < 2.5 * 9 * best
    assert gap.interval[0] > 0.0


def test_more_trials_are_asked_for_the_less_is_known() -> None:
    clear, open_ = searched(0.1, 0).gap(0, 1), searched(0.002, 0).gap(0, 1)
    assert clear.more(2.5, 0.0) < 1.0 < open_.more(2.5, 0.0)


def test_groups_without_a_result_or_a_difference_have_no_answer() -> None:
    space = parameters(1)
    ones = [trial(i, {"p0": 0.01 * (i + 1)}, 0.5) for i in range(6)]
    broken = [trial(i, {"p0": 0.01}, float("inf"), state="infeasible") for i in range(6)]
    assert of_groups([ones, broken], space, METRIC) is None
    assert of_groups([ones, ones], space, METRIC) is None


def test_a_range_that_one_arm_does_not_have_is_no_obstacle() -> None:
    space = parameters(2)
    rng = np.random.default_rng(0)
    both = [trial(i, {"p0": 10 ** -rng.uniform(0, 4), "p1": 0.5 * rng.random()}, rng.normal()) for i in range(12)]
    one = [trial(i, {"p0": 10 ** -rng.uniform(0, 4)}, 50.0 + rng.normal()) for i in range(12)]
    found = of_groups([one, both], space, METRIC)
    assert found is not None
    assert [*np.argsort(found.scores.mean(axis=1))] == [1, 0]
    assert found.gap(1, 0).gain == pytest.approx(50.0, abs=10.0)
