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


def test_a_steeper_scale_of_the_same_results_changes_no_answer() -> None:
    x = points()
    losses = 0.1 + (x[:, 0] - 1.25) ** 2 + (x[:, 1] - 0.5) ** 2
    for scale in (lambda y: y, np.exp, lambda y: np.exp(5 * y)):
        found = widenings(x, NONE, scale(losses), [0, 1])
        assert found.pop((0, True)).probability > 0.65
        assert max(w.probability for w in found.values()) < 0.15


def test_noise_among_equally_good_results_is_no_gain_beyond_them() -> None:
    x, random = points(), np.random.default_rng(0)
    losses = np.maximum(0.6 - x[:, 0], 0.0) + 0.01 * random.normal(size=24)
    assert max(w.probability for w in widenings(x, NONE, losses, [0, 1]).values()) < 0.65


def test_a_straight_trend_goes_on_beyond_the_end() -> None:
    x = points()
    plain, straight = (fit(x, NONE, 2 * x[:, 0] - 1, trend=trend) for trend in (False, True))
    far = np.array([[2.0, 0.5]])
    assert abs(straight.mean(far, NONE[:1])[0] - 3.0) < abs(plain.mean(far, NONE[:1])[0] - 3.0)


def test_a_trial_whose_noise_counts_more_moves_the_surface_less() -> None:
    x = points()
    scores = np.zeros(24)
    scores[3] = 3.0
    times = np.ones(24)
    times[3] = 100.0
    less, more = (fit(x, NONE, scores, times=counts).mean(x[3:4], NONE[:1])[0] for counts in (times, None))
    assert abs(less) < abs(more)


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
