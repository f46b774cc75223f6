"""Where trials were best, and at which learning rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.generators import METRIC, trial
from playbook_cli.analysis.best_step import best_steps, learning_rate, pooled_end
from playbook_cli.records import Curve


def curve(**columns: list[float]) -> Curve:
    return Curve(steps=np.array([250, 500, 750, 1000]), values={k: np.array(v) for k, v in columns.items()})


@pytest.mark.parametrize("name", ["learning_rate", "lr", "optim/lr", "train.learning-rate"])
def test_the_recorded_learning_rate_is_read_relative_to_its_peak(name: str) -> None:
    assert learning_rate(trial(0, {}, 0.1, curve=curve(**{name: [0.2, 0.4, 0.2, 0.0]})), 750) == 0.5


def test_without_a_column_a_constant_schedule_is_known_and_another_is_not() -> None:
    plain = curve(val_error=[4.0, 3.0, 2.0, 1.0], clr=[1.0, 1.0, 1.0, 1.0])
    assert learning_rate(trial(0, {"schedule": "constant"}, 0.1, curve=plain), 750) == 1.0
    assert learning_rate(trial(0, {"schedule": "cosine"}, 0.1, curve=plain), 750) is None
    assert learning_rate(trial(0, {}, 0.1), 750) is None


def test_the_best_step_is_a_share_of_the_training_length() -> None:
    (read,) = best_steps([trial(0, {}, 0.1, step=250)], METRIC, 1000)
    assert read.share == 0.25
    assert read.end is None
    assert pooled_end([read]) is None


def test_the_end_of_the_curves_is_pooled() -> None:
    steps = np.arange(1, 41) * 25
    falling = Curve(steps=steps, values={"val_error": 1 - steps / 2000 + 0.01 * np.cos(steps)})
    read = best_steps([replace(trial(i, {}, 0.5, step=1000), curve=falling) for i in range(3)], METRIC, 1000)
    end = pooled_end(read)
    assert end is not None
    assert end.fall == pytest.approx(0.25, abs=0.05)
