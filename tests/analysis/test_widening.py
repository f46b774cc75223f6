"""What widening is expected to bring."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.analysis.process import fit
from playbook_cli.analysis.widening import normal_scores, widenings
from tests.generators.studies import halton

NONE = np.zeros((24, 0), dtype=np.int64)


def points(seed: int = 0) -> np.ndarray:
    return halton(24, 2, np.random.default_rng(seed))


def test_a_process_follows_a_smooth_surface_where_no_trial_was() -> None:
    x = points()
    process = fit(x, NONE, (x[:, 0] - 0.4) ** 2 * 4 + x[:, 1])
    new = points(1)
    wanted = (new[:, 0] - 0.4) ** 2 * 4 + new[:, 1]
    assert np.abs(process.mean(new, NONE) - wanted).max() < 0.1


def test_its_draws_spread_far_from_the_trials_and_not_near_them() -> None:
    x = points()
    process = fit(x, NONE, x[:, 0])
    places = np.vstack([x[0], [5.0, 5.0]])
    drawn = process.draws(places, NONE[:2], np.random.default_rng(0).normal(size=(2, 500)))
    near, far = drawn.std(axis=1)
    assert near < 0.1 < far


def test_a_choice_has_a_surface_of_its_own() -> None:
    x, kind = points(), (np.arange(24) % 2)[:, None]
    process = fit(x, kind, np.where(kind[:, 0] == 1, x[:, 0], 1 - x[:, 0]))
    low, high = np.array([[0.1, 0.5]]), np.array([[0.9, 0.5]])
    one = np.ones((1, 1), dtype=np.int64)
    assert process.mean(low, one) < process.mean(high, one)
    assert process.mean(low, 0 * one) > process.mean(high, 0 * one)


@pytest.mark.parametrize("optimum", [1.75, -0.75])
def test_a_gain_is_likely_beyond_the_end_where_the_optimum_is_and_nowhere_else(optimum: float) -> None:
    x = points()
    losses = 0.1 + (x[:, 0] - optimum) ** 2 + (x[:, 1] - 0.5) ** 2
    found = widenings(x, NONE, losses, [0, 1])
    end = (0, optimum > 1)
    assert found[end].probability > 0.9
    assert found[end].gain > 0.0
    assert max(w.probability for key, w in found.items() if key != end) < 0.5


def test_only_the_order_of_the_results_decides_the_probability() -> None:
    x = points()
    losses = 0.1 + (x[:, 0] - 1.25) ** 2 + (x[:, 1] - 0.5) ** 2
    raw, steep = (widenings(x, NONE, y, [0, 1]) for y in (losses, np.exp(5 * losses)))
    assert {k: w.probability for k, w in raw.items()} == {k: w.probability for k, w in steep.items()}


def test_a_gain_takes_no_positive_loss_below_zero() -> None:
    x = points()
    losses = 10 ** (-6 * x[:, 0])
    found = widenings(x, NONE, losses, [0, 1])[0, True]
    low, high = found.interval
    assert 0.0 <= low <= high < losses.min()


def test_equal_results_have_equal_scores() -> None:
    scores = normal_scores(np.array([1.0, 2.0, 2.0, 3.0]))
    assert scores[1] == scores[2] == pytest.approx(0.0)
    assert scores[0] == pytest.approx(-scores[3])
