"""A hyperparameter and its share of the unit interval."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from playbook_cli.records import Metric, Parameter


def ranged(low, high, kind="float", scale="linear"):
    return Parameter(name="p", label="p", role="nuisance", kind=kind, low=low, high=high, scale=scale)


def chosen(*choices):
    return Parameter(name="p", label="p", role="nuisance", kind="choice", choices=choices)


UNITS = st.floats(0.0, 1.0)
POSITIVE = st.floats(1e-12, 1e12)


@st.composite
def parameters(draw):
    kind = draw(st.sampled_from(["float", "float", "int", "choice"]))
    if kind == "choice":
        return chosen(*draw(st.lists(st.integers() | st.text(max_size=5), min_size=1, max_size=9, unique=True)))
    scale = draw(st.sampled_from(["linear", "log"]))
    if kind == "int":
        low = draw(st.integers(1 if scale == "log" else -1000, 1000))
        return ranged(float(low), float(low + draw(st.integers(1, 10**6))), "int", scale)
    ends = POSITIVE if scale == "log" else st.floats(-1e12, 1e12)
    low, high = sorted((draw(ends), draw(ends)))
    assume(high - low > 1e-6 * max(abs(low), abs(high)))  # finer ranges hold too few floats
    return ranged(low, high, "float", scale)


@given(parameters(), UNITS)
def test_every_value_lies_in_the_range_or_among_the_choices(p, u):
    value = p.from_unit(u)
    if p.kind == "choice":
        assert value in p.choices
    else:
        assert p.low <= value <= p.high
        assert isinstance(value, int if p.kind == "int" else float)


@given(parameters(), UNITS)
def test_a_value_comes_back_from_where_it_lies(p, u):
    value = p.from_unit(u)
    again = p.to_unit(value)
    assert 0.0 <= again <= 1.0
    if p.kind == "float":
        assert again == pytest.approx(u, abs=1e-6)
    else:
        assert p.from_unit(again) == value


@given(parameters(), UNITS, UNITS)
def test_a_larger_unit_never_gives_a_smaller_number(p, u, v):
    assume(p.kind != "choice")
    low, high = sorted((u, v))
    assert p.from_unit(low) <= p.from_unit(high)


@given(st.integers(-50, 50), st.integers(1, 30))
def test_every_integer_owns_an_equal_share_of_a_linear_scale(low, width):
    p = ranged(float(low), float(low + width), "int")
    count = width + 1
    per_value = 7
    units = [(index + 0.5) / (count * per_value) for index in range(count * per_value)]
    assert Counter(map(p.from_unit, units)) == dict.fromkeys(range(low, low + width + 1), per_value)


@given(st.integers(2, 12))
def test_every_choice_owns_an_equal_share(count):
    p = chosen(*range(count))
    units = [(index + 0.5) / (count * 5) for index in range(count * 5)]
    assert Counter(map(p.from_unit, units)) == dict.fromkeys(range(count), 5)


def test_integers_on_a_log_scale_own_shares_in_proportion_to_their_logarithms():
    p = ranged(1.0, 1000.0, "int", "log")
    units = [(index + 0.5) / 10_000 for index in range(10_000)]
    drawn = Counter(map(p.from_unit, units))
    low = sum(count for value, count in drawn.items() if value <= 31)
    assert low / 10_000 == pytest.approx(0.55, abs=0.02)
    assert drawn[1000] > 0


def test_the_ends_of_the_unit_interval_are_the_ends_of_the_range():
    for scale in ("linear", "log"):
        for kind in ("float", "int"):
            p = ranged(1.0, 100.0, kind, scale)
            assert (p.from_unit(0.0), p.from_unit(1.0)) == (1, 100)


def test_the_middle_of_a_log_scale_is_the_geometric_mean():
    assert ranged(1e-4, 1.0, scale="log").from_unit(0.5) == pytest.approx(1e-2)
    assert ranged(0.0, 4.0).from_unit(0.25) == 1.0


def test_a_range_of_one_point_lies_in_the_middle():
    assert ranged(2.0, 2.0).to_unit(2.0) == 0.5


@pytest.mark.parametrize("u", [-0.1, 1.1, float("nan")])
def test_nothing_lies_outside_the_unit_interval(u):
    with pytest.raises(ValueError, match="outside"):
        ranged(0.0, 1.0).from_unit(u)


def test_text_has_no_place_in_a_range():
    with pytest.raises(TypeError, match="p must be a number, not 'x'"):
        ranged(0.0, 1.0).to_unit("x")


def test_a_conditional_hyperparameter_is_active_only_where_all_its_conditions_hold():
    p = Parameter(name="p", label="p", role="nuisance", kind="choice", choices=(1,), when={"a": (1, 2), "b": ("x",)})
    assert p.active({"a": 2, "b": "x"})
    assert not p.active({"a": 3, "b": "x"})
    assert not p.active({"a": 1})
    assert not p.active({})


def test_a_metric_knows_which_way_is_better():
    low, high = Metric(name="loss"), Metric(name="accuracy", goal="maximize")
    assert low.better(1.0, 2.0)
    assert high.better(2.0, 1.0)
    assert not low.better(1.0, 1.0)
    assert not high.better(1.0, 1.0)
    assert (low.loss(3.0), high.loss(3.0)) == (3.0, -3.0)
