from __future__ import annotations

import pytest

from playbook_cli.sweep.grid import Grid
from playbook_cli.sweep.judge import closest, judge, next_rates, refinable
from tests.sweep.points import coarsely, crashed, diverged, point

GRID = Grid(low=0.1, high=10.0, points=3)


def verdict(*points):
    judged = judge(points)
    return judged.verdict, judged.fastest and judged.fastest.learning_rate, judged.open


def test_the_fastest_with_slower_ones_on_both_sides_is_trusted():
    assert verdict(point(0.1, 50), point(1.0, 40), point(10.0, 60)) == ("ok", 1.0, ())


def test_neighbours_that_do_not_fit_are_neighbours():
    assert verdict(point(0.1), point(1.0, 40), point(10.0)) == ("ok", 1.0, ())


@pytest.mark.parametrize(("steps", "side"), [((40, 50, 60), "lower"), ((60, 50, 40), "upper")])
def test_the_fastest_at_an_end_is_at_an_edge(steps, side):
    points = [point(rate, count) for rate, count in zip((0.1, 1.0, 10.0), steps, strict=True)]
    assert verdict(*points)[::2] == ("edge", (side,))


def test_right_below_divergence_is_inside():
    assert verdict(point(0.1, 50), point(1.0, 40), diverged(10.0)) == ("ok", 1.0, ())


def test_a_crash_bounds_nothing():
    assert verdict(point(0.1, 50), point(1.0, 40), crashed(10.0)) == ("edge", 1.0, ("upper",))


def test_a_crash_between_does_not_hide_what_bounds():
    assert verdict(point(0.1, 50), point(1.0, 40), crashed(10.0), point(100.0)) == ("ok", 1.0, ())


def test_of_equally_fast_ones_the_lower_middle_is_taken():
    points = [point(rate, 40) for rate in (1.0, 2.0, 3.0, 4.0)]
    assert verdict(point(0.1), *points, point(10.0)) == ("ok", 2.0, ())
    assert judge([point(0.1), *points, point(10.0)]).tied == 4


def test_one_as_fast_at_an_end_makes_an_edge():
    assert verdict(point(0.1, 50), point(1.0, 40), point(10.0, 40)) == ("edge", 1.0, ("upper",))


def test_one_learning_rate_is_at_both_edges():
    assert verdict(point(1.0, 40)) == ("edge", 1.0, ("lower", "upper"))


def test_where_nothing_fits_the_closest_says_which_side_is_open():
    far = {"closest": 0.9, "distance": 0.9}
    assert verdict(point(0.1, **far), point(1.0), point(10.0, **far)) == ("never-fits", None, ())
    assert verdict(point(0.1, **far), point(1.0, **far), point(10.0)) == ("edge", None, ("upper",))
    assert verdict(point(0.1, **far), point(1.0), diverged(10.0)) == ("never-fits", None, ())
    assert verdict(point(0.1), point(1.0), point(10.0)) == ("never-fits", None, ())


def test_of_those_that_are_equally_far_the_one_with_the_lowest_loss_is_the_closest():
    assert verdict(point(0.1, last_loss=0.6), point(1.0), point(10.0)) == ("edge", None, ("lower",))
    assert verdict(point(0.1), point(1.0, last_loss=0.6), point(10.0)) == ("never-fits", None, ())


def test_where_all_diverge_lower_ones_are_open():
    assert verdict(diverged(0.1), diverged(1.0)) == ("edge", None, ("lower",))


def test_where_all_crash_nothing_is_known():
    assert verdict(crashed(0.1), crashed(1.0)) == ("never-fits", None, ())
    assert closest([crashed(0.1)]) == []


def test_only_what_may_be_the_fastest_is_located_more_finely():
    points = [coarsely(0.1, 50, 40), coarsely(1.0, 40, 30), coarsely(10.0, 40, 30)]
    assert refinable(points) == [1.0, 10.0]
    assert refinable([coarsely(0.1, 50, 40), point(1.0, 33), coarsely(10.0, 40, 30)]) == [10.0]
    assert refinable([coarsely(1.0, 40, 30, refined=True)]) == []
    assert refinable([point(1.0, 40)]) == []


def test_the_grid_comes_first_then_finer_fits_then_more_grid():
    assert next_rates([], GRID, extend=True) == [1.0, 10.0, 0.1]
    coarse = [coarsely(0.1, 60, 50), coarsely(1.0, 50, 40), coarsely(10.0, 40, 30)]
    assert next_rates(coarse[:2], GRID, extend=True) == [10.0]
    assert next_rates(coarse, GRID, extend=True) == [10.0]
    fine = [*coarse[:2], point(10.0, 35)]
    assert next_rates(fine, GRID, extend=True) == [100.0]
    assert next_rates(fine, GRID, extend=False) == []
    assert next_rates([*fine, diverged(100.0)], GRID, extend=True) == []


def test_a_program_that_ended_by_itself_before_the_fastest_fit_is_no_neighbour():
    early = {"cut_short": True, "evaluated": 30, "last_step": 30}
    held = judge([point(0.01, 90), point(0.1, 60), point(1.0, **early)])
    assert (held.verdict, held.open, held.unknown) == ("edge", ("upper",), (1.0,))
    known = judge([point(0.01, 90), point(0.1, 60), point(1.0, **{**early, "evaluated": 60})])
    assert (known.verdict, known.unknown) == ("ok", ())
