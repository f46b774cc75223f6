"""Arms, dimensions and points of a search space."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.errors import SpecError
from playbook_cli.records import Parameter
from playbook_cli.spec.space import Space, clashes, grid_size


def choice(name, *choices, role="nuisance", when=None, label=None):
    return Parameter(name=name, label=label or name, role=role, kind="choice", choices=choices, when=when or {})


def real(name, *, role="nuisance", when=None, label=None, points=None, high=1.0):
    return Parameter(name=name, label=label or name, role=role, kind="float", high=high, when=when or {}, points=points)


OPTIMIZER = choice("optimizer", "sgd", "adam", role="scientific")
RATES = (
    real("lr", when={"optimizer": ("sgd",)}, label="lr (sgd)", high=10.0),
    real("lr", when={"optimizer": ("adam",)}, label="lr (adam)"),
)


def test_a_study_without_scientific_choices_has_one_empty_arm():
    space = Space([real("x"), real("y", role="scientific")], {})
    assert space.arms == ({},)
    assert [p.name for p in space.dimensions] == ["x", "y"]


def test_arms_are_all_combinations_of_scientific_choices():
    space = Space([choice("a", 1, 2, role="scientific"), choice("b", "x", "y", "z", role="scientific")], {})
    assert space.arms == tuple({"a": a, "b": b} for a, b in itertools.product([1, 2], "xyz"))
    assert space.dimensions == ()


def test_a_conditional_scientific_choice_makes_arms_only_where_it_is_there():
    b = choice("b", "x", "y", role="scientific", when={"a": (2,)})
    a = choice("a", 1, 2, role="scientific")
    for order in ([a, b], [b, a]):
        assert Space(order, {}).arms == ({"a": 1}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"})


def test_a_condition_on_a_constant_holds_or_does_not():
    p = choice("p", 1, 2, role="scientific", when={"c": ("on",)})
    assert len(Space([p], {"c": "on"}).arms) == 2
    assert Space([p], {"c": "off"}).arms == ({},)


def test_one_name_under_two_optimizers_is_two_dimensions():
    space = Space([OPTIMIZER, *RATES], {})
    assert [p.label for p in space.dimensions] == ["lr (sgd)", "lr (adam)"]
    assert space.params({"optimizer": "sgd"}, [0.5, 0.1]) == {"optimizer": "sgd", "lr": 5.0}
    assert space.params({"optimizer": "adam"}, [0.5, 0.1]) == {"optimizer": "adam", "lr": 0.1}


def test_parameters_have_the_order_of_the_file_and_constants_come_last():
    space = Space([real("z"), choice("a", 1, 2, role="scientific")], {"batch_size": 64})
    assert list(space.params({"a": 1}, [0.0])) == ["z", "a", "batch_size"]


def test_a_condition_may_name_a_hyperparameter_further_down():
    space = Space([real("p", when={"q": ("on",)}), choice("q", "on", "off")], {})
    assert space.params({}, [0.3, 0.0]) == {"p": 0.3, "q": "on"}
    assert space.params({}, [0.3, 0.9]) == {"q": "off"}


def test_conditions_may_form_a_chain():
    space = Space([real("r", when={"q": (1,)}), choice("q", 1, 2, when={"p": (1,)}), choice("p", 1, 2)], {})
    assert space.params({}, [0.3, 0.0, 0.0]) == {"r": 0.3, "q": 1, "p": 1}
    assert space.params({}, [0.3, 0.0, 0.9]) == {"p": 2}


def test_conditions_in_a_circle_are_refused():
    with pytest.raises(ValueError, match="circle: p, q"):
        Space([choice("p", 1, when={"q": (1,)}), choice("q", 1, when={"p": (1,)})], {})


@given(st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3), st.sampled_from(["sgd", "adam"]))
def test_every_point_is_a_full_setting_of_its_arm(point, optimizer):
    space = Space([OPTIMIZER, *RATES, choice("layers", 1, 2, 3)], {"width": 8})
    params = space.params({"optimizer": optimizer}, point)
    assert params.keys() == {"optimizer", "lr", "layers", "width"}
    assert params["optimizer"] == optimizer
    for p in space.parameters:
        if p.active(params):
            assert p.from_unit(p.to_unit(params[p.name])) == pytest.approx(params[p.name])


def values(space, arm, name):
    return [space.params(arm, point).get(name) for point in space.grid(arm)]


def test_a_grid_takes_every_choice_and_evenly_spaced_values_ends_included():
    space = Space([real("x", points=3), choice("c", "a", "b")], {})
    assert [tuple(space.params({}, point).values()) for point in space.grid({})] == [
        (0.0, "a"),
        (0.0, "b"),
        (0.5, "a"),
        (0.5, "b"),
        (1.0, "a"),
        (1.0, "b"),
    ]


def test_a_grid_of_one_point_takes_the_middle():
    assert values(Space([real("x", points=1)], {}), {}, "x") == [0.5]


def test_a_grid_counts_points_that_differ_only_in_what_is_absent_once():
    space = Space([OPTIMIZER, real("momentum", when={"optimizer": ("sgd",)}, points=5)], {})
    assert len(space.grid({"optimizer": "sgd"})) == 5
    assert len(space.grid({"optimizer": "adam"})) == 1
    assert grid_size(space, at_most=100) == 6


def test_a_grid_of_a_narrow_integer_range_has_no_point_twice():
    p = Parameter(name="n", label="n", role="nuisance", kind="int", low=1.0, high=3.0, points=7)
    assert values(Space([p], {}), {}, "n") == [1, 2, 3]


def test_a_grid_that_is_too_large_is_not_counted():
    space = Space([real(name, points=100) for name in "abcdefgh"], {})
    assert grid_size(space, at_most=10**6) is None


def test_alternatives_that_exclude_one_another_do_not_clash():
    assert clashes([OPTIMIZER, *RATES], {}) == []
    both = (real("lr", when={"optimizer": ("sgd",)}), real("lr", when={"optimizer": ("sgd", "adam")}))
    assert clashes([OPTIMIZER, *both], {}) == ["lr"]
    assert clashes(both, {"optimizer": "adam"}) == []
    assert clashes(both, {"optimizer": "sgd"}) == ["lr"]


def scientific(*lists, conditions=()):
    """Scientific choices a0, a1, ...; `conditions` says which earlier one each depends on, and on its first choice."""
    on = dict(conditions)
    names = [f"a{number}" for number in range(len(lists))]
    return [
        choice(
            name, *values, role="scientific", when={names[on[number]]: lists[on[number]][:1]} if number in on else {}
        )
        for number, (name, values) in enumerate(zip(names, lists, strict=True))
    ]


@given(
    sizes=st.lists(st.integers(1, 4), max_size=6),
    on=st.dictionaries(st.integers(1, 5), st.integers(0, 4), max_size=4),
    backwards=st.booleans(),
)
def test_arms_are_counted_as_they_are_built(sizes, on, backwards):
    conditions = {number: other for number, other in on.items() if other < number < len(sizes)}
    parameters = scientific(*(tuple(range(size)) for size in sizes), conditions=conditions.items())
    space = Space(parameters[::-1] if backwards else parameters, {})
    count = space.arm_count
    assert "arms" not in vars(space)
    assert count == len(space.arms) == len({tuple(sorted(arm.items())) for arm in space.arms})
    assert space.first_arm == space.arms[0]
    assert all(space.arm_of(dict(arm)) == arm for arm in space.arms)


def test_a_space_of_a_billion_arms_costs_no_more_than_its_parameters():
    space = Space([*scientific(*[(0, 1)] * 300), real("x")], {})
    assert space.arm_count == 2**300
    assert space.first_arm == {f"a{number}": 0 for number in range(300)}
    assert space.arm_of({f"a{number}": 1 for number in range(300)})["a299"] == 1
    assert grid_size(space, at_most=100_000) is None
    with pytest.raises(SpecError, match="under scientific: give 2,037"):
        _ = space.arms


def test_choices_that_open_others_are_counted_without_being_built():
    # each of 20 switches opens a choice of three: 4 ** 20 arms, and never more than two kinds of them at a time
    switches = [choice(f"s{n}", "off", "on", role="scientific") for n in range(20)]
    opened = [choice(f"o{n}", 1, 2, 3, role="scientific", when={f"s{n}": ("on",)}) for n in range(20)]
    assert Space([p for pair in zip(switches, opened, strict=True) for p in pair], {}).arm_count == 4**20


def test_a_grid_of_very_many_points_is_counted_without_its_axes():
    assert grid_size(Space([real("x", points=10**18)], {}), at_most=100_000) is None


def test_alternatives_under_many_conditions_are_compared_in_pairs():
    names = [f"c{number}" for number in range(60)]
    named = [choice(name, 0, 1) for name in names]
    on, off = (real("lr", when=dict.fromkeys(names, (value,)), label=f"lr {value}") for value in (1, 0))
    half = real("lr", when=dict.fromkeys(names[:30], (0,)), label="lr half")
    assert clashes([*named, on, off], {}) == []
    assert clashes([*named, on, half], {}) == []
    assert clashes([*named, on, off, half], {}) == ["lr"]
    assert clashes([*named, off, half], {"c59": 1}) == ["lr"]
