"""The shortest warmup, on trainings whose stability is known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.instability.ladder import PEAKS, Found, climb, rungs


def climbed(lengths, stable):
    """Where the ladder ends, and what it trained on the way."""
    tried = {}
    while isinstance(step := climb(tried, lengths), tuple):
        assert step not in tried
        tried[step] = "stable" if stable(*step) else "unstable"
    return step, tried


def test_the_longest_warm_up_is_a_tenth_and_the_others_are_halves_of_it():
    assert rungs(1000, 0) == [100, 50, 25, 12, 6, 3]
    assert rungs(30, 0) == [3, 1]
    assert rungs(9, 0) == []


def test_only_warm_ups_longer_than_the_one_there_is_are_tried():
    assert rungs(1000, 25) == [100, 50]
    assert rungs(1000, 100) == []


def test_the_shortest_that_is_stable_at_ten_times_the_rate_is_found():
    found, tried = climbed(rungs(1000, 0), lambda peak, length: length >= 20)
    assert found == Found(peak=10.0, steps=25)
    assert list(tried) == [(10.0, 100), (10.0, 50), (10.0, 25), (10.0, 12)]


def test_where_ten_times_is_too_much_a_lower_peak_is_tried_with_the_longest():
    found, tried = climbed(rungs(1000, 0), lambda peak, length: length >= 30 * peak)
    assert found == Found(peak=2.0, steps=100)
    assert list(tried)[:3] == [(10.0, 100), (5.0, 100), (2.0, 100)]


def test_a_warm_up_that_mends_nothing_is_said_to():
    found, tried = climbed(rungs(1000, 0), lambda peak, length: False)
    assert found == Found(peak=None, steps=None)
    assert len(tried) == len(PEAKS)
    assert climb({}, []) == found


@given(st.integers(10, 10_000), st.sampled_from(PEAKS), st.integers(1, 1000))
def test_what_is_found_was_trained_and_stable(steps, highest, needed):
    found, tried = climbed(rungs(steps, 0), lambda peak, length: peak <= highest and length >= needed)
    if found.steps is None:
        assert needed > steps // 10
    else:
        assert tried[found.peak, found.steps] == "stable"
        assert found.peak == highest
