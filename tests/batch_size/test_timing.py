"""The time of a step, from evaluations whose times are made up."""

from __future__ import annotations

import pytest

from playbook_cli.batch_size.timing import FOLLOWED_SECONDS, timing


def evaluations(step, evaluation, *, every=32, long=8, short=5, waiting=0.0, start=3.0):
    """(step, seconds, waited) as a client's probe records them."""
    steps = [every * number for number in range(1, long + 1)]
    steps += [steps[-1] + number for number in range(1, short + 1)]
    return [(n, start + n * (step + waiting) + index * evaluation, n * waiting) for index, n in enumerate(steps)]


def test_what_an_evaluation_costs_is_no_part_of_a_step():
    timed = timing(evaluations(0.004, 0.05))
    assert timed.seconds == pytest.approx(0.004, rel=1e-6)
    assert timed.evaluation == pytest.approx(0.05)
    assert timed.precise


def test_the_time_before_the_first_evaluation_counts_nothing():
    late, early = (timing(evaluations(0.004, 0.05, start=start)) for start in (100.0, 0.0))
    assert late.seconds == pytest.approx(early.seconds)


def test_one_slow_interval_moves_nothing():
    times = [(n, when + (5.0 if n > 128 else 0.0), waited) for n, when, waited in evaluations(0.004, 0.05)]
    assert timing(times).seconds == pytest.approx(0.004, rel=1e-6)


def test_time_in_which_other_work_had_the_cores_is_left_out_and_told():
    timed = timing(evaluations(0.004, 0.0, waiting=0.012))
    assert timed.seconds == pytest.approx(0.004, rel=1e-6)
    assert timed.waited == pytest.approx(0.75)


def test_without_single_steps_evaluations_are_included():
    timed = timing(evaluations(0.004, 0.064, short=0))
    assert timed.seconds == pytest.approx(0.006)
    assert timed.evaluation is None
    assert timed.without(0.064).seconds == pytest.approx(0.004)


def test_steps_too_short_for_the_clock_are_not_timed():
    assert timing(evaluations(1e-6, 0.0, every=2)) is None


def test_intervals_shorter_than_the_clock_can_tell_are_not_precise():
    timed = timing(evaluations(0.0003, 0.0, every=4))
    assert not timed.precise
    assert timed.seconds == pytest.approx(0.0003)


def test_a_follower_that_looks_seldom_is_timed_over_all_of_it():
    ticked = [(n, round(when, 1), 0.0) for n, when, _ in evaluations(0.007, 0.0, every=10, long=80, short=0)]
    timed = timing(ticked, FOLLOWED_SECONDS)
    assert timed.seconds == pytest.approx(0.007, rel=0.03)
    assert timed.low < 0.007 < timed.high


@pytest.mark.parametrize("times", [[], [(4, 1.0, 0.0)], [(4, 1.0, 0.0), (8, 2.0, 0.0)]])
def test_too_few_evaluations_time_nothing(times):
    assert timing(times) is None
