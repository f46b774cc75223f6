"""Losses that rise, and losses that only look like it."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.instability.rise import FEWEST, Losses, judge, yardstick
from tests.generators.rising_losses import CASES, said_of


def losses(values, *, diverged=False, first=1):
    values = np.asarray(values, dtype=np.float64)
    return Losses(steps=np.arange(first, first + values.size), values=values, diverged=diverged)


def judged(values, reference=None, **changes):
    fall = losses(np.exp(-np.arange(100) / 20) if reference is None else reference)
    run = losses(values, **changes)
    return judge(run, yardstick(fall, [fall]))


FALL = np.exp(-np.arange(100) / 20)


@pytest.mark.parametrize("case", CASES)
def test_it_speaks_where_a_loss_rises_for_a_while_and_nowhere_else(case):
    said = [said_of(case, seed, 150).startswith("unstable") for seed in range(3_000_000, 3_000_020)]
    assert sum(said) >= 18 if CASES[case][2] else sum(said) <= 2


def test_a_rise_is_measured_from_what_the_loss_had_come_down_to():
    bump = FALL + np.where((np.arange(100) >= 50) & (np.arange(100) < 60), 0.7, 0.0)
    found = judged(bump)
    assert found.course == "unstable"
    assert found.first == 51
    assert found.rise == pytest.approx(0.65, abs=0.1)
    assert 6 <= found.above <= 10


def test_a_rise_of_two_evaluations_is_a_spike():
    assert judged(FALL + np.where(np.isin(np.arange(100), [50, 51]), 5.0, 0.0)).course == "stable"
    assert judged(FALL + np.where(np.isin(np.arange(100), [50, 51, 52]), 5.0, 0.0)).course == "unstable"


def test_a_spike_at_the_end_is_one_too():
    assert judged(FALL + np.where(np.arange(100) >= 98, 5.0, 0.0)).course == "stable"


def test_a_loss_that_is_higher_from_the_first_update_on_has_risen():
    assert judged(2.0 * FALL).first == 1


def test_a_warmed_up_run_is_measured_from_its_own_start():
    fall = losses(FALL)
    assert judge(losses(2.0 * FALL), yardstick(fall, [fall]), warmed_up=True).course == "stable"


def test_evaluations_that_begin_late_say_nothing_of_the_start():
    assert judged(2.0 * FALL, first=10).course == "stable"


def test_a_loss_that_stops_being_finite_is_unstable_however_few_its_evaluations():
    found = judged(FALL[:5], diverged=True)
    assert (found.course, found.first) == ("unstable", 6)
    assert judged([], diverged=True).course == "unstable"


def test_too_few_evaluations_are_undecided():
    assert judged(FALL[: FEWEST - 1]).course == "undecided"


def test_without_any_fall_there_is_no_yardstick():
    assert judged(np.ones(100), reference=np.ones(100)).course == "undecided"


def test_the_noise_of_minibatches_is_no_rise():
    rng = np.random.default_rng(0)
    noisy = FALL + 0.1 * rng.normal(size=100)
    assert judged(FALL + 0.1 * rng.normal(size=100), reference=noisy).course == "stable"
