"""What is said to carry over from short trainings to long ones."""

from __future__ import annotations

import pytest

from playbook_cli.advice.transfer import UNKNOWN, transfer

MARKS = {
    "keep": ["warmup_steps", "warm_up_ratio", "lr_warmup", "init_scale", "weight_init", "initialization"],
    "recheck": [
        "optimizer",
        "learning_rate",
        "lr",
        "one_minus_momentum",
        "beta1",
        "adam_epsilon",
        "grad_clip",
        "dropout",
        "weight_decay",
        "wd",
        "label_smoothing",
        "mixup_alpha",
        "random_crop",
        "hidden_layers",
        "d_model",
        "activation",
        "batch_size",
        "zeta",
    ],
    "retune": ["schedule", "lr_schedule", "lr_scheduler_type", "decay_steps", "cooldown_fraction", "lr_decay"],
}


@pytest.mark.parametrize(("mark", "name"), [(mark, name) for mark, names in MARKS.items() for name in names])
def test_every_hyperparameter_has_its_mark_by_its_name(mark, name):
    assert transfer(name).mark == mark


def test_a_name_that_the_table_does_not_have_says_so():
    assert transfer("zeta") == UNKNOWN


def test_a_clear_win_of_an_architecture_is_kept_but_not_that_of_a_schedule():
    assert transfer("hidden_layers", clear_win=True).mark == "keep"
    assert transfer("schedule", clear_win=True).mark == "retune"
