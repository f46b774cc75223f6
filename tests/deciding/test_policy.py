"""Seeds for the trials in question: whatever happens to the runner, the same answer."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from playbook_cli.deciding.judge import Asked
from playbook_cli.deciding.policy import Deciding
from playbook_cli.records import Best, Metric, TrialRecord

METRIC = Metric(name="val_error")
ASKED = Asked(budget=40, bound=2.0)


def search() -> list[TrialRecord]:
    return [
        TrialRecord(
            id=n, params={"x": n}, arm={}, seed=n, state="completed", best=Best(trial=n, value=n, step=1, params={})
        )
        for n in range(3)
    ]


def trained(trial: TrialRecord, gap: float) -> TrialRecord:
    """The trial with the result that its seed gives it."""
    value = gap * (trial.repeat_of or 0) + random.Random(f"{trial.seed} {trial.repeat_of}").gauss(0.0, 1.0)
    return replace(trial, state="completed", best=Best(trial=trial.id, value=value, step=1, params={}))


def run(gap: float, chance: random.Random | None = None, *, slots: int = 1) -> list[TrialRecord]:
    """All trials at the end; with `chance`, trials end in any order and the runner is killed at any moment."""
    trials = search()
    policy = Deciding([0, 1, 2], METRIC, ASKED)
    while True:
        new = policy.suggest(trials, slots).trials
        if chance is not None and len(new) > 1 and chance.random() < 0.3:
            new = new[: chance.randrange(len(new))]  # killed while it planned them
        trials += [replace(trial, id=len(trials) + k) for k, trial in enumerate(new)]
        waiting = [trial for trial in trials if trial.state == "pending"]
        if not waiting:
            if not policy.suggest(trials, slots).trials:
                return trials
            continue
        one = waiting[0] if chance is None else chance.choice(waiting)
        trials[one.id] = trained(one, gap)


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.0, 2.0, 5.0])
def test_a_runner_that_is_killed_anywhere_comes_to_the_same_repeats_and_answer(gap: float) -> None:
    whole = run(gap)
    there = {(trial.repeat_of, trial.seed) for trial in whole}
    judged = Deciding([0, 1, 2], METRIC, ASKED).judged(whole)
    assert judged.verdict is not None
    for seed in range(15):
        again = run(gap, random.Random(seed), slots=3)
        assert {(trial.repeat_of, trial.seed) for trial in again} == there
        other = Deciding([0, 1, 2], METRIC, ASKED).judged(again)
        assert (other.verdict, [p.trial for p in other.left], other.needed) == (
            judged.verdict,
            [p.trial for p in judged.left],
            judged.needed,
        )


def test_repeats_are_ordinary_ones_that_say_that_results_asked_for_them() -> None:
    made = [trial for trial in run(5.0) if trial.repeat_of is not None]
    assert all(trial.looked for trial in made)
    first = {trial.repeat_of: trial.seed for trial in reversed(made)}
    assert len(set(first.values())) == 1, "the same seeds for all"


def test_nothing_is_planned_while_a_seed_is_being_trained() -> None:
    policy = Deciding([0, 1, 2], METRIC, ASKED)
    planned = [*search(), *(replace(t, state="running") for t in policy.suggest(search(), 4).trials)]
    assert len(planned) == 9
    assert policy.suggest(planned, 4).trials == ()


def test_points_of_another_study_take_part_with_the_results_that_they_have() -> None:
    rival = Deciding([0], METRIC, ASKED, study="runs/a").points(search())
    policy = Deciding([1], METRIC, ASKED, study="runs/b", before=rival)
    assert [trial.repeat_of for trial in policy.suggest(search(), 1).trials] == [1, 1]
