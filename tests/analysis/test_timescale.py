"""AdamW's timescale, of what is known to be AdamW alone."""

from __future__ import annotations

import pytest

from playbook_cli.analysis.timescale import timescale

SETTINGS = {"learning_rate": 1e-3, "weight_decay": 0.1}


def test_it_is_one_over_learning_rate_times_weight_decay() -> None:
    assert timescale({**SETTINGS, "optimizer": "adamw"}) == pytest.approx(10_000)


@pytest.mark.parametrize("name", ["AdamW", "adamw_torch", "adamw8bit", "torch.optim.AdamW", "adam_w"])
def test_adamw_is_known_by_its_usual_names(name: str) -> None:
    assert timescale({"lr": 1e-3, "wd": 0.1, "optim": name}) == pytest.approx(10_000)


@pytest.mark.parametrize("name", ["adam", "sgd", "nadamw", "radamw", None, 1])
def test_an_l2_penalty_has_none(name: str | int | None) -> None:
    assert timescale({**SETTINGS, "optimizer": name}) is None


def test_a_study_that_does_not_say_its_optimizer_has_none() -> None:
    assert timescale(SETTINGS) is None


@pytest.mark.parametrize("decay", [0, 0.0, -0.1, None, "0.1", float("nan"), float("inf"), 1e-320])
def test_a_decay_that_does_nothing_or_is_no_number_has_none(decay: float | str | None) -> None:
    assert timescale({"optimizer": "adamw", "learning_rate": 1e-3, "weight_decay": decay}) is None
