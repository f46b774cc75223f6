"""Where trials were best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.generators import METRIC, trial
from playbook_cli.analysis.best_step import best_steps, pooled_end
from playbook_cli.records import Curve


def test_the_best_step_is_a_share_of_the_training_length() -> None:
    (read,) = best_steps([trial(0, {}, 0.1, step=250)], METRIC, 1000)
    assert read.share == 0.25
    assert (read.end, read.evaluations) == (None, None)
    assert pooled_end([read]) is None


def test_the_best_step_of_many_noisy_evaluations_is_that_of_the_best_level() -> None:
    steps = np.arange(1, 401) * 2
    values = 1 - steps / 800 + 0.05 * np.random.default_rng(0).normal(size=400)
    values[100] = -1.0
    lucky = replace(trial(0, {}, -1.0, step=202), curve=Curve(steps=steps, values={"val_error": values}))
    assert best_steps([lucky], METRIC, 800)[0].share > 0.9


def test_the_end_of_the_curves_is_pooled() -> None:
    steps = np.arange(1, 41) * 25
    falling = Curve(steps=steps, values={"val_error": 1 - steps / 2000 + 0.01 * np.cos(steps)})
    read = best_steps([replace(trial(i, {}, 0.5, step=1000), curve=falling) for i in range(3)], METRIC, 1000)
    end = pooled_end(read)
    assert end is not None
    assert end.fall == pytest.approx(0.25, abs=0.05)


def test_evaluations_that_are_far_apart_do_not_show_how_a_curve_ends() -> None:
    few = Curve(steps=np.arange(1, 6) * 200, values={"val_error": np.array([1.0, 0.4, 0.2, 0.19, 0.19])})
    assert best_steps([replace(trial(0, {}, 0.19, step=800), curve=few)], METRIC, 1000)[0].end is None
