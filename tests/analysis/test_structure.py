"""Whether results follow the hyperparameters, or scatter as noise does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from playbook_cli.analysis.structure import structure
from tests.generators.arm_cases import arms
from tests.generators.space_cases import shifted_category
from tests.generators.studies import METRIC, halton, parameters, surface_study, trial

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord


def test_a_bowl_is_structure_and_noise_is_none() -> None:
    rng = np.random.default_rng(0)
    points = halton(24, 2, rng)
    bowl = surface_study(points, ((points - 0.4) ** 2).sum(axis=1))
    noise = surface_study(points, rng.normal(size=24))
    found = structure([bowl.trials], bowl.parameters, METRIC)
    assert found.p_value == 0.001
    assert found.noise < 0.05 * np.ptp([t.best.value for t in bowl.trials if t.best])
    found = structure([noise.trials], noise.parameters, METRIC)
    assert found.p_value > 0.1
    assert found.noise == pytest.approx(1.0, abs=0.3)


def test_a_bowl_of_eight_ranges_shows_in_24_trials() -> None:
    rng = np.random.default_rng(0)
    points = halton(24, 8, rng)
    made = surface_study(points, np.sqrt(((points - 0.45) ** 2).mean(axis=1)))
    assert structure([made.trials], made.parameters, METRIC).p_value <= 0.01


def test_a_choice_alone_is_structure() -> None:
    made = shifted_category(beyond=False)(np.random.default_rng(1), 24, 1)
    chosen = [replace(t, best=replace(t.best, value=float(t.params["kind"] == "a") + 0.01 * t.id)) for t in made.trials]
    kind = [p for p in made.parameters if p.name == "kind"]
    assert structure([chosen], kind, METRIC).p_value <= 0.01


@pytest.mark.slow
def test_noise_passes_as_structure_as_often_as_its_p_value_says() -> None:
    found = [structure([s.trials], s.parameters, METRIC).p_value for s in (_heavy(seed) for seed in range(40))]
    assert 1 <= sum(p <= 0.2 for p in found) <= 16


def _heavy(seed: int) -> StudyRecord:
    rng = np.random.default_rng(seed)
    return surface_study(halton(12, 2, rng), rng.standard_t(2.5, size=12))


def test_a_difference_between_arms_is_no_structure_within_them() -> None:
    made = arms("flat", 0.5)(np.random.default_rng(0), 32, 2)
    groups = [[t for t in made.trials if t.arm == arm] for arm in made.arms]
    assert structure(groups, made.parameters, METRIC).p_value > 0.1


def test_equal_results_have_none() -> None:
    assert structure([[trial(i, {}, 0.5) for i in range(8)]], parameters(1), METRIC).p_value == 1.0
    assert structure([], parameters(1), METRIC).p_value == 1.0
