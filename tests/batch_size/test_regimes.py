"""The three regimes, on steps that follow a known curve."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.batch_size.noise import noise_scale
from playbook_cli.batch_size.regimes import fit
from playbook_cli.batch_size.scaling import scaling
from playbook_cli.records import Curve, Metric, TrialRecord
from playbook_cli.sweep.target import Target

SIZES = [2**n for n in range(11)]


def steps(critical, fewest=50.0, sizes=SIZES):
    return np.array([fewest * (1 + critical / size) for size in sizes])


def drawn(row, noise=0.0, draws=200):
    rng = np.random.default_rng(1)
    return np.vstack([row, row * np.exp(noise * rng.normal(size=(draws, len(row))))])


def test_the_critical_size_and_the_fewest_steps_are_found():
    curve = fit(SIZES, drawn(steps(32)))
    assert curve.critical == pytest.approx(32, rel=0.05)
    assert curve.fewest == pytest.approx(50, rel=0.05)
    assert curve.misfit < 0.01
    assert [curve.regime(size) for size in (1, 32, 1024)] == [
        "perfect scaling",
        "diminishing returns",
        "maximal parallelism",
    ]


def test_the_interval_holds_the_truth_under_noise():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(20):
        seen = steps(32) * np.exp(0.1 * rng.normal(size=len(SIZES)))
        low, high = fit(SIZES, drawn(seen, 0.1, 100)).interval
        hits += low <= 32 <= high
    assert hits >= 14


def test_noise_leaves_the_regime_open_where_the_border_is_near():
    curve = fit(SIZES, drawn(steps(32), noise=0.3))
    assert curve.regime(1) == "perfect scaling"
    assert " or " in curve.regime(8)


def test_sizes_that_all_scale_perfectly_have_no_critical_size_in_reach():
    curve = fit(SIZES[:5], drawn(1000.0 / np.array(SIZES[:5]), noise=0.1))
    assert curve.open_above
    assert curve.interval[0] > 16


def test_steps_that_never_fall_are_maximal_parallelism():
    curve = fit(SIZES, drawn(np.full(len(SIZES), 100.0), noise=0.05))
    assert curve.open_below
    assert curve.regime(1024) == "maximal parallelism"


def test_two_sizes_are_too_few_for_a_curve():
    assert fit(SIZES[:2], drawn(steps(32, sizes=SIZES[:2]))) is None
    missed = steps(32)
    missed[2:] = np.inf
    assert fit(SIZES, drawn(missed)) is None


def trial(number, rate, reached, metrics=None):
    at = np.arange(10, 401, 10)
    loss = np.where(at >= reached, 0.0, 1.0)
    values = {"loss": loss} | {name: np.full(len(at), value) for name, value in (metrics or {}).items()}
    return TrialRecord(
        id=number, params={"lr": rate}, arm={}, seed=0, state="completed", curve=Curve(steps=at, values=values)
    )


def read(by_size, **how):
    target = Target(metric=Metric(name="loss"), value=0.5)
    return scaling(
        by_size, target, parameter="batch_size", rate="lr", max_train_steps=400, seconds=how.get("seconds", {})
    )


def test_each_size_has_the_fewest_steps_of_its_trials():
    found = read({1: [trial(0, 0.1, 300), trial(1, 0.2, 200), trial(2, 0.3, 400)], 2: [trial(3, 0.1, 100)] * 3})
    assert [point.steps for point in found.points] == [200, 100]
    assert found.points[1].exponent == pytest.approx(1.0)
    assert found.points[0].interval[0] > 190
    assert found.curve is None


def test_a_best_learning_rate_at_the_edge_is_told():
    found = read({1: [trial(0, 0.1, 100), trial(1, 0.2, 300)], 2: [trial(2, 0.1, 300), trial(3, 0.2, 100)]})
    assert [point.edge for point in found.points] == ["lowest", "highest"]
    assert any("edge" in remark for remark in found.remarks)


def test_a_size_that_never_reached_the_target_is_told_and_left_out():
    found = read({size: [trial(0, 0.1, 1000)] if size == 1 else [trial(0, 0.1, 400 // size)] for size in (1, 2, 4, 8)})
    assert found.points[0].steps is None
    assert found.curve is not None
    assert any("no trial reached the target" in remark for remark in found.remarks)


def test_time_to_the_target_weighs_steps_by_their_length():
    found = read({1: [trial(0, 0.1, 200)], 2: [trial(1, 0.1, 100)]}, seconds={1: 0.1, 2: 0.4})
    assert [point.seconds for point in found.points] == pytest.approx([20.0, 40.0])
    assert any("batch_size = 1 is the fastest" in remark for remark in found.remarks)


def test_the_noise_scale_is_read_or_computed_from_two_norms():
    signal, noise = 4.0, 320.0
    small, large = signal + noise / 16, signal + noise / 128
    norms = {"grad_sq_small": small, "grad_sq_large": large, "batch_small": 16, "batch_large": 128}
    assert noise_scale(trial(0, 0.1, 100, norms).curve, 100) == pytest.approx(noise / signal)
    assert noise_scale(trial(0, 0.1, 100, {"grad_noise_scale": 55.0}).curve, 100) == 55.0
    assert noise_scale(trial(0, 0.1, 100).curve, 100) is None
    backwards = norms | {"grad_sq_small": large, "grad_sq_large": small}
    assert noise_scale(trial(0, 0.1, 100, backwards).curve, 100) is None
