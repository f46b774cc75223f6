"""Ladders of known truth: what the judge must say, and where it must be silent."""

from __future__ import annotations

import math

import numpy as np
import pytest

from playbook_cli.horizon.judge import judge, overall
from playbook_cli.horizon.runs import Run
from tests.generators.ladders import LENGTHS, OWN, Truth, ladder


def judged(truth: Truth, *, worth: float = 0.02, seed: int = 0, lengths: int = 4):
    runs, _ = ladder(truth, np.random.default_rng(seed), dev=True)
    return judge([[run for run in runs if run.steps in LENGTHS[:lengths]]], steps=OWN, worth=worth)[0]


def test_a_loss_that_falls_by_more_than_its_worth_wants_longer_training():
    found = judged(Truth(exponent=0.5, floor=0.0, noise=0.005))
    assert found.verdict == "longer-pays"
    assert found.max_train_steps == 4 * OWN
    assert not found.over


def test_a_flat_end_is_long_enough_and_a_flat_whole_ladder_too_long():
    assert judged(Truth(exponent=1.0, floor=0.96, noise=0.002), worth=0.035).verdict == "long-enough"
    found = judged(Truth(exponent=1.0, floor=0.999, noise=0.002))
    assert found.verdict == "shorter-will-do"
    assert found.max_train_steps == OWN // 2


def test_noise_above_the_gains_is_undecided_and_says_how_many_seeds_settle_it():
    found = judged(Truth(exponent=0.3, floor=0.5, noise=0.1), worth=0.03)
    assert found.verdict == "undecided"
    assert found.max_train_steps == OWN
    assert found.seeds is not None
    assert found.seeds > 1


def test_the_ladder_ends_where_a_doubling_is_surely_not_worth_its_steps():
    assert judged(Truth(exponent=1.0, floor=0.999, noise=0.002), lengths=3).over
    assert not judged(Truth(exponent=0.5, floor=0.0, noise=0.005), lengths=3).over


@pytest.mark.parametrize(("drift", "word"), [(-0.4, "drifts"), (0.3, "drifts"), (0.0, "none")])
def test_a_drift_of_the_best_rate_is_measured_and_so_is_none(drift, word):
    found = judged(Truth(drift=drift, noise=0.005)).drift
    assert found.word == word
    assert found.factor.holds(2**drift)


def test_a_curved_drift_is_not_extrapolated():
    found = judged(Truth(bend=0.3, noise=0.005))
    assert found.drift.word == "curved"
    assert found.rate(8 * OWN) is None
    assert found.rate(OWN) is not None


def test_rates_that_do_not_differ_beyond_noise_have_no_drift_and_not_none_either():
    found = judged(Truth(curvature=0.001, noise=0.02))
    assert found.drift.word == "undecided"
    assert found.drift.factor.high == math.inf or found.drift.factor.high > 2


def test_a_power_law_predicts_eight_times_the_steps_and_a_plateau_refutes_it():
    truth = Truth(exponent=0.4, floor=0.3, noise=0.005)
    found = judged(truth)
    predicted = found.loss(8 * OWN)
    assert predicted is not None
    assert predicted.holds(truth.loss(3.0))
    runs, _ = ladder(truth, np.random.default_rng(0), dev=True)
    stuck = [
        Run(steps=r.steps, factor=r.factor, seed=0, loss=(r.loss or 0.0) * (1.5 if r.steps == LENGTHS[-1] else 1.0))
        for r in runs
    ]
    assert judge([stuck], steps=OWN, worth=0.02)[0].law is None


def test_a_law_that_could_not_have_failed_is_none():
    assert judged(Truth(exponent=0.3, floor=0.5, noise=0.1)).law is None


def test_a_metric_that_is_maximized_is_judged_on_its_own_scale():
    runs, _ = ladder(Truth(exponent=0.5, floor=0.0, noise=0.005), np.random.default_rng(0), dev=True)
    accuracies = [Run(steps=r.steps, factor=r.factor, seed=0, loss=(r.loss or 0.0) / 5 - 1.0) for r in runs]
    found = judge([accuracies], steps=OWN, worth=0.01)[0]
    assert found.verdict == "longer-pays"
    assert found.doublings[1].gain.holds((1 - 2**-0.5) / 5)


def test_infeasible_runs_are_left_out_and_none_at_all_is_refused():
    runs, _ = ladder(Truth(exponent=0.5, floor=0.0, noise=0.005), np.random.default_rng(0), dev=True)
    broken = [
        Run(steps=r.steps, factor=r.factor, seed=0, loss=None if r.factor > 1 and r.steps > OWN else r.loss)
        for r in runs
    ]
    assert judge([broken], steps=OWN, worth=0.02)[0].verdict == "longer-pays"
    with pytest.raises(ValueError, match="feasible"):
        judge([[Run(steps=OWN, factor=1.0, seed=0, loss=None)]], steps=OWN, worth=0.02)


def test_one_rate_alone_tells_gains_with_seeds_and_no_drift():
    runs, _ = ladder(Truth(exponent=0.5, floor=0.0, noise=0.005, seeds=3), np.random.default_rng(0), dev=True)
    found = judge([[r for r in runs if r.factor == 1.0]], steps=OWN, worth=0.02)[0]
    assert found.verdict == "longer-pays"
    assert found.drift.word == "undecided"


def test_points_share_their_noise_and_the_longest_wish_decides():
    rng = np.random.default_rng(1)
    two = [ladder(Truth(exponent=b, floor=f, noise=0.005), rng, dev=True)[0] for b, f in ((0.5, 0.0), (1.0, 0.999))]
    found = judge(two, steps=OWN, worth=0.02)
    assert found[0].surface.noise == found[1].surface.noise
    assert [one.verdict for one in found] == ["longer-pays", "shorter-will-do"]
    assert overall([one.verdict for one in found]) == "longer-pays"
    assert overall(["long-enough", "undecided"]) == "undecided"
    assert overall(["shorter-will-do", "long-enough"]) == "long-enough"


def test_a_rate_beyond_a_cliff_does_not_bend_the_levels_of_the_others():
    runs, _ = ladder(Truth(exponent=0.5, floor=0.0, noise=0.005), np.random.default_rng(0), dev=True)
    wild = iter((40.0, 20.0, 30.0, 10.0))
    steep = [
        Run(steps=r.steps, factor=r.factor, seed=0, loss=next(wild) if r.factor > 1 else r.loss)
        for r in sorted(runs, key=lambda r: r.factor)
    ]
    found = judge([steep], steps=OWN, worth=0.02)[0]
    assert found.doublings[1].gain.value == pytest.approx(1 - 2**-0.5, abs=0.03)
    assert found.drift.why == "fewer than three learning rates train well"
