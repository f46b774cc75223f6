"""The torch scheduler: the function's rates, and the same ones after a resume."""

from __future__ import annotations

import pytest
import torch

from playbook_cli.errors import ProtocolError
from playbook_cli.schedules import SCHEDULES, WSD, multiplier, scheduler

STEPS, WARMUP = 12, 3


def training(schedule, steps=STEPS):
    """A tiny model with what trains it, after no update."""
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    groups = [{"params": [model.weight], "lr": 0.1}, {"params": [model.bias], "lr": 0.02}]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=0.9)
    return model, optimizer, scheduler(optimizer, schedule, max_train_steps=steps, warmup_steps=WARMUP)


def train(model, optimizer, schedule, updates):
    """The learning rates of these updates, both groups'."""
    rates = []
    for update in updates:
        optimizer.zero_grad()
        model(torch.full((1, 3), 0.1 * update)).square().sum().backward()
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_group_has_its_own_rate_times_the_factor(schedule):
    rates = train(*training(schedule), range(1, STEPS + 1))
    factors = [multiplier(schedule, n, max_train_steps=STEPS, warmup_steps=WARMUP) for n in range(1, STEPS + 1)]
    assert rates == [[0.1 * factor, 0.02 * factor] for factor in factors]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("stopped", range(STEPS + 1))
def test_a_training_resumed_after_any_update_is_the_same_bit_for_bit(schedule, stopped, tmp_path):
    whole = training(schedule)
    expected = train(*whole, range(1, STEPS + 1))
    first = training(schedule)
    rates = train(*first, range(1, stopped + 1))
    torch.save([thing.state_dict() for thing in first], tmp_path / "it.pt")
    second = training(schedule)
    for thing, state in zip(second, torch.load(tmp_path / "it.pt", weights_only=True), strict=True):
        thing.load_state_dict(state)
    assert second[2].get_last_lr() == first[2].get_last_lr()
    assert rates + train(*second, range(stopped + 1, STEPS + 1)) == expected
    for a, b in zip(whole[0].parameters(), second[0].parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_state_goes_on_in_a_longer_schedule_at_the_longer_ones_rates():
    short, long = training("linear"), training("linear", steps=40)
    train(*short, range(1, 9))
    for thing, state in zip(long, [thing.state_dict() for thing in short], strict=True):
        thing.load_state_dict(state)
    expected = 0.1 * multiplier("linear", 9, max_train_steps=40, warmup_steps=WARMUP)
    assert long[1].param_groups[0]["lr"] == long[2].get_last_lr()[0] == expected


def test_it_is_a_scheduler_to_torch_and_knows_its_last_stable_update():
    _, _, schedule = training(WSD, steps=20)
    assert isinstance(schedule, torch.optim.lr_scheduler.LRScheduler)
    assert schedule.stable_steps == 16


def test_an_unknown_schedule_is_refused_when_it_is_made():
    with pytest.raises(ProtocolError, match="step"):
        training("step")
