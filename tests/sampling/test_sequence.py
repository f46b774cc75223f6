"""What every sampler owes: a sequence that only grows, follows its seed, and covers every dimension."""

from __future__ import annotations

from collections import Counter
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.errors import StudyError
from playbook_cli.records import Parameter
from playbook_cli.sampling import make
from playbook_cli.sampling.coverage import coverage
from playbook_cli.sampling.sequence import halton, independent, sobol
from playbook_cli.spec.space import Space


def real(name, when=None, label=None, points=None):
    return Parameter(
        name=name, label=label or name, role="nuisance", kind="float", high=1.0, when=when or {}, points=points
    )


def choice(name, *choices, role="nuisance"):
    return Parameter(name=name, label=name, role=role, kind="choice", choices=choices)


SPACE = Space(
    [
        choice("optimizer", "sgd", "adam", role="scientific"),
        real("x", points=3),
        choice("activation", "relu", "gelu", "tanh"),
        Parameter(name="layers", label="layers", role="nuisance", kind="int", low=1.0, high=4.0, points=4),
        real("momentum", when={"optimizer": ("sgd",)}, points=2),
    ],
    {"batch_size": 64},
)
SEQUENCES = {"halton": halton, "sobol": sobol, "random": independent}
NAMES = [*SEQUENCES, "grid"]
SEEDS = range(50)


def suggested(name, seed, count, space=SPACE, history=()):
    return make(name, seed).suggest(space, history, count)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@given(first=st.integers(0, 20), more=st.integers(0, 20), seed=st.integers(0, 2**40))
def test_more_trials_never_move_the_earlier_ones(name, first, more, seed):
    whole = suggested(name, seed, first + more)
    begun = suggested(name, seed, first)
    assert [*begun, *suggested(name, seed, more, history=begun)] == whole


@pytest.mark.parametrize("name", NAMES)
def test_trials_are_numbered_from_nought_and_pending(name):
    trials = suggested(name, 0, 12)
    assert [trial.id for trial in trials] == list(range(12))
    assert {trial.state for trial in trials} == {"pending"}
    assert all(trial.params["batch_size"] == 64 for trial in trials)
    assert all(trial.params["optimizer"] == trial.arm["optimizer"] for trial in trials)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_trials_and_training_seeds(name):
    assert suggested(name, 3, 10) == suggested(name, 3, 10)


@pytest.mark.parametrize("name", SEQUENCES)
def test_different_seeds_give_different_points(name):
    firsts = {suggested(name, seed, 1)[0].params["x"] for seed in range(20)}
    assert len(firsts) == 20


@pytest.mark.parametrize("name", NAMES)
def test_different_seeds_give_different_training_seeds(name):
    seeds = [trial.seed for seed in range(20) for trial in suggested(name, seed, 20)]
    assert len(set(seeds)) == 400
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize("name", NAMES)
def test_arms_get_equally_many_trials_with_the_same_nuisance_points(name):
    trials = suggested(name, 5, 24)
    by_arm = {optimizer: [t for t in trials if t.arm["optimizer"] == optimizer] for optimizer in ("sgd", "adam")}
    assert len(by_arm["sgd"]) == len(by_arm["adam"]) == 12
    if name != "grid":  # its arms have different numbers of points, so only equal ones are paired
        for sgd, adam in zip(*by_arm.values(), strict=True):
            assert [sgd.params[p] for p in ("x", "activation", "layers")] == [
                adam.params[p] for p in ("x", "activation", "layers")
            ]


@pytest.mark.parametrize("name", NAMES)
def test_a_conditional_hyperparameter_is_sampled_in_its_arm_alone(name):
    trials = suggested(name, 5, 16)
    assert all(("momentum" in t.params) == (t.arm["optimizer"] == "sgd") for t in trials)


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_conditional_hyperparameter_has_a_dimension_of_its_own(name):
    arm = {"optimizer": "sgd"}
    both = [t.params for t in suggested(name, 1, 64) if t.arm == arm]
    x, momentum = (np.array([params[key] for params in both]) for key in ("x", "momentum"))
    assert abs(np.corrcoef(x, momentum)[0, 1]) < 0.5


@pytest.mark.parametrize("name", ["halton", "sobol"])
def test_categories_and_integers_get_equal_shares(name):
    trials = suggested(name, 2, 96)
    activations = Counter(t.params["activation"] for t in trials)
    layers = Counter(t.params["layers"] for t in trials)
    assert max(activations.values()) - min(activations.values()) <= 6
    assert max(layers.values()) - min(layers.values()) <= 6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["halton", "sobol"])
def test_at_32_points_each_of_8_dimensions_occupies_at_least_85_percent_of_32_bins(name):
    space = Space([real(f"p{index}") for index in range(8)], {})
    shares = np.array(
        [
            [coverage(p, trials).share for p in space.dimensions]
            for seed in SEEDS
            if (trials := suggested(name, seed, 32, space))
        ]
    )
    assert shares.shape == (50, 8)
    assert min(median(column) for column in shares.T) >= 0.85


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_space_without_dimensions_still_has_its_trials(name):
    trials = suggested(name, 0, 3, Space([], {"a": 1}))
    assert [t.params for t in trials] == [{"a": 1}] * 3
    assert len({t.seed for t in trials}) == 3


@pytest.mark.parametrize("name", SEQUENCES)
def test_points_lie_in_the_unit_cube_below_one(name):
    points = SEQUENCES[name](5, 100, 11)
    assert points.shape == (100, 5)
    assert points.min() >= 0.0
    assert points.max() < 1.0


def test_an_unknown_sampler_is_none():
    with pytest.raises(KeyError):
        make("tpe", 0)


def test_trials_that_were_listed_by_a_command_are_not_suggested_anew():
    with pytest.raises(StudyError, match="only the command that made this study") as error:
        make("listed", 0)
    assert "playbook lr-sweep" in (error.value.hint or "")
