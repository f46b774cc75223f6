"""Whether the times of trials can be compared."""

from __future__ import annotations

from dataclasses import replace

from playbook_cli.advice.rules.timing import timing, unfair
from tests.generators.studies import study, trial


def on(*devices, shared=0):
    trials = [replace(trial(number, {"x": 0.5}, 1.0), devices=(kind,)) for number, kind in enumerate(devices)]
    return study([replace(t, shared=t.id < shared) for t in trials])


def test_equal_devices_that_nobody_shared_are_not_worth_a_word():
    assert timing(on("H100", "H100")) == []


def test_where_nothing_is_known_of_devices_nothing_is_said():
    assert timing(study([trial(0, {"x": 0.5}, 1.0)])) == []


def test_unlike_devices_are_named_with_their_trials():
    (finding,) = timing(on("A100", "H100", "H100"))
    assert (finding.verdict, finding.severity) == ("unfair", "info")
    assert finding.message == ("trials ran on 2 kinds of device (A100: 1, H100: 2): compare steps, not times")
    assert finding.evidence["devices"] == {"A100": 1, "H100": 2}


def test_a_trial_that_moved_from_one_kind_to_another_is_enough():
    moved = on("A100")
    moved = replace(moved, trials=[replace(moved.trials[0], devices=("A100", "H100"))])
    assert "2 kinds of device" in timing(moved)[0].message


def test_shared_devices_are_counted():
    (finding,) = timing(on("H100", "H100", "H100", shared=2))
    assert finding.message.startswith("2 of 3 trials shared a GPU or cores with others: ")


def test_a_study_may_allow_for_some_sharing():
    few = on("H100", "H100", "H100", shared=1)
    assert timing(replace(few, rules={"timing": {"share": 0.5}})) == []
    assert unfair(few.trials) is not None
