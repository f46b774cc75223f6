"""The trials in the good region."""

from __future__ import annotations

import math

import numpy as np

from playbook_cli.analysis.coverage import good_region
from playbook_cli.records import Curve, Metric
from tests.generators.studies import METRIC, trial


def test_results_close_to_the_best_are_good() -> None:
    region = good_region([trial(i, {}, v) for i, v in enumerate((0.1, 0.11, 0.5, 0.6, 0.7))], METRIC, good=0.15)
    assert region is not None
    assert region.good == 2
    assert 0.11 < region.limit < 0.5


def test_infeasible_trials_do_not_move_the_limit() -> None:
    trials = [trial(i, {}, v) for i, v in enumerate((0.1, 0.11, 0.5, 0.6, 0.7))]
    infeasible = [trial(9, {}, math.inf, state="infeasible")]
    assert good_region(trials + infeasible, METRIC, good=0.15) is not None
    with_one, without = (good_region(t, METRIC, good=0.15) for t in (trials + infeasible, trials))
    assert with_one is not None
    assert without is not None
    assert (with_one.limit, with_one.trials) == (without.limit, 6)


def test_results_within_the_noise_of_the_best_are_as_good() -> None:
    rng = np.random.default_rng(0)
    noisy = Curve(steps=np.arange(1, 41), values={"val_error": 0.3 + 0.1 * rng.normal(size=40)})
    region = good_region([trial(i, {}, 0.1 + 0.01 * i, curve=noisy) for i in range(8)], METRIC, good=0.01)
    assert region is not None
    assert region.good == 8


def test_the_limit_of_a_maximized_metric_lies_below_the_best() -> None:
    metric = Metric(name="acc", goal="maximize")
    region = good_region([trial(i, {}, v) for i, v in enumerate((0.9, 0.5, 0.4, 0.3))], metric, good=0.15)
    assert region is not None
    assert (region.good, region.limit < 0.9) == (1, True)


def test_without_a_feasible_trial_there_is_no_region() -> None:
    assert good_region([trial(0, {}, math.inf, state="infeasible")], METRIC, good=0.15) is None
