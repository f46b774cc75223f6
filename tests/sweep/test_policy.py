"""Sweeps of programs whose truth is known, whatever they make of what they are asked for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from playbook_cli.errors import SpecError
from playbook_cli.files.paths import StudyPaths
from playbook_cli.running import study
from playbook_cli.sweep.find import Find
from tests.sweep.virtual import Program, setting, sweep


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A study looks at its trials as fast as it can, and waits for no disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(study, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(study, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(study, "SHORTEST_POLL_SECONDS", 0.0)


def swept(program, pace=(7, 3, 11), *, steps=None, racing=True):
    with tempfile.TemporaryDirectory() as folder:
        return sweep(Path(folder), program, list(pace), steps=steps, racing=racing)


PROGRAMS = st.builds(
    Program,
    fit=st.integers(3, 150),
    every=st.one_of(st.none(), st.integers(1, 40)),
    obeys=st.booleans(),
    overruns=st.integers(0, 6),
    loss_every=st.one_of(st.none(), st.integers(1, 5)),
    ends=st.sampled_from([None, 10_000]),
)


def first_evaluation(program):
    """The step of the first evaluation that fits at the best learning rate, and the one of the evaluation before."""
    every = 1 if program.obeys or program.every is None else program.every
    return -(-program.fit // every) * every, (-(-program.fit // every) - 1) * every


@pytest.mark.slow
@settings(max_examples=15)
@given(PROGRAMS, st.lists(st.integers(1, 90), min_size=1, max_size=4))
def test_n_that_is_found_gives_the_step_of_the_first_evaluation_that_fits(program, pace):
    # several learning rates fit between two evaluations that lie too far apart, and none of them is the fastest
    assume(program.every is None or program.obeys or program.fit > 4 * program.every)
    judged, _, found = swept(program, pace)
    assert judged.verdict == "ok"
    assert judged.fastest.learning_rate == 0.01
    if program.every is None and not program.obeys:  # the sweep's own evaluations, wherever they lie
        assert judged.fastest.fit.before < program.fit <= judged.fastest.fit.step
    else:
        assert (judged.fastest.fit.step, judged.fastest.fit.before) == first_evaluation(program)
    assert found.steps >= judged.fastest.fit.step


@pytest.mark.slow
@settings(max_examples=10)
@given(PROGRAMS, st.lists(st.integers(1, 90), min_size=1, max_size=4), st.integers(150, 190))
def test_racing_changes_no_answer_whatever_the_program_makes_of_it(program, pace, steps):
    raced, some, _ = swept(program, pace, steps=steps)
    full, every_step, _ = swept(program, pace, steps=steps, racing=False)
    assert raced.verdict == full.verdict
    if program.every is None or (program.every <= 5 and program.fit + program.every <= steps):
        assert (full.verdict, full.fastest.learning_rate) == ("ok", 0.01)  # else its evaluations may be too few to tell
    assert (raced.fastest is None) == (full.fastest is None)
    if raced.fastest is not None:
        assert (raced.fastest.learning_rate, raced.fastest.fit) == (full.fastest.learning_rate, full.fastest.fit)
    assert {point.state for point in some.points} == {"completed"}
    assert some.spent <= every_step.spent + 2 * 90 * len(some.points)  # it may be looked at later


@pytest.mark.slow
@settings(max_examples=15)
@given(PROGRAMS, st.one_of(st.none(), st.integers(150, 190)), st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_killed_anywhere_it_goes_on_to_the_same_answer(program, steps, killed):
    with tempfile.TemporaryDirectory() as folder:
        broken, *_, found = sweep(Path(folder), program, [7, 3, 11], steps=steps, killed=killed)
    whole, _, before = swept(program, steps=steps)
    assert broken.verdict == whole.verdict
    assert (broken.fastest is None) == (whole.fastest is None)
    if whole.fastest is not None:
        assert (broken.fastest.learning_rate, broken.fastest.fit) == (whole.fastest.learning_rate, whole.fastest.fit)
    assert (found and found.steps) == (before and before.steps)


def test_a_search_for_n_that_was_killed_while_it_planned_a_round_plans_the_rest_of_it(tmp_path):
    search = Find(setting(), StudyPaths(tmp_path))
    whole = search.suggest([], 0).trials
    rest = search.suggest(whole[:2], 0).trials
    assert [trial.params for trial in rest] == [trial.params for trial in whole[2:]]
    assert search.suggest(whole, 0).trials == []


def test_a_program_that_evaluates_at_its_own_steps_tells_between_which_two_it_fits():
    judged, _, found = swept(Program(fit=187, every=5))
    assert (judged.fastest.fit.before, judged.fastest.fit.step) == (185, 190)
    assert found.steps < 2 * 190


def test_what_a_program_shows_beyond_its_steps_is_chance_and_does_not_count():
    lucky = Program(fit=60, every=10, overruns=50, ends=10_000)
    judged, swept_, _ = swept(lucky, steps=40)
    assert (judged.verdict, judged.fastest) == ("never-fits", None)
    assert {point.state for point in swept_.points} == {"completed"}
    assert max(point.last_step for point in swept_.points) > 60


def test_the_first_evaluation_from_the_last_step_on_counts():
    judged, *_ = swept(Program(fit=60, every=35, ends=10_000), steps=65)
    assert (judged.fastest.fit.before, judged.fastest.fit.step) == (35, 70)


def test_a_program_that_is_stopped_as_it_cannot_win_is_completed_and_says_so():
    _, some, _ = swept(Program(fit=20, every=1), pace=(1,), steps=100)
    reasons = [point.reason or "" for point in some.points]
    assert [point.state for point in some.points] == ["completed"] * 5
    assert sum("cannot win" in reason for reason in reasons) >= 2
    assert all(point.last_step <= 22 for point in some.points if "cannot win" in (point.reason or ""))
    assert some.spent == sum(point.last_step for point in some.points)


def test_how_a_program_ends_that_is_stopped_is_no_matter():
    judged, some, _ = swept(Program(fit=20, every=1, breaks=True), pace=(1,), steps=100)
    assert (judged.verdict, judged.fastest.steps_to_fit) == ("ok", 20)
    assert {point.state for point in some.points} == {"completed"}


def test_a_program_that_prints_its_loss_at_every_step_is_waited_for_to_evaluate():
    judged, *_ = swept(Program(fit=90, every=100, loss_every=1), pace=(1,), steps=200)
    assert (judged.verdict, judged.fastest.fit.step) == ("ok", 100)


def test_a_loss_that_is_printed_exactly_as_often_as_asked_does_not_show_that_the_target_is_missing():
    printed = Program(fit=90, every=35, loss_every=5)
    judged, *_ = swept(printed, steps=160)
    assert (judged.verdict, judged.fastest.fit.before, judged.fastest.fit.step) == ("ok", 70, 105)


def test_where_a_program_never_measures_the_target_it_is_told_so_once_its_steps_are_over():
    with pytest.raises(SpecError, match="does not report the target's metric, train_error"):
        swept(Program(fit=90, every=10_000, loss_every=1), steps=50)


def test_a_program_that_ends_by_itself_bounds_nothing():
    judged, some, _ = swept(Program(fit=40, every=1, ends=30), steps=200)
    assert judged.fastest is None
    assert len(judged.unknown) == len(some.points)


def test_rounds_end_where_the_program_itself_ends_long_before():
    _, found, _ = swept(Program(fit=400, every=5, ends=30))
    assert found.steps is None
    assert found.longest <= 100
