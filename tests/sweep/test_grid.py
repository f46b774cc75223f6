from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.sweep.grid import EXTENSION_DECADES, Grid, coarse

GRIDS = st.builds(
    lambda low, decades, points: Grid(low=low, high=low * 10**decades, points=points),
    st.floats(1e-9, 1.0),
    st.floats(0.1, 9.0),
    st.integers(2, 60),
)


@given(GRIDS)
def test_every_learning_rate_comes_once_and_the_middle_first(grid):
    order = grid.middle_outward()
    assert sorted(order) == [grid.rate(index) for index in range(grid.points)]
    places = [sorted(order).index(rate) for rate in order]
    away = [abs(place - (grid.points - 1) / 2) for place in places]
    assert away == sorted(away)


@given(GRIDS)
def test_the_grid_ends_where_it_was_told_to(grid):
    assert grid.rate(0) == pytest.approx(grid.low, rel=1e-5)
    assert grid.rate(grid.points - 1) == pytest.approx(grid.high, rel=1e-5)


@pytest.mark.slow
@given(GRIDS, st.sampled_from(["lower", "upper"]))
def test_growth_keeps_the_spacing_and_ends_at_the_limit(grid, side):
    known = grid.middle_outward()
    while further := grid.beyond(known, side):
        assert all(rate > max(known) if side == "upper" else rate < min(known) for rate in further)
        known += further
    reach = max(known) / grid.high if side == "upper" else grid.low / min(known)
    assert reach <= 10**EXTENSION_DECADES * 10**grid.decades
    ordered = sorted(known)
    for low, high in pairwise(ordered):
        assert high / low == pytest.approx(10**grid.decades, rel=1e-4)


def test_grids_that_are_shifted_share_their_learning_rates():
    grid = Grid(low=1e-3, high=10, points=13)
    low, high = Grid(low=1e-4, high=1, points=13), Grid(low=1e-2, high=100, points=13)
    assert set(grid.middle_outward()) & set(low.middle_outward()) == {grid.rate(index) for index in range(10)}
    assert set(grid.middle_outward()) & set(high.middle_outward()) == {grid.rate(index) for index in range(3, 13)}
    assert low.beyond(low.middle_outward(), "upper") == [grid.rate(index) for index in range(10, 13)]


def test_a_grid_of_more_than_a_decade_between_points_still_grows():
    grid = Grid(low=1e-4, high=1.0, points=3)
    assert grid.beyond(grid.middle_outward(), "upper") == [100.0]


def test_the_coarse_grid_has_a_point_a_decade():
    assert sorted(coarse(Grid(low=1e-3, high=10, points=13)).middle_outward()) == [1e-3, 1e-2, 0.1, 1.0, 10.0]
    assert coarse(Grid(low=1e-3, high=10, points=3)).points == 3
