"""Whether trials are spread over the space."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.analysis.evenness import crowded
from playbook_cli.analysis.terms import terms
from playbook_cli.records import Parameter
from playbook_cli.spec.space import Space
from tests.generators.studies import halton, study, trial


def integer(low, high, scale):
    return Parameter(name="k", label="k", role="nuisance", kind="int", low=low, high=high, scale=scale, points=4)


def of(parameter, units):
    trials = [trial(number, {"k": parameter.from_unit(float(unit))}, 0.0) for number, unit in enumerate(units)]
    return crowded(terms([parameter], study(trials, [parameter]).trials))


@pytest.mark.parametrize("scale", ["log", "linear"])
@pytest.mark.parametrize(("low", "high"), [(1, 4), (1, 8), (1, 64), (1, 512), (16, 4096)])
def test_integers_of_a_quasi_random_search_do_not_crowd(low, high, scale):
    for count in (16, 32, 64, 128):
        for seed in range(3):
            units = halton(count, 2, np.random.default_rng(seed))[:, 1]
            assert of(integer(low, high, scale), units) == []


@pytest.mark.parametrize(("low", "high"), [(1, 8), (1, 64), (1, 512), (16, 4096)])
def test_random_integers_crowd_no_more_often_than_promised(low, high):
    rng = np.random.default_rng(0)
    assert sum(bool(of(integer(low, high, "log"), rng.random(64))) for _ in range(200)) <= 6


@pytest.mark.parametrize("scale", ["log", "linear"])
@pytest.mark.parametrize(("low", "high"), [(1, 4), (1, 8), (1, 64), (1, 512), (16, 4096)])
def test_integers_of_a_search_that_follows_its_results_crowd(low, high, scale):
    units = np.random.default_rng(0).random(64)
    units[16:] = 0.6 + 0.05 * units[16:]
    assert of(integer(low, high, scale), units) == ["k"]


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_integers_of_a_grid_do_not_crowd(scale):
    parameter = integer(1, 64, scale)
    units = [unit for (unit,) in Space([parameter], {}).grid({})]
    assert of(parameter, 16 * units) == []
