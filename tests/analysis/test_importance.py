from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.analysis import terms
from playbook_cli.analysis.importance import ALPHA, importance
from playbook_cli.records import Metric, Parameter
from tests.generators.effects import diverging, flat, optimizers, traded, valley
from tests.generators.studies import halton, parameters, study, surface, surface_study, trial


def bowl(n=48, d=4, *, weights=(1.0, 0.3), noise=0.03, seed=0, **changes):
    rng = np.random.default_rng(seed)
    points = halton(n, d, rng)
    pull = np.array([*weights, *[0.0] * (d - len(weights))])
    losses = surface(np.full(d, 0.45), pull)(points)
    made = surface_study(points, losses + noise * np.ptp(losses) * rng.normal(size=n))
    return replace(made, **changes)


def labels(found):
    return [effect.label for effect in found.named]


def test_what_matters_is_named_in_order_and_nothing_else():
    found = importance(bowl())
    assert labels(found) == ["p0", "p1"]
    assert found.effects[0].share > 0.5 > found.effects[1].share > 0.05
    assert found.predicted > 0.8
    assert not found.interaction.proven


def test_a_bar_passes_the_mark_of_chance_where_the_p_value_says_so():
    for seed in range(6):
        for effect in importance(bowl(weights=(1.0, 0.1), noise=0.1, seed=seed)).effects:
            assert (effect.share >= effect.needed) == (effect.p_value <= ALPHA) == effect.moves


@pytest.mark.slow
def test_noise_is_named_no_more_often_than_promised():
    rngs = [np.random.default_rng([7, number]) for number in range(100)]
    assert sum(bool(labels(importance(flat()(rng, 24, 2)))) for rng in rngs) <= 10


def test_the_answer_is_the_same_each_time():
    assert importance(bowl()) == importance(bowl())


def test_the_goal_and_the_metrics_scale_change_nothing():
    first = bowl()
    turned = [
        replace(t, best=replace(t.best, value=-np.exp(20 * t.best.value))) for t in first.trials if t.best is not None
    ]
    second = replace(first, trials=turned, metric=Metric(name="val_error", goal="maximize"))
    assert importance(second).effects == importance(first).effects


def test_two_that_make_a_valley_are_named_as_a_pair_and_mapped():
    found = importance(valley(np.random.default_rng(1), 48, 4))
    assert found.interaction.labels == ("p0", "p1")
    assert found.interaction.proven
    assert {"p0", "p1"} <= set(labels(found))
    cells = np.array(found.surface.losses, dtype=float)
    diagonal = [np.nanmean(np.diag(grid)) for grid in (cells, cells[::-1])]
    assert diagonal[1] < diagonal[0]


@pytest.mark.parametrize("ratio", [True, False])
def test_two_that_only_matter_together_trade_off_as_a_ratio_or_a_product(ratio):
    found = [importance(traded(np.random.default_rng(seed), 48, 4, ratio=ratio)) for seed in range(6)]
    ridges = [one.interaction.ridge for one in found if one.interaction.ridge]
    assert len(ridges) >= 5
    assert {(each.together, each.combined) for each in ridges} == {(ratio, ("p0", "/" if ratio else "*", "p2"))}
    assert all({"p0", "p2"} <= set(labels(one)) for one in found)


def test_a_trade_off_with_a_linear_range_is_no_ratio():
    ridge = importance(valley(np.random.default_rng(1), 48, 4)).interaction.ridge
    assert (ridge.together, ridge.combined) == (False, None)


def test_a_bowl_that_is_turned_but_not_flat_is_no_trade_off():
    rng = np.random.default_rng(0)
    points = halton(96, 3, rng)
    x, y = points[:, 0] - 0.5, points[:, 2] - 0.5
    losses = x**2 + y**2 + x * y
    pair = importance(surface_study(points, losses + 0.01 * rng.normal(size=96))).interaction
    assert pair.proven
    assert pair.ridge is None


def test_results_that_add_up_are_no_interaction_on_any_scale():
    for scale in (lambda x: x, np.sqrt, lambda x: np.log(x + 0.01), np.exp):
        rng = np.random.default_rng(3)
        points = halton(96, 3, rng)
        losses = scale(((points[:, :2] - 0.3) ** 2).sum(axis=1) + 0.002 * rng.random(96))
        assert not importance(surface_study(points, losses)).interaction.proven


def test_without_an_interaction_the_two_that_matter_most_are_mapped():
    found = importance(bowl())
    assert found.surface.labels == ("p0", "p1")
    cells = np.array(found.surface.losses, dtype=float)
    best = np.unravel_index(np.nanargmin(cells), cells.shape)
    assert np.array(best) / cells.shape == pytest.approx([0.45, 0.45], abs=0.12)


def test_nothing_is_drawn_between_points_that_the_model_cannot_predict():
    found = importance(bowl(weights=(1.0, 0.6), noise=0.45, n=96, seed=3))
    assert found.predicted < 0.3
    assert found.surface is None or found.surface.losses is None


def test_nothing_is_drawn_far_from_all_trials():
    rng = np.random.default_rng(0)
    points = halton(400, 2, rng)
    points = points[(points[:, 0] < 0.5) | (points[:, 1] < 0.5)][:200]
    cells = np.array(importance(surface_study(points, surface(np.full(2, 0.3), np.ones(2))(points))).surface.losses)
    assert cells[-1][-1] is None
    assert cells[0][0] is not None


def test_infeasible_trials_have_no_rank_but_a_cause():
    found = importance(diverging(np.random.default_rng(0), 48, 4))
    assert found.infeasible > 5
    assert labels(found) == ["p0"]
    assert found.effects[[e.label for e in found.effects].index("p0")].hinders
    assert not any(effect.moves for effect in found.effects)


def test_a_conditional_hyperparameter_counts_where_it_is_present():
    found = importance(optimizers(matters=True)(np.random.default_rng(0), 48, 2))
    assert {effect.label: effect.trials for effect in found.effects} == {
        "arm": 48,
        "rate (arm=a)": 24,
        "rate (arm=b)": 24,
        "p0": 48,
    }
    assert "rate (arm=a)" in labels(found)
    assert "rate (arm=b)" not in labels(found)
    assert found.surface is None or "arm" not in found.surface.labels


def test_choices_are_told_apart_and_may_interact():
    rng = np.random.default_rng(0)
    kind = Parameter(name="kind", label="kind", role="nuisance", kind="choice", choices=("a", "b", "c"))
    (p0,) = parameters(1)
    trials = []
    for number, (u, v) in enumerate(halton(60, 2, rng)):
        params = {"kind": kind.from_unit(u), "p0": p0.from_unit(v)}
        loss = (v - {"a": 0.2, "b": 0.5, "c": 0.8}[params["kind"]]) ** 2 + 0.01 * rng.normal()
        trials.append(trial(number, params, float(loss)))
    found = importance(study(trials, [kind, p0]))
    assert found.interaction.proven
    assert np.shape(found.surface.losses) == (80, 3)


def test_too_few_trials_are_said_to_be_too_few():
    found = importance(bowl(n=12))
    assert not found.enough
    assert (found.trials, found.needed) == (12, 18)
    assert found.effects == ()


@pytest.mark.parametrize("change", [{"raced": True}, {"listed": True}, {"adaptive": True}, {"parameters": []}])
def test_points_that_sample_nothing_say_nothing(change):
    assert importance(bowl(**change)) is None


def test_equal_results_name_nothing():
    same = bowl(weights=(0.0, 0.0), noise=0.0)
    assert importance(same).enough
    assert importance(same).effects == ()


def test_trials_that_crowd_are_noticed_and_a_grid_is_not():
    rng = np.random.default_rng(0)
    assert importance(bowl(n=96)).crowded == []
    points = halton(96, 2, rng)
    points[20:, 0] = 0.6 + 0.05 * points[20:, 0]
    assert importance(surface_study(points, rng.normal(size=96))).crowded == ["p0"]
    grid = np.array([(i / 4, j / 4) for i in range(5) for j in range(5)])
    assert importance(surface_study(grid, rng.normal(size=25))).crowded == []


def test_trials_cut_away_as_infeasible_do_not_look_crowded():
    assert importance(diverging(np.random.default_rng(0), 96, 2)).crowded == []


def test_thousands_of_trials_cost_no_more_than_a_thousand():
    found = importance(bowl(n=3000, d=2))
    assert found.trials == 1000
    assert labels(found) == ["p0", "p1"]


def test_repeats_are_no_further_trials():
    made = bowl()
    again = [replace(t, id=1000 + t.id, repeat_of=t.id) for t in made.trials[:20]]
    assert importance(replace(made, trials=[*made.trials, *again])) == importance(made)


def test_what_each_of_many_terms_explains_is_the_same_all_at_once_and_one_by_one(monkeypatch) -> None:
    random = np.random.default_rng(0)
    constant = np.ones((60, 1))
    columns = [random.normal(size=(60, 1 + number % 2)) for number in range(8)]
    columns[3] = columns[3] + 5 * columns[0]
    one_by_one = terms.own(constant, columns)
    monkeypatch.setattr(terms, "_MANY", 1)
    for single, at_once in zip(one_by_one, terms.own(constant, columns), strict=True):
        assert at_once @ at_once.T == pytest.approx(single @ single.T, abs=1e-9)
    columns[5] = columns[2].copy()  # spanned by another one: then it explains nothing by itself
    assert [part.shape[1] for part in terms.own(constant, columns)][5] == 0
