"""Trials that diverged without a NaN, and studies in which nothing was learned."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.advice import advise
from playbook_cli.errors import StudyError
from playbook_cli.records import Best, Curve, Metric, TrialRecord
from playbook_cli.storage.divergence import judged, nothing_learned, refuse_unlearned
from tests.commands.finished import finish
from tests.generators.held_cases import OPEN, SETTLED, TURNED
from tests.generators.held_curves import Kind, held_study
from tests.generators.studies import METRIC, study, trial

STEPS = np.arange(1, 41) * 25
T = STEPS / 1000
LEARNS = 0.05 + 0.85 * np.exp(-T / 0.1)
ACCURACY = Metric(name="val_acc", goal="maximize")


def of(number: int, values: np.ndarray, train: np.ndarray | None = None, metric: Metric = METRIC) -> TrialRecord:
    columns = {metric.name: values} | ({} if train is None else {"train_loss": train})
    at = int(np.argmin([metric.loss(v) for v in values]))
    best = Best(trial=number, value=float(values[at]), step=int(STEPS[at]), params={})
    return replace(trial(number, {}, 0.1, curve=Curve(steps=STEPS, values=columns)), best=best)


def good(count: int = 6) -> list[TrialRecord]:
    return [of(i, LEARNS + 0.02 * i, 2.3 * np.exp(-T / 0.2)) for i in range(count)]


def states(trials: list[TrialRecord], metric: Metric = METRIC) -> list[str]:
    return [t.state for t in judged(trials, metric)]


@pytest.mark.parametrize(
    ("values", "train"),
    [
        (5e5 * (1 + T), 3e6 * (1 + T)),
        (5e5 * (1 + T), None),
        (np.where(T < 0.3, 0.4, 0.9), np.where(T < 0.3, 1.0, 2.33)),
        (np.full(40, 0.9), np.full(40, 2.31)),
    ],
    ids=["far above", "far above, no training loss", "collapsed to chance", "never left chance"],
)
def test_a_trial_that_ends_no_better_than_an_untrained_model_is_infeasible_and_says_why(values, train) -> None:
    trials = judged([*good(), of(6, values, train)], METRIC)
    assert [t.state for t in trials] == ["completed"] * 6 + ["infeasible"]
    assert "no better than an untrained model" in str(trials[-1].reason)


@pytest.mark.parametrize(
    ("values", "train"),
    [
        (0.9 - 0.05 * T, 2.3 - 0.1 * T),
        (0.9 - 0.3 * T, None),
        (0.2 + 0.8 * T, 2.3 * np.exp(-T / 0.1)),
        (np.where(T < 0.2, 0.3, 0.2 + T), None),
    ],
    ids=["slow", "slow, no training loss", "overfits beyond its start", "the same, no training loss"],
)
def test_slow_or_overfitting_trials_are_results(values, train) -> None:
    assert states([*good(), of(6, values, train)]) == ["completed"] * 7


def test_a_declared_chance_takes_the_place_of_first_evaluations() -> None:
    late = [replace(t, curve=Curve(steps=STEPS + 500, values=t.curve.values)) for t in good() if t.curve]
    stuck = [*late, of(6, np.full(40, 0.9), np.full(40, 2.31))]
    assert states(stuck) == ["completed"] * 7
    (*_, lost) = judged(stuck, replace(METRIC, chance=0.9))
    assert (lost.state, lost.reason) == ("infeasible", "val_error ends at 0.9, no better than chance (0.9)")


def test_a_maximized_metric_is_turned_around() -> None:
    trials = [of(i, 1 - LEARNS - 0.02 * i, metric=ACCURACY) for i in range(6)]
    assert states([*trials, of(6, np.full(40, 0.1), metric=ACCURACY)], ACCURACY) == ["completed"] * 6 + ["infeasible"]


@pytest.mark.parametrize("kind", [SETTLED, OPEN, TURNED, replace(SETTLED, time=0.002), replace(SETTLED, examples=200)])
def test_ordinary_studies_lose_no_trial(kind: Kind) -> None:
    made = held_study([kind] * 24, np.random.default_rng(3))
    assert states(list(made.trials), made.metric) == ["completed"] * 24
    assert nothing_learned(made.trials, made.metric) is None


@pytest.mark.slow
def test_the_same_blow_up_reads_alike_with_and_without_a_nan() -> None:
    rates = np.geomspace(1e-4, 1.0, 24)
    made = [
        replace(of(i, LEARNS + 0.05 * (np.log10(rate) + 2) ** 2 if rate < 0.05 else 5e5 * (1 + T)), params={"p0": rate})
        for i, rate in enumerate(rates)
    ]
    from tests.generators.studies import parameters

    finite = study(judged(made, METRIC), parameters(1))
    failed = [replace(t, state="infeasible", reason="loss is nan") if t.params["p0"] >= 0.05 else t for t in made]
    with_nan = study(failed, parameters(1))
    said = [(f.rule, f.subject, f.verdict) for f in advise(finite)]
    assert said == [(f.rule, f.subject, f.verdict) for f in advise(with_nan)]
    assert ("instability-edge", "p0", "unstable-above") in said
    (counted,) = [f for f in advise(finite) if f.rule == "infeasible"]
    assert counted.evidence["without_nan"] == counted.evidence["infeasible"] == 8
    assert "8 without a NaN: trial 16: val_error ends at" in counted.message


def test_a_study_that_never_leaves_chance_is_refused() -> None:
    rng = np.random.default_rng(0)
    flat = [of(i, 0.9 + 0.004 * rng.normal(size=40), 2.3 + 0.01 * rng.normal(size=40)) for i in range(8)]
    assert states(flat) == ["completed"] * 8
    assert nothing_learned(flat, METRIC) == "no trial learned anything: val_error stays at 0.9 in all of them"
    with pytest.raises(StudyError, match="so there is no result to build on"):
        refuse_unlearned(study(flat), "runs/flat")
    declared = nothing_learned(flat, replace(METRIC, chance=0.9))
    assert declared is not None
    assert "no trial is better than chance (val_error 0.9)" in declared
    assert nothing_learned(flat, replace(METRIC, chance=0.95)) is None


@pytest.mark.parametrize("law", [0.4 * (1 - T), np.exp(-T / 0.5), np.abs(T - 0.3)], ids=["line", "slow", "turns"])
def test_trials_that_move_alike_learn_all_the_same(law) -> None:
    rng = np.random.default_rng(0)
    assert nothing_learned([of(i, law + 0.01 * rng.normal(size=40)) for i in range(8)], METRIC) is None
    assert nothing_learned([of(i, law) for i in range(8)], METRIC) is None


def test_trials_that_are_flat_at_different_levels_were_trained_before_their_first_evaluation() -> None:
    rng = np.random.default_rng(0)
    flat = [of(i, 0.1 + 0.02 * i + 0.004 * rng.normal(size=40)) for i in range(8)]
    assert nothing_learned(flat, METRIC) is None
    assert states(flat) == ["completed"] * 8


def test_a_training_loss_that_falls_is_something_learned() -> None:
    rng = np.random.default_rng(0)
    flat = [of(i, 0.9 + 0.004 * rng.normal(size=40), 2.3 * np.exp(-T)) for i in range(8)]
    assert nothing_learned(flat, METRIC) is None


def test_no_curve_is_no_evidence() -> None:
    assert states([trial(0, {}, 0.1)]) == ["completed"]
    assert nothing_learned([trial(0, {}, math.nan)], METRIC) is None
    assert judged([], METRIC) == []


CHANCE = {"name": "loss", "chance": 0.05}


@pytest.mark.parametrize("verb", [["next"], ["next", "--exploit"], ["adopt"]], ids=" ".join)
def test_nothing_goes_on_from_a_study_that_is_no_better_than_chance(bench, verb) -> None:
    finish(bench, lambda params: 0.06 + params["x"], metric=CHANCE)
    name, *options = verb
    answer = bench(name, "runs/toy", *options)
    assert answer.code == 2
    assert "no trial is better than chance (loss 0.05)" in answer.err
    assert "No trial is better than chance" in bench("report", "runs/toy").out


def test_what_beats_chance_goes_on(bench) -> None:
    finish(bench, lambda params: params["x"] / 100, metric=CHANCE)
    assert bench("adopt", "runs/toy").code == 0


def test_chance_is_a_number(bench) -> None:
    answer = bench("plan", str(bench.study(metric={"name": "loss", "chance": "often"})))
    assert answer.code == 2
    assert "chance" in answer.err
    assert "Traceback" not in answer.err
