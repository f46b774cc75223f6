"""The infeasible end of a range."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from playbook_cli.analysis.instability import unstable_above
from tests.generators.studies import METRIC, parameters, trial

if TYPE_CHECKING:
    from playbook_cli.records import TrialRecord

(RATE,) = parameters(1)


def ladder(losses: list[float]) -> list[TrialRecord]:
    """One trial a loss, from the lowest value of the range to the highest."""
    n = len(losses)
    return [
        trial(i, {"p0": RATE.from_unit((i + 0.5) / n)}, v, state="completed" if math.isfinite(v) else "infeasible")
        for i, v in enumerate(losses)
    ]


def test_infeasible_trials_in_a_row_at_the_top_are_counted() -> None:
    seen = unstable_above(ladder([5, 4, 3, 2, 1, 0.5, math.inf, math.inf]), RATE, METRIC, zone=0.35)
    assert (seen.failed_above, seen.infeasible) == (2, 2)
    assert seen.p_value == pytest.approx(2 / 8 * 1 / 7)
    assert (seen.near, seen.top) == (1, 1)
    assert seen.limit == pytest.approx(5.5 / 8)


def test_the_best_trial_far_below_the_limit_is_not_near() -> None:
    seen = unstable_above(ladder([0.5, 1, 2, 3, 4, 5, math.inf, math.inf]), RATE, METRIC, zone=0.35)
    assert seen.near == 0


def test_an_infeasible_trial_below_a_feasible_one_is_not_in_the_row() -> None:
    seen = unstable_above(ladder([1, math.inf, 1, math.inf]), RATE, METRIC, zone=0.35)
    assert seen.failed_above == 1
    assert seen.p_value == 0.5


def test_without_a_feasible_trial_there_is_no_limit() -> None:
    seen = unstable_above(ladder([math.inf] * 4), RATE, METRIC, zone=0.35)
    assert (seen.limit, seen.p_value, seen.near) == (None, 1.0, 0)


def test_an_infeasible_trial_is_never_one_of_the_best() -> None:
    seen = unstable_above(ladder([4.0, 3.0, 2.0, 1.0, *[math.inf] * 60]), RATE, METRIC, zone=0.35)
    assert (seen.near, seen.top) == (2, 2)
    seen = unstable_above(ladder([1.0, 2.0, 3.0, 4.0, *[math.inf] * 60]), RATE, METRIC, zone=0.35)
    assert (seen.near, seen.top) == (0, 2)
