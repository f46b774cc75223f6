"""The scrambled Halton sequence covers each dimension, and all of them together."""

from __future__ import annotations

from functools import cache
from statistics import median

import numpy as np
import pytest
from scipy.stats import qmc

from playbook_cli.sampling.halton import halton

SEEDS = range(50)


@cache
def sequence(seed):
    """64 points in eight dimensions."""
    return halton(8, 64, seed)


BASES = (2, 3, 5, 7, 11, 13, 17, 19)


@pytest.mark.parametrize("index", range(8))
def test_any_run_of_as_many_points_as_cells_hits_every_cell(index):
    base = BASES[index]
    cells = base * base if base <= 7 else base
    column = halton(8, 3 * cells, seed=7)[:, index]
    for start in (0, 1, cells - 1, 2 * cells):
        run = column[start : start + cells]
        assert sorted((run * cells).astype(int)) == list(range(cells))


@pytest.mark.slow
def test_the_centred_discrepancy_in_eight_dimensions_is_no_larger_than_that_of_random_permutations():
    ours = [qmc.discrepancy(sequence(seed)[:32], method="CD") for seed in SEEDS]
    theirs = [qmc.discrepancy(qmc.Halton(8, rng=np.random.default_rng(seed)).random(32), method="CD") for seed in SEEDS]
    assert median(ours) <= 1.05 * median(theirs)


@pytest.mark.slow
def test_no_pair_of_dimensions_is_correlated():
    correlations = [np.corrcoef(sequence(seed), rowvar=False) for seed in SEEDS]
    assert np.abs(np.mean(correlations, axis=0) - np.eye(8)).max() < 0.1


def test_first_coordinates_are_uniform_over_seeds():
    first = np.array([halton(3, 1, seed)[0] for seed in range(300)])
    assert np.abs(first.mean(axis=0) - 0.5).max() < 0.06
    assert np.abs((first < 0.1).mean(axis=0) - 0.1).max() < 0.06


@pytest.mark.slow
def test_points_are_below_one_and_there_may_be_none():
    points = halton(20, 100, seed=0)
    assert points.min() >= 0.0
    assert points.max() < 1.0
    assert halton(0, 5, seed=0).shape == (5, 0)
    assert halton(3, 0, seed=0).shape == (0, 3)


def test_a_dimension_does_not_depend_on_how_many_others_there_are():
    assert (halton(8, 40, seed=3)[:, :2] == halton(2, 40, seed=3)).all()


def test_points_beyond_those_that_are_spaced_are_still_in_the_sequence():
    column = halton(1, 1024, seed=1)[:, 0]
    assert sorted((column[512:] * 512).astype(int)) == list(range(512))
