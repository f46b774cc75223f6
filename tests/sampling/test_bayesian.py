from __future__ import annotations

import math
from dataclasses import replace

import pytest

from playbook_cli.records import Best, Metric, Parameter
from playbook_cli.sampling import make
from playbook_cli.sampling.bayesian import LEAST, by_process, needed
from playbook_cli.sampling.followed import lies_in
from playbook_cli.spec.space import Space


def parameter(name, **about):
    return Parameter(name=name, label=name, role="nuisance", **about)


RATE = parameter("rate", kind="float", low=1e-4, high=1.0, scale="log")
SHARE = parameter("share", kind="float", low=0.0, high=1.0)
DEPTH = parameter("depth", kind="int", low=1, high=8)
BETAS = parameter("betas", kind="choice", choices=((0.9, 0.99), None, "no"))
FLAT = Space([RATE, SHARE, DEPTH, BETAS], {"width": 3})
SIMPLE = Space([RATE, SHARE], {})
OPTIMIZER = parameter("optimizer", kind="choice", choices=("sgd", "adam"))
BETA = parameter("beta", kind="float", low=0.0, high=1.0, when={"optimizer": ("adam",)})
CONDITIONAL = Space([OPTIMIZER, RATE, BETA], {})


def error(params):
    """Lowest at rate 0.03, share 0.4."""
    return (math.log10(params["rate"]) + 1.5) ** 2 + (params.get("share", 0.4) - 0.4) ** 2


def ended(trial, *, stable=1.0, sign=1.0):
    if trial.params["rate"] > stable:
        return replace(trial, state="infeasible")
    best = Best(trial=trial.id, value=sign * error(trial.params), step=1, params=trial.params)
    return replace(trial, state="completed", best=best)


def drawn(space, count=16, **how):
    return [ended(trial, **how) for trial in make("halton", 0).suggest(space, [], count)]


def sampler(first, *, seed=5, goal="minimize"):
    return make("bayesian", seed, metric=Metric(name="error", goal=goal), first=first)


@pytest.mark.slow
@pytest.mark.parametrize("space", [FLAT, CONDITIONAL], ids=["flat", "conditional"])
def test_what_is_suggested_follows_from_seed_and_history_alone(space):
    first = drawn(space)
    together = sampler(first).suggest(space, [], 3)
    assert sampler(first).suggest(space, together[:1], 2) == together[1:]
    assert sampler(first, seed=6).suggest(space, [], 1)[0].params != together[0].params


@pytest.mark.slow
def test_what_a_trial_comes_to_changes_what_is_suggested_next():
    first = drawn(SIMPLE)
    (one,) = sampler(first).suggest(SIMPLE, [], 1)
    after = [sampler(first).suggest(SIMPLE, [trial], 1)[0].params for trial in (one, ended(one), ended(one, sign=2.0))]
    assert len({tuple(params.items()) for params in after}) == 3


@pytest.mark.slow
@pytest.mark.parametrize("space", [FLAT, CONDITIONAL], ids=["flat", "conditional"])
def test_every_suggestion_lies_in_the_space_with_values_of_the_right_types(space):
    trials = sampler(drawn(space)).suggest(space, [], 3)
    assert [trial.id for trial in trials] == [0, 1, 2]
    assert all(lies_in(space, trial) for trial in trials)
    assert len({trial.seed for trial in trials}) == 3
    for trial in trials:
        assert {
            type(trial.params[p.name]) for p in space.dimensions if p.kind == "float" and p.name in trial.params
        } == {float}
        assert type(trial.params.get("depth", 1)) is int


@pytest.mark.slow
def test_a_trial_that_failed_or_waits_is_one_without_a_result():
    first = drawn(SIMPLE)
    under_way = sampler(first).suggest(SIMPLE, [], 1)
    failed = [replace(under_way[0], state="failed", reason="it crashed")]
    assert sampler(first).suggest(SIMPLE, failed, 1) == sampler(first).suggest(SIMPLE, under_way, 1)


@pytest.mark.parametrize(("goal", "sign"), [("minimize", 1.0), ("maximize", -1.0)])
def test_it_goes_where_the_metric_is_better(goal, sign):
    first = drawn(SIMPLE, sign=sign)
    (suggested,) = sampler(first, goal=goal).suggest(SIMPLE, [], 1)
    assert error(suggested.params) < sorted(error(trial.params) for trial in first)[3]


def test_where_infeasible_trials_lie_it_does_not_go():
    """The feasible trials get better towards 0.03, and everything above 0.01 diverges."""
    first = drawn(SIMPLE, 24, stable=0.01)
    (suggested,) = sampler(first).suggest(SIMPLE, [], 1)
    assert 0.003 < suggested.params["rate"] < 0.02


@pytest.mark.slow
def test_an_infeasible_trial_is_given_no_value():
    """What a diverged trial had measured before changes nothing."""
    first = drawn(SIMPLE, stable=0.1)
    measured = [
        replace(t, best=Best(trial=t.id, value=-1e9, step=1, params=t.params)) if t.state == "infeasible" else t
        for t in first
    ]
    assert sampler(measured).suggest(SIMPLE, [], 1) == sampler(first).suggest(SIMPLE, [], 1)


def test_conditions_between_hyperparameters_are_for_parzen_estimators():
    assert by_process(FLAT)
    assert not by_process(CONDITIONAL)
    beta_alone = Space([RATE, BETA], {"optimizer": "adam"})
    assert by_process(beta_alone), "a condition that what is fixed meets is none"


def test_a_model_needs_ten_trials_and_two_for_each_dimension():
    assert needed(SIMPLE) == LEAST == 10
    assert needed(Space([parameter(f"x{i}", kind="float", low=0.0, high=1.0) for i in range(7)], {})) == 14


@pytest.mark.parametrize(
    ("changes", "inside"),
    [
        ({}, True),
        ({"rate": 2.0}, False),
        ({"rate": 1}, True),
        ({"depth": 9}, False),
        ({"depth": 2.5}, False),
        ({"depth": True}, False),
        ({"betas": (0.9, 0.99)}, True),
        ({"betas": "yes"}, False),
        ({"width": 4}, False),
        ({"dropout": 0.1}, False),
        ({"share": None}, False),
    ],
    ids=str,
)
def test_a_trial_lies_in_a_space_that_could_have_had_it(changes, inside):
    (trial,) = make("halton", 0).suggest(FLAT, [], 1)
    assert lies_in(FLAT, replace(trial, params={**trial.params, **changes})) is inside


def test_a_trial_that_lacks_a_hyperparameter_lies_outside():
    (trial,) = make("halton", 0).suggest(FLAT, [], 1)
    assert not lies_in(FLAT, replace(trial, params={k: v for k, v in trial.params.items() if k != "width"}))


def test_a_trial_with_a_hyperparameter_that_its_other_settings_exclude_lies_outside():
    (trial,) = make("halton", 0).suggest(CONDITIONAL, [], 1)
    assert not lies_in(CONDITIONAL, replace(trial, params={"optimizer": "sgd", "rate": 0.1, "beta": 0.5}))
