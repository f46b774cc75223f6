"""Which hyperparameters of an optimizer are tuned from how many trials on."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.analysis.boundary import edges
from playbook_cli.spec.tiers import TIERS, needed, tier, usual_name
from tests.generators.studies import halton, surface_study


def test_the_playbooks_own_numbers_are_those_of_the_playbook():
    assert {t.name: t.trials for t in TIERS.values() if t.whose == "from the Google playbook"} == {
        "learning_rate": 1,
        "beta1": 10,
        "epsilon": 25,
    }


@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("lr", "learning_rate"),
        ("beta1", "beta1"),
        ("one_minus_beta1", "beta1"),
        ("adam_beta1", "beta1"),
        ("optimizer.beta_2", "beta2"),
        ("eps", "epsilon"),
        ("one_minus_momentum", "momentum"),
    ],
)
def test_a_hyperparameter_is_known_by_its_usual_names(name, usual):
    assert usual_name(name) == usual
    assert tier(name) is TIERS[usual]


@pytest.mark.parametrize("name", ["dropout", "beta", "steps", "alpha1"])
def test_what_is_no_optimizers_has_no_tier(name):
    assert tier(name) is None


@pytest.mark.parametrize("ranges", [1, 2, 4])
def test_the_trials_needed_are_those_that_the_boundary_rule_asks_for(ranges):
    points = halton(40, ranges, np.random.default_rng(0))
    study = surface_study(points, points.sum(axis=1))
    found = edges(study.trials, study.parameters, study.metric, zone=0.25)
    assert {e.needed for e in found.values()} == {needed(ranges)}
