"""What is known about learning rates."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.analysis import schedule
from playbook_cli.records import Curve, TrialRecord
from tests.generators.studies import trial

STEPS = np.arange(1, 101) * 10
T = STEPS / 1000


def of(rate: np.ndarray | None = None, name: str = "learning_rate", **params: str | float | None) -> TrialRecord:
    columns = {"val_error": 1 - T} | ({} if rate is None else {name: rate})
    return trial(0, params, 0.1, curve=Curve(steps=STEPS, values=columns))


@pytest.mark.parametrize("name", ["learning_rate", "lr", "optim/lr", "train.learning-rate"])
def test_the_recorded_learning_rate_is_read_relative_to_its_peak(name: str) -> None:
    known = schedule.rates(of(0.2 * (1 - T), name), 1000)
    assert known is not None
    assert known.at(750) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("name", ["schedule", "lr_schedule", "lr_scheduler_type", "optim.scheduler", "sched"])
def test_a_declared_schedule_is_known_without_a_column(name: str) -> None:
    declared = of(**{name: "cosine"})
    known = schedule.rates(declared, 1000)
    assert known is not None
    assert known.at(500) == pytest.approx(0.5, abs=0.01)
    assert schedule.course(declared, 1000, decayed=0.5) == "decays"
    assert schedule.course(of(**{name: "constant"}), 1000, decayed=0.5) == "constant"


@pytest.mark.parametrize(("params"), [{}, {"schedule": "mine"}, {"schedule": 3}, {"reschedule_every": "cosine"}])
def test_what_is_neither_logged_nor_declared_is_unknown(params) -> None:
    assert schedule.rates(of(clr=0.1, **params), 1000) is None
    assert schedule.course(of(**params), 1000, decayed=0.5) == "unknown"


def test_a_schedule_that_is_only_known_to_decay_has_no_rates() -> None:
    declared = of(lr_scheduler="MultiStepLR")
    assert schedule.rates(declared, 1000) is None
    assert schedule.course(declared, 1000, decayed=0.5) == "decays"


@pytest.mark.parametrize(
    ("rate", "course"),
    [
        (np.ones(100), "constant"),
        (np.minimum(T / 0.1, 1.0), "constant"),
        (0.5 * (1 + np.cos(np.pi * T)), "decays"),
        (np.clip((1 - T) / 0.2, 0, 1), "decays"),
        (0.5 * (1 + np.cos(np.pi * (4 * T % 1))), "restarts"),
    ],
)
def test_what_a_logged_rate_does(rate, course) -> None:
    assert schedule.course(of(rate), 1000, decayed=0.5) == course


def test_the_time_at_the_peak_ends_where_the_decay_begins() -> None:
    known = schedule.rates(of(np.minimum(T / 0.1, np.clip((1 - T) / 0.2, 0, 1))), 1000)
    assert known is not None
    assert known.held_until == pytest.approx(810, abs=20)


def test_most_trials_must_be_constant_for_the_study_to_be() -> None:
    assert schedule.shared(["constant", "constant", "decays"]) == "constant"
    assert schedule.shared(["constant", "decays"]) == "decays"
    assert schedule.shared(["constant", "unknown", "unknown", "decays"]) == "unknown"
    assert schedule.shared([]) == "unknown"
