"""How a schedule goes into a longer training, checked on the learning rates that it then has."""

from __future__ import annotations

import pytest

from playbook_cli.advice.carrying import carry, names
from playbook_cli.schedules import WSD, multiplier


def carried(params, *, schedule=None, before=100, now=300):
    return carry(params, names(params, schedule), before=before, now=now)


def factors(params, steps):
    return [
        multiplier(
            params["schedule"],
            step,
            max_train_steps=steps,
            warmup_steps=params.get("warmup_steps", 0),
            decay_steps=params.get("decay_steps"),
        )
        for step in range(1, steps + 1)
    ]


@pytest.mark.parametrize("more", [{}, {"warmup_steps": 10}, {"warmup_steps": 10, "decay_steps": 40}])
def test_a_linear_schedule_spends_the_extra_steps_at_the_high_learning_rate(more):
    params = {"schedule": "linear", "lr": 0.1, **more}
    how = carried(params)
    short, long = factors(params, 100), factors({**params, **how.changes}, 300)
    warmup, length = more.get("warmup_steps", 0), more.get("decay_steps", 100 - more.get("warmup_steps", 0))
    assert long[:warmup] == short[:warmup]
    assert long[warmup : 300 - length] == [1.0] * (300 - length - warmup)
    assert long[300 - length :] == pytest.approx(short[100 - length :])
    assert sum(long) == pytest.approx(sum(short) + 200)


def test_a_cosine_schedule_stretches():
    how = carried({"schedule": "cosine", "warmup_steps": 10})
    assert (how.kind, how.changes, how.continues) == ("cosine", {}, False)


def test_nothing_of_a_constant_schedule_changes():
    assert carried({"schedule": "constant"}).changes == {}
    assert carried({"schedule": None}).kind == "constant"


@pytest.mark.parametrize("params", [{"schedule": WSD}, {"schedule": WSD, "decay_steps": 10}])
def test_warmup_stable_decay_decays_over_as_large_a_part(params):
    how = carried(params)
    assert how.continues
    short, long = factors(params, 100), factors({**params, **how.changes}, 300)
    assert sum(f < 1 for f in long) + 1 == 3 * (sum(f < 1 for f in short) + 1)


@pytest.mark.parametrize("params", [{"warmup_ratio": 0.1}, {"warmup_fraction": 0.05}, {"warmup_pct": 5.0}])
def test_a_warmup_given_as_a_part_of_training_keeps_its_length_in_steps(params):
    ((name, value),) = params.items()
    assert carried({"schedule": "cosine", **params}).changes == {name: pytest.approx(value / 3)}
    assert carried(params).changes == {name: pytest.approx(value / 3)}, "also where the schedule is not known"


def test_a_linear_decay_comes_after_a_warmup_that_is_a_part_of_training():
    assert carried({"schedule": "linear", "warmup_pct": 5.0}).changes["decay_steps"] == 95


def test_a_decay_given_as_a_part_of_training_keeps_its_length_in_steps_where_it_is_linear():
    assert carried({"schedule": "linear", "decay_fraction": 0.3}).changes == {"decay_fraction": pytest.approx(0.1)}
    assert carried({"schedule": WSD, "decay_fraction": 0.3}).changes == {}


def test_the_names_of_a_study_are_understood():
    params = {"lr_scheduler_type": "linear", "num_warmup_updates": 20, "cooldown_iters": 30}
    assert carried(params).changes == {"cooldown_iters": 30}
    assert carried({"lr_scheduler_type": "cosine_with_restarts"}).kind == "cosine"
    assert carried({"schedule": "wsd"}).kind == WSD
    assert carried({"schedule": "constant_with_warmup"}).kind == "constant"


def test_weight_decay_is_no_part_of_a_schedule():
    assert carried({"schedule": "linear", "weight_decay": 0.1}).changes == {"decay_steps": 100}


def test_what_is_not_known_is_said_and_not_guessed():
    assert carried({"lr": 0.1}).changes == {}
    assert "--schedule NAME" in carried({"lr": 0.1}).reason
    how = carried({"schedule": "exponential", "decay_steps": 10})
    assert (how.kind, how.changes) == (None, {})
    assert "exponential" in how.reason


def test_the_user_can_say_what_names_the_schedule():
    assert carried({"annealing": "linear"}, schedule="annealing").changes == {"decay_steps": 100}
