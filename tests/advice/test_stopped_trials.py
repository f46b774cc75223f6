"""Stopped trials are censored: no rule, and nothing in the report, takes their best so far for a result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.advice import advise
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.importance import importance
from playbook_cli.analysis.time_to_target import time_to_target
from playbook_cli.records import Best, Stopped
from playbook_cli.report import build
from tests.generators.learning_curves import Course, curve_study

TRIALS = 24


def whole(arms=({},)):
    return curve_study([Course(tau=0.15)] * TRIALS, np.random.default_rng(3), arms=arms)


def raced(study, *, best=None):
    """The study with the worse half of each arm stopped at 40% of training; `best` is what they seemed to reach."""
    trials = []
    for arm in study.arms:
        ranked = outcomes.ranked(outcomes.of_arm(study.trials, arm), study.metric)
        kept = ranked[: len(ranked) // 2]
        trials += kept
        for trial in ranked[len(kept) :]:
            why = Stopped(step=400, chance=0.001, expected=trial.best.value, against=ranked[0].id)
            seen = None if best is None else Best(trial=trial.id, value=best, step=300, params=trial.params)
            trials.append(replace(trial, state="stopped", stopped=why, best=seen, last_step=400, curve=None))
    return replace(study, trials=sorted(trials, key=lambda t: t.id))


ARMS = ([{}], [{"arm": 0}, {"arm": 1}])


@pytest.mark.parametrize("arms", ARMS)
def test_what_a_stopped_trial_had_reached_changes_no_finding(arms):
    study = whole(arms)
    assert advise(raced(study, best=-1.0)) == advise(raced(study))


@pytest.mark.parametrize("arms", ARMS)
def test_findings_stay_as_they_were_without_stopping(arms):
    study = whole(arms)
    before, after = ({(f.rule, f.subject): f.verdict for f in advise(one)} for one in (study, raced(study)))
    assert before == after


def test_a_stopped_trial_is_no_best_trial_whatever_it_had_reached():
    study = whole()
    after = raced(study, best=-1.0)
    first = outcomes.ranked(study.trials, study.metric)[0]
    report = build.build(after, advise(after))
    assert report.best.trial == first.id
    assert all(arm.best.trial == first.id for arm in report.arms)
    assert {t.id for t in report.trials if t.rank is not None} == {t.id for t in after.trials if t.state == "completed"}
    assert report.saved[0] == 12 * 600


def test_all_points_count_for_importance_and_places():
    study = whole()
    after = raced(study)
    assert importance(after).trials == TRIALS
    assert [t.id for t in outcomes.placed(after.trials, study.metric)] == [
        t.id for t in outcomes.ranked(study.trials, study.metric)
    ]
    assert len(outcomes.whole(after.trials, study.max_train_steps)) == TRIALS // 2


def test_nothing_is_known_of_the_time_to_a_target_that_a_stopped_trial_had_not_reached():
    study = raced(whole())
    timed = time_to_target(study, 0.0)
    assert {t.state for t in timed.trials if study.trials[t.id].state == "stopped"} == {"failed"}
