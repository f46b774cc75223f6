"""The edges of a range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from playbook_cli.analysis.boundary import edges
from playbook_cli.analysis.widening import RANGES
from playbook_cli.records import Parameter
from tests.generators.studies import METRIC, halton, parameters, surface, surface_study, trial

if TYPE_CHECKING:
    from playbook_cli.analysis.boundary import Edges


def of(points: np.ndarray, losses: np.ndarray) -> dict[str, Edges]:
    study = surface_study(points, losses)
    return dict(edges(study.trials, study.parameters, study.metric, zone=0.25))


def slope(optimum: float, shape: str = "quadratic", n: int = 24) -> Edges:
    points = halton(n, 2, np.random.default_rng(1))
    noise = 0.01 * np.random.default_rng(2).normal(size=n)
    return of(points, surface(np.array([optimum, 0.5]), np.ones(2), shape)(points) + noise)["p0"]


@pytest.mark.parametrize("shape", ["quadratic", "absolute", "log", "steep"])
def test_beyond_an_edge_with_the_optimum_a_gain_is_likely_whatever_the_shape(shape: str) -> None:
    upper, lower = slope(1.25, shape).upper, slope(-0.25, shape).lower
    for edge in (upper, lower):
        assert edge.widening.probability > 0.5
        assert edge.near >= edge.top / 2
        assert not edge.closed


def test_an_optimum_inside_leaves_none() -> None:
    found = slope(0.5)
    assert max(found.lower.widening.probability, found.upper.widening.probability) < 0.15


def test_a_cliff_closes_the_edge() -> None:
    points = halton(24, 2, np.random.default_rng(1))
    losses = surface(np.array([1.1, 0.5]), np.ones(2))(points)
    losses[points[:, 0] > 0.85] = np.inf
    assert of(points, losses)["p0"].upper.closed


def test_infeasible_trials_elsewhere_do_not_close_it() -> None:
    points = halton(48, 2, np.random.default_rng(1))
    losses = surface(np.array([1.25, 0.4]), np.ones(2))(points)
    losses[points[:, 1] > 0.75] = np.inf
    found = of(points, losses)["p0"].upper
    assert not found.closed
    assert found.widening.probability > 0.9


def test_too_few_trials_for_the_ranges_are_not_enough() -> None:
    points = halton(12, 4, np.random.default_rng(0))
    found = of(points, surface(np.full(4, 0.5), np.ones(4))(points))["p0"]
    assert not found.enough
    assert (found.feasible, found.needed) == (12, 18)
    assert found.upper.widening is None


def test_equal_results_promise_nothing() -> None:
    found = of(halton(24, 2, np.random.default_rng(0)), np.full(24, 0.1))["p0"]
    assert found.upper.widening is None


def test_nothing_is_known_without_a_feasible_trial() -> None:
    assert of(halton(8, 1, np.random.default_rng(0)), np.full(8, np.inf)) == {}


def test_choices_have_no_edges_but_their_surfaces_are_fitted() -> None:
    points = halton(24, 2, np.random.default_rng(3))
    (rate,) = parameters(1)
    choice = Parameter(name="opt", label="opt", role="nuisance", kind="choice", choices=("a", "b"))
    losses = (points[:, 0] - 1.3) ** 2
    trials = [
        trial(i, {"p0": rate.from_unit(u), "opt": "ab"[int(2 * v)]}, float(loss + 0.3 * int(2 * v)))
        for i, ((u, v), loss) in enumerate(zip(points, losses, strict=True))
    ]
    found = edges(trials, [choice, rate], METRIC, zone=0.25)
    assert list(found) == ["p0"]
    assert found["p0"].upper.widening.probability > 0.65


def test_two_values_of_a_range_point_to_the_better_one_and_prove_no_gain_beyond_it() -> None:
    layers = Parameter(name="layers", label="layers", role="nuisance", kind="int", low=1, high=2)
    trials = [trial(i, {"layers": 1 + i % 2}, 0.5 - 0.3 * (i % 2) + 0.01 * (i % 5)) for i in range(12)]
    found = edges(trials, [layers], METRIC, zone=0.25)["layers"]
    assert found.lower.widening.probability < 0.05
    assert 0.2 < found.upper.widening.probability < 0.65


def test_an_infeasible_trial_is_never_one_of_the_best() -> None:
    points = np.arange(64)[:, None] / 64 + 0.005
    losses = np.where(points[:, 0] < 6 / 64, points[:, 0], np.inf)
    found = of(points, losses)["p0"]
    assert (found.feasible, found.lower.top, found.lower.near) == (6, 3, 3)


def many(shape: tuple[int, int], seed: int = 0) -> dict[str, Edges]:
    points = halton(*shape, np.random.default_rng(seed))
    return of(points, points[:, 0] + 0.1 * np.random.default_rng(seed).normal(size=len(points)))


def test_of_many_ranges_those_that_results_follow_are_looked_at() -> None:
    found = many((120, 22))
    looked = [label for label, each in found.items() if each.upper.widening]
    assert len(looked) == RANGES
    assert found["p0"].lower.widening.probability > 0.65


@pytest.mark.slow
def test_three_hundred_ranges_and_few_trials_are_not_fitted() -> None:
    found = many((64, 300))
    assert len(found) == 300
    assert {each.enough for each in found.values()} == {False}
    assert {each.needed for each in found.values()} == {1202}


def test_a_range_in_which_results_only_scatter_more_is_told_from_one_in_which_they_get_better() -> None:
    points, rng = halton(48, 2, np.random.default_rng(1)), np.random.default_rng(2)
    flat = of(points, 1 + (0.01 + points[:, 0]) * rng.normal(size=48))["p0"]
    assert flat.upper.louder
    assert not flat.lower.louder
    better = of(points, 1 - points[:, 0] + (0.01 + 0.5 * points[:, 0]) * rng.normal(size=48))["p0"]
    assert not better.upper.louder
