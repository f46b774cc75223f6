"""What share of the base learning rate each update uses."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.errors import ProtocolError
from playbook_cli.schedules import HOLDING, SCHEDULES, WSD, multiplier, stable_steps


def whole(schedule, steps, warmup=0, decay=None):
    return [
        multiplier(schedule, step, max_train_steps=steps, warmup_steps=warmup, decay_steps=decay)
        for step in range(1, steps + 1)
    ]


def test_a_constant_schedule_uses_the_base_rate_in_every_update():
    assert whole("constant", 5) == [1.0] * 5


def test_a_linear_decay_starts_at_the_base_rate_and_falls_in_equal_steps():
    assert whole("linear", 4) == [1.0, 0.75, 0.5, 0.25]


def test_a_cosine_decay_has_half_of_the_base_rate_in_its_middle():
    factors = whole("cosine", 100)
    assert factors[0] == 1.0
    assert factors[50] == pytest.approx(0.5)
    assert 0.0 < factors[-1] < 0.001


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_warmup_comes_first_and_rises_to_the_base_rate(schedule):
    factors = whole(schedule, 10, warmup=3)
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]


def test_the_decay_fills_what_the_warmup_leaves():
    assert whole("linear", 7, warmup=3)[3:] == whole("linear", 4)


def test_a_decay_ends_at_zero_one_update_after_the_last():
    assert multiplier("linear", 5, max_train_steps=4) == 0.0
    assert multiplier("cosine", 50, max_train_steps=4) == 0.0


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_warmup_longer_than_training_only_rises(schedule):
    factors = whole(schedule, 4, warmup=100)
    assert factors == sorted(factors)
    assert factors[-1] < 1.0


@given(
    schedule=st.sampled_from(sorted(SCHEDULES)),
    steps=st.integers(1, 10_000),
    warmup=st.floats(0, 20_000),
    share=st.floats(0, 1),
)
def test_every_update_of_training_has_a_factor_above_0_and_up_to_1(schedule, steps, warmup, share):
    step = 1 + round(share * (steps - 1))
    assert 0.0 < multiplier(schedule, step, max_train_steps=steps, warmup_steps=warmup) <= 1.0


def test_warmup_stable_decay_decays_by_one_minus_the_square_root():
    steps, length = 100, 25
    factors = whole(WSD, steps, decay=length)
    assert factors[:76] == [1.0] * 76
    for done in range(76, 100):
        assert factors[done] == pytest.approx(1 - math.sqrt((done - (steps - length)) / length), abs=1e-12)


def test_warmup_stable_decay_decays_over_the_last_fifth_unless_told_otherwise():
    assert whole(WSD, 100, warmup=5) == whole(WSD, 100, warmup=5, decay=20)


def test_a_linear_decay_of_a_given_length_comes_after_a_constant_part():
    assert whole("linear", 6, decay=4) == [1.0, 1.0, *whole("linear", 4)]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_other_schedules_have_no_use_for_the_length_of_a_decay(schedule):
    assert whole(schedule, 12, warmup=2, decay=3) == whole(schedule, 12, warmup=2)


@pytest.mark.parametrize("schedule", HOLDING)
def test_a_decay_longer_than_what_the_warmup_leaves_takes_all_of_that(schedule):
    assert whole(schedule, 10, warmup=3, decay=100) == whole(schedule, 10, warmup=3, decay=7)


@pytest.mark.parametrize("schedule", HOLDING)
def test_a_decay_of_no_steps_never_comes(schedule):
    assert whole(schedule, 5, decay=0) == [1.0] * 5
    assert stable_steps(schedule, max_train_steps=5, decay_steps=0) is None


def test_a_decay_of_less_than_no_steps_is_refused():
    with pytest.raises(ProtocolError, match="-1"):
        whole("linear", 5, decay=-1)


@given(
    schedule=st.sampled_from(HOLDING),
    steps=st.integers(1, 300),
    longer=st.integers(0, 300),
    warmup=st.integers(0, 320),
    decay=st.none() | st.integers(0, 320),
)
def test_up_to_its_stable_steps_a_longer_training_is_the_same(schedule, steps, longer, warmup, decay):
    last = stable_steps(schedule, max_train_steps=steps, warmup_steps=warmup, decay_steps=decay)
    factors = whole(schedule, steps, warmup, decay)
    if last is None:
        return
    assert warmup < last < steps
    assert factors[warmup:last] == [1.0] * (last - warmup)
    assert factors[last] == 1.0  # the decay's first update
    assert all(after < before for before, after in zip(factors[last:], factors[last + 1 :], strict=False))
    assert whole(schedule, steps + longer, warmup, decay)[: last + 1] == factors[: last + 1]


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_a_schedule_that_holds_nothing_before_its_decay_has_no_stable_steps(schedule):
    assert stable_steps(schedule, max_train_steps=100, warmup_steps=10) is None


def test_an_unknown_schedule_is_named_with_those_that_there_are():
    with pytest.raises(ProtocolError, match="'step'") as raised:
        multiplier("step", 1, max_train_steps=10)
    assert "cosine" in raised.value.hint
