"""Which multiples are trained, and what they say together."""

from __future__ import annotations

from playbook_cli.instability.rise import Rise
from playbook_cli.instability.verdict import decide, lowest_unstable, next_multiples


def course(what, first=None):
    return Rise(course=what, rise=0.0, tolerance=1.0, first=first, above=0, lowest=0.0, diverged=False)


STABLE, UNSTABLE, UNKNOWN = course("stable"), course("unstable", 5), course("undecided")


def test_the_best_rate_and_twice_it_come_first():
    assert next_multiples({}) == [1.0, 2.0]


def test_what_is_stable_at_twice_the_best_rate_needs_no_further_run():
    known = {1.0: STABLE, 2.0: STABLE}
    assert next_multiples(known) == []
    assert decide(known, 10) == "stable"


def test_instability_is_confirmed_at_five_times_or_else_at_ten_times():
    known = {1.0: STABLE, 2.0: UNSTABLE}
    assert next_multiples(known) == [5.0]
    assert next_multiples({**known, 5.0: STABLE}) == [10.0]
    assert next_multiples({**known, 5.0: UNSTABLE}) == []
    assert decide({**known, 5.0: STABLE, 10.0: UNSTABLE}, 10) == "unstable-early"


def test_what_no_higher_rate_confirms_is_undecided():
    known = {1.0: STABLE, 2.0: UNSTABLE, 5.0: STABLE, 10.0: STABLE}
    assert next_multiples(known) == []
    assert decide(known, 10) == "undecided"


def test_early_is_what_begins_within_reach_of_a_warm_up():
    known = {1.0: STABLE, 2.0: course("unstable", 11), 5.0: UNSTABLE}
    assert decide(known, 11) == "unstable-early"
    assert decide(known, 10) == "unstable-later"


def test_the_best_rate_itself_may_be_the_unstable_one():
    known = {1.0: UNSTABLE, 2.0: STABLE, 5.0: UNSTABLE}
    assert lowest_unstable(known) == 1.0
    assert decide(known, 10) == "unstable-early"


def test_what_can_not_be_judged_is_undecided():
    assert next_multiples({1.0: UNKNOWN, 2.0: UNKNOWN}) == []
    assert decide({1.0: UNKNOWN, 2.0: UNKNOWN}, 10) == "undecided"
