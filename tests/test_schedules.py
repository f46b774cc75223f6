"""What share of the base learning rate each update uses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.errors import ProtocolError
from playbook_cli.schedules import SCHEDULES, multiplier


def whole(schedule, steps, warmup=0):
    return [multiplier(schedule, step, max_train_steps=steps, warmup_steps=warmup) for step in range(1, steps + 1)]


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


def test_an_unknown_schedule_is_named_with_those_that_there_are():
    with pytest.raises(ProtocolError, match="'step'") as raised:
        multiplier("step", 1, max_train_steps=10)
    assert "cosine" in raised.value.hint
