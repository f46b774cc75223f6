"""Where trials were best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from playbook_cli.analysis.best_step import best_steps
from playbook_cli.records import Curve
from tests.generators.studies import METRIC, trial


def test_the_best_step_is_a_share_of_the_training_length() -> None:
    (read,) = best_steps([trial(0, {}, 0.1, step=250)], METRIC, 1000)
    assert read.share == 0.25
    assert read.evaluations is None


def test_the_best_step_of_many_noisy_evaluations_is_that_of_the_best_level() -> None:
    steps = np.arange(1, 401) * 2
    values = 1 - steps / 800 + 0.05 * np.random.default_rng(0).normal(size=400)
    values[100] = -1.0
    lucky = replace(trial(0, {}, -1.0, step=202), curve=Curve(steps=steps, values={"val_error": values}))
    assert best_steps([lucky], METRIC, 800)[0].share > 0.9
