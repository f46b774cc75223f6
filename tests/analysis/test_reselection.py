from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from playbook_cli.analysis.repeats import Repeated
from playbook_cli.analysis.reselection import rival
from playbook_cli.records import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

LESS = Metric(name="val_error")
MORE = Metric(name="val_accuracy", goal="maximize")


def again(trial: int, values: Sequence[float], infeasible: int = 0) -> Repeated:
    """A trial with these results on fresh seeds."""
    return Repeated(
        trial=trial,
        selected=0.1,
        values=values,
        infeasible=infeasible,
        mean=sum(values) / len(values) if values else None,
        sd=None,
        interval=None,
        luck=None,
    )


FIRST = again(7, [0.50, 0.51, 0.52, 0.53, 0.54])


def test_a_trial_that_is_clearly_better_on_fresh_seeds_is_found() -> None:
    found = rival([FIRST, again(2, [0.6] * 5), again(3, [0.40, 0.41, 0.42, 0.43, 0.44])], LESS)
    assert found is not None
    assert (found.first, found.trial, found.better) == (7, 3, True)
    assert found.gain == pytest.approx(0.1)


def test_where_more_is_better_the_larger_mean_is() -> None:
    found = rival([FIRST, again(2, [0.60, 0.61, 0.62, 0.63, 0.64]), again(3, [0.4] * 5)], MORE)
    assert found is not None
    assert (found.trial, found.better) == (2, True)


def test_a_better_mean_within_the_noise_is_not_called_better() -> None:
    found = rival([FIRST, again(2, [0.49, 0.51, 0.51, 0.53, 0.54])], LESS)
    assert found is not None
    assert found.gain > 0
    assert not found.better


def test_the_choice_among_many_is_paid_for() -> None:
    one = again(2, [0.48, 0.50, 0.50, 0.51, 0.51])
    others = [again(number, [0.6, 0.7]) for number in range(3, 9)]
    alone, among = rival([FIRST, one], LESS), rival([FIRST, one, *others], LESS)
    assert alone is not None
    assert among is not None
    assert among.p_value == pytest.approx(7 * alone.p_value)


def test_a_trial_that_diverges_more_often_is_no_rival() -> None:
    assert rival([FIRST, again(2, [0.1, 0.1], infeasible=3)], LESS) is None


def test_nothing_is_said_on_less_than_two_repeats() -> None:
    assert rival([], LESS) is None
    assert rival([FIRST], LESS) is None
    assert rival([FIRST, again(2, [0.1])], LESS) is None
    assert rival([again(7, [0.5]), FIRST], LESS) is None


def test_a_metric_without_noise_is_compared_as_it_is() -> None:
    better = rival([again(1, [0.5, 0.5]), again(2, [0.4, 0.4])], LESS)
    assert better is not None
    assert (better.p_value, better.better) == (0.0, True)
    same = rival([again(1, [0.5, 0.5]), again(2, [0.5, 0.5])], LESS)
    assert same is not None
    assert not same.better
