"""Worse than a baseline, beyond the noise of both."""

from __future__ import annotations

import numpy as np
import pytest

from playbook_cli.analysis.comparison import Side
from playbook_cli.analysis.regression import regression
from playbook_cli.storage.store import Store
from tests.generators.pipelines import write


@pytest.fixture
def judged(tmp_path):
    """The regression of a pipeline with noise 0.01 that is trained again, so many standard deviations worse."""

    def call(worse=0.0, *, seed=0, noise=0.01, **about):
        rng, folder = np.random.default_rng(seed), tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()

        def result(by):
            return lambda t: float((t.params["x0"] - 0.4) ** 2 + by * 0.01 + noise * rng.normal())

        after = {**about, **about.pop("after", {})}
        a = write(folder / "a", result(0.0), **{k: v for k, v in about.items() if k != "after"})
        b = write(folder / "b", result(worse), **{k: v for k, v in after.items() if k != "after"})
        return regression(Side(study=Store(a.dir).record()), Side(study=Store(b.dir).record()))

    return call


@pytest.mark.parametrize("repeats", [0, 5])
@pytest.mark.slow
def test_three_deviations_are_found_and_nothing_is_not(judged, repeats):
    assert sum(judged(3.0, seed=seed, repeats=repeats).found for seed in range(10)) >= 9
    assert sum(judged(0.0, seed=seed, repeats=repeats).found for seed in range(10)) <= 2


@pytest.mark.slow
def test_a_loss_of_the_best_points_alone_is_found_without_repeats(tmp_path):
    rng, found = np.random.default_rng(3), 0
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, least in (("a", 0.0), ("b", 0.145)):
            write(
                folder / name,
                lambda t, least=least: max(0.1 + 0.4 * (t.params["x0"] - 0.4) ** 2, least) + 0.01 * rng.normal(),
                trials=24,
            )
        seen = regression(*(Side(study=Store(folder / name).record()) for name in "ab"))
        found += seen.found
        assert seen.among == 24
    assert found >= 8


def test_what_is_better_is_no_regression(judged):
    assert not judged(-5.0).found


def test_the_same_results_are_no_regression_and_any_loss_of_a_noiseless_one_is(judged):
    assert judged(noise=0.0).p_value == 1.0
    assert judged(1.0, noise=0.0).found


def test_other_points_need_repeats(judged):
    assert judged(9.0, after={"seed": 1}) is None
    found = judged(9.0, after={"seed": 1}, repeats=5)
    assert (found.by, found.found) == ("repeats", True)


def test_points_that_diverge_now_count_as_worse(tmp_path):
    write(tmp_path / "a", lambda t: t.params["x0"], trials=8)
    write(tmp_path / "b", lambda t: None if t.params["x0"] < 0.7 else t.params["x0"], trials=8)
    sides = (Side(study=Store(tmp_path / name).record()) for name in "ab")
    assert regression(*sides).found
