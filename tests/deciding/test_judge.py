"""Which point to take, from the seeds so far."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from playbook_cli.deciding.judge import Asked, Judged, Point, contrast, judge, step_of

if TYPE_CHECKING:
    from collections.abc import Sequence

ASKED = Asked(budget=60, bound=2.0)


def points(*losses: Sequence[float]) -> list[Point]:
    return [Point(trial=number, losses=list(values)) for number, values in enumerate(losses)]


def noisy(*means: float, seed: int = 0, seeds: int = 40) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    return [(mean + rng.normal(size=seeds)).tolist() for mean in means]


def played(table: Sequence[Sequence[float]], asked: Asked = ASKED) -> Judged:
    """The end of a contest in which every seed that is wanted is trained."""
    counts = [0] * len(table)
    while True:
        judged = judge(points(*(row[:count] for row, count in zip(table, counts, strict=True))), asked)
        if judged.verdict is not None:
            return judged
        for point, seeds in judged.wanted.items():
            counts[point.trial] = seeds


def trials(some: Sequence[Point]) -> list[int]:
    return [point.trial for point in some]


def test_a_point_that_is_better_than_all_others_is_adopted_and_losers_get_no_more_seeds() -> None:
    judged = played(noisy(6.0, 2.5, 0.0))
    assert judged.verdict == "adopt"
    assert trials(judged.left) == [2]
    counts = {point.trial: len(point.losses) for point in [*judged.left, *judged.lost]}
    assert counts[0] < counts[1] == counts[2]


def test_among_equal_points_the_first_is_taken_once_a_difference_that_matters_is_ruled_out() -> None:
    judged = played(noisy(0.0, 0.1, -0.1))
    assert judged.verdict == "equal"
    assert len(judged.left) == 3
    assert judged.best is judged.left[0]
    strict = played(noisy(0.0, 0.1, -0.1), Asked(budget=60, bound=0.5))
    assert strict.verdict == "budget-spent"


def test_a_budget_that_is_spent_names_how_many_more_would_decide() -> None:
    judged = played(noisy(1.0, 0.0, seed=3), Asked(budget=8, bound=0.1))
    assert judged.verdict == "budget-spent"
    assert judged.seeds <= 8
    assert judged.needed
    assert judged.needed > 2


def test_no_seeds_are_spent_where_the_rest_of_the_budget_will_hardly_decide() -> None:
    judged = played(noisy(0.0, 0.0, 0.0, seed=1), Asked(budget=14, bound=0.5))
    assert (judged.verdict, judged.early) == ("budget-spent", True)
    assert judged.seeds < 14


def test_a_point_that_diverges_on_more_seeds_than_another_leaves() -> None:
    judged = judge(points([0.0, math.inf], [5.0, 5.1], [4.9, 5.2]), ASKED)
    assert trials(judged.left) == [1, 2]
    assert next(iter(judged.lost.values())).to is None


def test_a_seed_without_a_result_is_replaced_by_further_ones() -> None:
    judged = judge(points([0.0, math.nan], [5.0, 5.1]), ASKED)
    assert judged.verdict is None
    assert set(judged.wanted.values()) == {3}


def test_results_that_agree_by_rounding_are_no_certainty() -> None:
    even = points([0.03, 0.03], [0.04, 0.04])
    assert judge(even, Asked(budget=60, bound=2.0, step=0.01)).verdict is None
    assert judge(even, ASKED).verdict == "adopt", "a seed that changes nothing needs no more of them"


def test_the_step_of_a_metric_is_found_where_it_counts_examples() -> None:
    counted = [k / 544 for k in (9, 11, 12, 15, 30, 33)]
    assert step_of(counted) == pytest.approx(1 / 544)
    assert step_of(counted[:3], examples=1000) == 0.001
    assert step_of(np.random.default_rng(0).normal(size=20).tolist()) == 0.0


def test_a_point_that_scatters_more_neither_borrows_nor_lends_noise() -> None:
    rng = np.random.default_rng(0)
    wild, calm, other = points(*(sd * rng.normal(size=6) for sd in (20.0, 1.0, 1.0)))
    all_ = [wild, calm, other]
    loud, quiet = contrast(wild, calm, all_, 0.0), contrast(calm, other, all_, 0.0)
    assert loud is not None
    assert quiet is not None
    assert loud.error > 3 * quiet.error
    assert loud.freedom < 7.0, "that of the wild point alone"
    assert quiet.freedom == 10.0, "that of the two calm ones"


def test_points_with_fewer_seeds_than_another_catch_up_look_by_look() -> None:
    judged = judge(points([0.0, 0.1, 0.2, 0.1], [0.1, 0.0], [0.1, 0.2]), ASKED)
    assert {point.trial: seeds for point, seeds in judged.wanted.items()} == {1: 3, 2: 3}
    judged = judge(points([90.0, 90.1, 90.2, 89.0], [0.1, 0.0], [0.1, 0.2]), ASKED)
    assert {point.trial: seeds for point, seeds in judged.wanted.items()} == {1: 3, 2: 3}
    assert trials(judged.left) == [1, 2], "the first one has lost by its first two seeds"
    alike = noisy(0.0, 0.0, 0.0, seed=3, seeds=25)
    assert judge(points([90.0 + x for x in alike[0] * 2], *alike[1:]), ASKED).verdict == "equal"


@pytest.mark.slow
def test_equal_points_are_rarely_told_apart() -> None:
    adopted = sum(played(noisy(0.0, 0.0, seed=seed)).verdict == "adopt" for seed in range(100))
    assert adopted <= 9  # 5 are expected at most; 10 or more have a chance of 3%
