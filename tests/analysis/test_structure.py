"""Whether results follow the hyperparameters, or scatter as noise does."""

from __future__ import annotations

import numpy as np

from playbook_cli.analysis.structure import structure
from tests.generators.arm_cases import arms
from tests.generators.studies import METRIC, halton, parameters, surface_study, trial


def test_a_bowl_is_structure_and_noise_is_none() -> None:
    rng = np.random.default_rng(0)
    points = halton(24, 2, rng)
    bowl = surface_study(points, ((points - 0.4) ** 2).sum(axis=1))
    noise = surface_study(points, rng.normal(size=24))
    assert structure([bowl.trials], bowl.parameters, METRIC) > 5.0
    assert structure([noise.trials], noise.parameters, METRIC) < 2.5


def test_a_difference_between_arms_is_no_structure_within_them() -> None:
    made = arms("flat", 0.5)(np.random.default_rng(0), 32, 2)
    groups = [[t for t in made.trials if t.arm == arm] for arm in made.arms]
    assert structure(groups, made.parameters, METRIC) < 2.5


def test_equal_results_have_none() -> None:
    assert structure([[trial(i, {}, 0.5) for i in range(8)]], parameters(1), METRIC) == 0.0
    assert structure([], parameters(1), METRIC) == 0.0
