"""The grid sampler tries every combination once."""

from __future__ import annotations

from playbook_cli.records import Parameter
from playbook_cli.sampling.grid import GridSampler
from playbook_cli.spec.space import Space

ARMS = Parameter(name="a", label="a", role="scientific", kind="choice", choices=("one", "two"))
X = Parameter(name="x", label="x", role="nuisance", kind="float", high=1.0, points=3)
ONLY_TWO = Parameter(name="y", label="y", role="nuisance", kind="choice", choices=(1, 2), when={"a": ("two",)})


def test_every_combination_comes_once_the_arms_in_turn():
    trials = GridSampler(0).suggest(Space([ARMS, X], {}), [], 100)
    assert [(t.params["a"], t.params["x"]) for t in trials] == [
        ("one", 0.0),
        ("two", 0.0),
        ("one", 0.5),
        ("two", 0.5),
        ("one", 1.0),
        ("two", 1.0),
    ]


def test_arms_may_have_grids_of_different_sizes():
    trials = GridSampler(0).suggest(Space([ARMS, X, ONLY_TWO], {}), [], 100)
    assert len(trials) == 9
    assert sum(t.arm["a"] == "one" for t in trials) == 3
    assert len({tuple(t.params.items()) for t in trials}) == 9


def test_a_grid_that_is_used_up_suggests_nothing():
    space = Space([X], {})
    all_of_it = GridSampler(0).suggest(space, [], 3)
    assert GridSampler(0).suggest(space, all_of_it, 5) == []
