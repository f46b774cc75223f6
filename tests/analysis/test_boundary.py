"""The edges of a range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from playbook_cli.analysis import boundary
from playbook_cli.analysis.boundary import clipped, edges
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
def test_an_optimum_beyond_an_edge_leaves_a_trend_there_whatever_the_shape(shape: str) -> None:
    upper, lower = slope(1.25, shape).upper, slope(-0.25, shape).lower
    for edge in (upper, lower):
        assert edge.p_value < 0.005
        assert edge.near >= edge.top / 2
        assert not edge.closed


def test_an_optimum_inside_leaves_none() -> None:
    found = slope(0.5)
    assert min(found.lower.p_value, found.upper.p_value) > 0.5


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
    assert found.p_value < 0.001


def test_too_few_trials_for_the_ranges_are_not_enough() -> None:
    points = halton(12, 4, np.random.default_rng(0))
    found = of(points, surface(np.full(4, 0.5), np.ones(4))(points))["p0"]
    assert not found.enough
    assert (found.feasible, found.needed) == (12, 18)
    assert found.upper.p_value == 1.0


def test_equal_results_have_no_trend() -> None:
    found = of(halton(24, 2, np.random.default_rng(0)), np.full(24, 0.1))["p0"]
    assert found.upper.p_value == 1.0


def test_nothing_is_known_without_a_feasible_trial() -> None:
    assert of(halton(8, 1, np.random.default_rng(0)), np.full(8, np.inf)) == {}


def test_choices_have_no_edges_but_their_offsets_are_fitted() -> None:
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
    assert found["p0"].upper.p_value < 0.05


def test_a_range_of_two_integers_is_fitted_by_a_line() -> None:
    layers = Parameter(name="layers", label="layers", role="nuisance", kind="int", low=1, high=2)
    trials = [trial(i, {"layers": 1 + i % 2}, 0.5 - 0.3 * (i % 2) + 0.01 * (i % 5)) for i in range(12)]
    assert edges(trials, [layers], METRIC, zone=0.25)["layers"].upper.p_value < 0.001


def test_bad_results_are_cut_to_one_level() -> None:
    assert clipped(np.array([1.0, 2.0, 3.0, 4.0, 1e9, 1e12])).tolist() == [1.0, 2.0, 3.0, 4.0, 4.0, 4.0]


def test_an_infeasible_trial_is_never_one_of_the_best() -> None:
    points = np.arange(64)[:, None] / 64 + 0.005
    losses = np.where(points[:, 0] < 6 / 64, points[:, 0], np.inf)
    found = of(points, losses)["p0"]
    assert (found.feasible, found.lower.top, found.lower.near) == (6, 3, 3)


def many(shape: tuple[int, int], seed: int = 0) -> dict[str, Edges]:
    points = halton(*shape, np.random.default_rng(seed))
    return of(points, points[:, 0] + 0.1 * np.random.default_rng(seed).normal(size=len(points)))


def test_a_fit_of_many_ranges_is_brought_up_to_date_to_what_solving_it_anew_gives(monkeypatch) -> None:
    quick = many((120, 22))
    monkeypatch.setattr(boundary, "_FEW", 1000)
    anew = many((120, 22))
    for label, found in quick.items():
        assert found.enough
        for side in ("lower", "upper"):
            assert getattr(found, side).bent == pytest.approx(getattr(anew[label], side).bent, abs=1e-9)


def test_three_hundred_ranges_and_few_trials_are_not_fitted() -> None:
    found = many((64, 300))
    assert len(found) == 300
    assert {each.enough for each in found.values()} == {False}
    assert {each.needed for each in found.values()} == {1202}


@pytest.mark.parametrize("categories", [1, 2])
def test_offsets_that_are_taken_off_beforehand_change_nothing(monkeypatch, categories: int) -> None:
    random = np.random.default_rng(3)
    points = halton(100, 2, random)
    kinds = [
        Parameter(name=name, label=name, role="nuisance", kind="choice", choices=tuple("abcdefgh"))
        for name in ("k0", "k1")[:categories]
    ]
    trials = []
    for number, (x, y) in enumerate(points.tolist()):
        ranges = {p.name: p.from_unit(unit) for p, unit in zip(parameters(2), (x, y), strict=True)}
        chosen = {kind.name: kind.choices[random.integers(8)] for kind in kinds}
        trials.append(trial(number, {**ranges, **chosen}, x + 0.2 * random.normal()))
    known = [*parameters(2), *kinds]
    whole = edges(trials, known, METRIC, zone=0.25)
    monkeypatch.setattr(boundary, "_MANY", 1)
    taken = edges(trials, known, METRIC, zone=0.25)
    for label in ("p0", "p1"):
        assert whole[label].needed == taken[label].needed
        assert taken[label].upper.p_value == pytest.approx(whole[label].upper.p_value, abs=1e-8)
        assert taken[label].lower.bent == pytest.approx(whole[label].lower.bent, abs=1e-8)
