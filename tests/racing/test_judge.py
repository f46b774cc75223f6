"""Which trials are stopped, and which never are."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.racing.judge import FIRST, PHASES, Race
from playbook_cli.records import Curve, Metric
from tests.generators.learning_curves import Course, learning_curve
from tests.generators.studies import MAX_TRAIN_STEPS, METRIC, trial

STEADY = Course(tau=0.2, noise=0.003)


def made(number, floor, course=STEADY, *, upto=1.0, params=None, arm=None, seed=0):
    """A trial whose curve is known up to this share of training."""
    curve = learning_curve(course, np.random.default_rng(1000 * seed + number), floor=floor)
    kept = curve.steps <= upto * MAX_TRAIN_STEPS
    curve = Curve(steps=curve.steps[kept], values={name: values[kept] for name, values in curve.values.items()})
    whole = trial(number, params or {}, float(curve.values["val_error"].min()), arm=arm or {}, curve=curve)
    return replace(whole, last_step=int(curve.steps[-1]))


def at(known, one):
    """What is decided at the last phase that a trial has reached."""
    return known.judge(one, int((one.last_step >= PHASES * MAX_TRAIN_STEPS).sum()) - 1)


def race(floors=(0.05, 0.06, 0.08, 0.12, 0.1), course=STEADY, *, risk=0.05, **given):
    """A race that knows trials which end at these floors."""
    known = Race(metric=METRIC, max_train_steps=MAX_TRAIN_STEPS, risk=risk, planned=10)
    for number, floor in enumerate(floors):
        known.learn(made(number, floor, course, **given))
    return known


def test_a_trial_far_above_the_others_is_stopped_with_its_reasons():
    stopped = at(race(), made(9, 0.4, upto=0.5))
    assert stopped is not None
    assert stopped.step == 500
    assert stopped.chance < 0.05
    assert stopped.against == 0
    assert stopped.known == [0, 1, 2, 3, 4]
    assert 0.05 < stopped.expected < 0.45


def test_a_worse_curve_never_has_the_larger_chance():
    known = race(risk=0.5)
    chances = [at(known, made(9, floor, upto=0.5)) for floor in (0.2, 0.4, 2.0, 50.0)]
    assert all(one is not None for one in chances)
    assert all(b.chance <= a.chance for a, b in itertools.pairwise(chances))


@pytest.mark.parametrize("floor", [0.03, 0.05, 0.06])
def test_a_trial_as_good_as_the_best_is_never_stopped(floor):
    known = race()
    assert all(at(known, made(9, floor, upto=share)) is None for share in np.arange(0.1, 0.85, 0.05))


def test_the_first_trials_train_to_the_end():
    assert at(race((0.05, 0.06, 0.08)), made(9, 0.4, upto=0.5)) is None
    assert FIRST == 4


def test_every_arm_has_trials_of_its_own_to_be_held_against():
    known = race(arm={"optimizer": "sgd"})
    assert at(known, made(9, 0.4, upto=0.5, arm={"optimizer": "sgd"})) is not None
    assert at(known, made(9, 0.4, upto=0.5, arm={"optimizer": "adam"})) is None


def test_a_slow_trial_that_falls_as_no_other_did_goes_on():
    slow = Course(tau=1.2, noise=0.003)
    assert at(race(), made(9, -0.2, slow, upto=0.4)) is None


def test_late_drops_of_the_completed_trials_are_reckoned_with():
    drops = [
        Course(tau=0.1, anneal=share, schedule="cosine", noise=0.003, rate=False) for share in (0.1, 0.5, 0.3, 0.7)
    ]
    known = race(())
    for number, course in enumerate(drops):
        known.learn(made(number, 0.05, course))
    assert at(known, made(9, 0.05, drops[-1], upto=0.4)) is None


def test_a_trial_that_warms_up_is_not_judged():
    def warmed(one):
        steps = one.curve.steps
        rate = np.minimum(steps / (0.5 * MAX_TRAIN_STEPS), 1.0)
        return replace(one, curve=Curve(steps=steps, values={**one.curve.values, "learning_rate": rate}))

    known = Race(metric=METRIC, max_train_steps=MAX_TRAIN_STEPS, risk=0.05, planned=10)
    for number, floor in enumerate((0.05, 0.06, 0.08, 0.12, 0.1)):
        known.learn(warmed(made(number, floor)))
    assert at(known, warmed(made(9, 0.4, upto=0.4))) is None
    assert at(known, warmed(made(9, 0.4, upto=0.6))) is not None


def test_trials_at_another_stage_of_their_schedule_are_no_measure():
    decaying = replace(STEADY, schedule="linear")
    assert at(race(), made(9, 0.4, decaying, upto=0.5)) is None
    constant = race(params={"schedule": "constant"}, course=replace(STEADY, rate=False))
    assert at(constant, made(9, 0.4, replace(STEADY, rate=False), upto=0.5, params={"schedule": "cosine"})) is None


def test_a_maximized_metric_is_judged_alike():
    def turned(one):
        values = 1 - one.curve.values["val_error"]
        return replace(one, curve=Curve(steps=one.curve.steps, values={"accuracy": values}))

    known = Race(
        metric=Metric(name="accuracy", goal="maximize"), max_train_steps=MAX_TRAIN_STEPS, risk=0.05, planned=10
    )
    for number, floor in enumerate((0.05, 0.06, 0.08, 0.12, 0.1)):
        known.learn(turned(made(number, floor)))
    stopped = at(known, turned(made(9, 0.4, upto=0.3)))
    assert stopped is not None
    assert 0.4 < stopped.expected < 0.95
    assert at(known, turned(made(9, 0.05, upto=0.3))) is None


def test_equal_curves_without_noise_stop_nothing_that_is_equal():
    course = Course(tau=0.2, noise=0.0, resolution=0.01)
    known = race((0.05,) * 5, course)
    assert all(at(known, made(9, 0.05, course, upto=share)) is None for share in (0.2, 0.5, 0.8))


def test_a_curve_with_too_few_evaluations_is_not_judged():
    coarse = Course(tau=0.2, evaluations=5)
    assert at(race(course=coarse), made(9, 0.4, coarse, upto=0.4)) is None
