"""Whether the ranking of a shorter round held, where the truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.acts import Next
from playbook_cli.advice import advise
from playbook_cli.advice.rules.ranking import ranking
from playbook_cli.records import Earlier, Metric
from tests.generators.studies import study, trial


def later(before, now, *, goal="minimize"):
    """A round whose trials came to `now`, and their points to `before` in the round before."""
    made = study([trial(n, {}, value) for n, value in enumerate(now)], metric=Metric(name="m", goal=goal))
    return replace(made, listed=True, earlier=Earlier(study="short", number=2, values=dict(enumerate(before))))


def verdicts(truth, points, studies=200):
    """How often the rule says what, over rounds of normal results whose correlation is `truth`."""
    rng = np.random.default_rng([points, int(100 * truth)])
    said = []
    for _ in range(studies):
        x = rng.normal(size=points)
        y = truth * x + np.sqrt(1 - truth**2) * rng.normal(size=points)
        said.append(ranking(later(x, y))[0].verdict)
    return {verdict: said.count(verdict) / studies for verdict in ("held", "changed", "undecided")}


@pytest.mark.parametrize("points", [5, 10, 20])
def test_rankings_that_have_nothing_in_common_are_hardly_ever_said_to_have_held(points):
    assert verdicts(0.0, points)["held"] <= 0.05


@pytest.mark.parametrize("points", [5, 10, 20])
def test_a_ranking_that_held_is_hardly_ever_said_to_have_changed(points):
    assert verdicts(0.9, points)["changed"] <= 0.02


def test_with_enough_points_the_rule_speaks():
    assert verdicts(0.95, 12)["held"] >= 0.95
    assert verdicts(0.0, 20)["changed"] >= 0.9


def test_a_changed_ranking_is_a_warning_that_says_which_points_to_take_along():
    (finding,) = ranking(later(range(10), [9 - n for n in range(10)]))
    assert (finding.verdict, finding.severity) == ("changed", "warning")
    assert finding.evidence["correlation"] == pytest.approx(-1.0)
    assert finding.evidence["best_was"] == 10
    assert finding.act == Next(round=2, max_train_steps=1000, top=20, of="short")


def test_more_is_better_where_the_study_says_so():
    (finding,) = ranking(later(range(10), range(10), goal="maximize"))
    assert (finding.verdict, finding.severity, finding.evidence["best_was"]) == ("held", "ok", 1)


@pytest.mark.parametrize(("before", "now"), [([1, 2, 3, 4], [1, 2, 3, 4]), ([1] * 6, range(6))])
def test_few_points_or_equal_ones_leave_it_undecided(before, now):
    assert [f.verdict for f in ranking(later(before, now))] == ["undecided"]


def test_only_points_that_both_rounds_know_count():
    made = later([1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7])
    known = replace(made, earlier=replace(made.earlier, values={n: n for n in range(5)}))
    (finding,) = ranking(known)
    assert finding.evidence["points"] == 5


@pytest.mark.parametrize("earlier", [None, Earlier(study="short", number=2, values={})])
def test_without_an_earlier_round_there_is_no_finding(earlier):
    assert ranking(replace(later([1], [1]), earlier=earlier)) == []


def test_of_listed_points_the_rules_about_the_space_say_nothing_but_that_they_are_listed():
    findings = advise(later(range(20), range(20)))
    rules = {f.rule: f.verdict for f in findings}
    assert rules["coverage"] == "listed"
    assert rules["ranking"] == "held"
    assert not rules.keys() & {"boundary", "instability-edge", "budget", "isolation"}
