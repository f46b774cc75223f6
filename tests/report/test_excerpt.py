"""What is shown of a study that is too large to be shown whole."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace

import pytest

from playbook_cli.advice import advise
from playbook_cli.analysis.importance import Effect, Importance
from playbook_cli.records import Best, Parameter, TrialRecord
from playbook_cli.report import excerpt as excerpt_module
from playbook_cli.report.as_json import as_json
from playbook_cli.report.build import build
from playbook_cli.report.excerpt import ARMS, AXES, BEST, CHOICES, TRIALS, excerpt
from playbook_cli.report.html import as_html
from playbook_cli.report.importance import sentences
from playbook_cli.report.sections.importance import table
from tests.report import studies
from tests.report.drawn import specs, tables


def ranges(count):
    return [Parameter(name=f"x{n}", label=f"x{n}", role="nuisance", kind="float", high=1.0) for n in range(count)]


def arms(count, trials=1):
    """A study of one scientific hyperparameter; arm n's first trial comes to n, and its further ones to worse."""
    asked = Parameter(name="a", label="a", role="scientific", kind="choice", choices=tuple(range(count)))
    records = []
    for number in range(count * trials):
        params = {"a": number % count, "x0": (number * 0.618) % 1}
        best = Best(trial=number, value=float(number), step=600, params=params)
        arm = {"a": number % count}
        about = {"state": "completed", "attempts": 1, "last_step": 600}
        records.append(TrialRecord(id=number, params=params, arm=arm, seed=number, best=best, **about))
    space = [asked, *ranges(1)]
    return studies.digits(0, parameters=space, trials=records, planned=len(records), fixed={})


@pytest.mark.slow
def test_an_ordinary_report_is_shown_whole():
    report = build(studies.digits(), studies.findings())
    assert excerpt(report) == report


@pytest.mark.slow
def test_of_hundreds_of_hyperparameters_those_that_matter_have_a_plot_and_the_page_says_so():
    study = studies.digits(64, parameters=ranges(300))
    told = replace(studies.findings()[0], severity="warning", verdict="upper-edge", subject="x250")
    report = build(study, [told])
    shown = excerpt(report)
    assert len(shown.axes) == AXES
    assert "x250" in [axis.label for axis in shown.axes]
    assert f"{AXES} of 300 hyperparameters are shown" in shown.cuts["space"]
    assert len(as_json(report)["trials"][0]["params"]) == 301


def test_the_page_says_what_it_leaves_out(monkeypatch):
    monkeypatch.setattr(excerpt_module, "AXES", 1)
    page = as_html(build(studies.digits(8, parameters=ranges(3)), []))
    assert page.count("1 of 3 hyperparameters are shown") == 3
    assert "chart-axis-1" not in page


@pytest.mark.slow
def test_every_rule_is_applied_to_each_of_hundreds_of_hyperparameters():
    findings = advise(studies.digits(64, parameters=ranges(300)))
    for rule in ("boundary", "instability-edge"):
        assert sum(finding.rule == rule for finding in findings) == 300
    assert any("needs 1202 feasible trials" in finding.message for finding in findings)


def test_of_many_arms_the_best_are_listed_and_the_others_counted():
    report = build(arms(200), [])
    shown = excerpt(report)
    assert [arm.settings for arm in shown.arms[:ARMS]] == [{"a": number} for number in range(ARMS)]
    assert shown.arms[-1].label == f"{200 - ARMS} other arms"
    assert shown.arms[-1].ended == 200 - ARMS
    assert [len(plot.rows) for plot in shown.isolation] == [ARMS]
    assert f"{ARMS} of 200 settings are shown, those with the best results" in shown.cuts["question"]
    assert {trial.arm for trial in shown.trials} == set(range(ARMS + 1))
    (axis,) = (axis for axis in shown.axes if axis.label == "a")
    assert list(axis.choices) == [str(number) for number in range(CHOICES)]
    assert sorted(int(point.value) for point in axis.points) == list(range(CHOICES))
    assert len(as_json(report)["arms"]) == 200


def test_the_best_arm_is_listed_wherever_it_stands():
    study = arms(200)
    study = replace(study, metric=replace(study.metric, goal="maximize"))
    shown = excerpt(build(study, []))
    assert [arm.settings["a"] for arm in shown.arms[:-1]] == list(range(200 - ARMS, 200))


@pytest.mark.slow
def test_of_thousands_of_trials_the_best_and_an_even_sample_are_drawn_and_all_are_counted():
    report = build(arms(2, trials=2500), [])
    shown = excerpt(report)
    ids = [trial.id for trial in shown.trials]
    assert len(ids) == len(set(ids)) == TRIALS
    assert ids == sorted(ids)
    assert set(range(BEST)) <= set(ids)
    assert max(b - a for a, b in itertools.pairwise(ids)) <= 4
    assert f"{TRIALS:,} of 5,000 trials are shown" in shown.cuts["trials"]
    assert len(tables(shown)["t"]) == TRIALS
    assert re.search('"top": 5000', json.dumps(specs(shown)["best-step"]))
    assert len(as_json(report)["trials"]) == 5000


@pytest.mark.slow
@pytest.mark.parametrize("study", [arms(100, trials=25), studies.repeated()], ids=["many", "few"])
def test_no_chart_of_an_excerpt_names_what_it_lacks(study):
    shown = excerpt(build(study, []))
    known = {trial.id for trial in (*shown.trials, *shown.again)}
    for drawn in tables(shown).values():
        assert {row["i"] for row in drawn if "i" in row} <= known


def test_a_sentence_lists_a_score_of_hyperparameters_and_counts_the_others():
    effect = Effect(
        label="",
        share=0,
        needed=0.1,
        p_value=1,
        infeasible_p_value=None,
        hinders=False,
        moves=False,
        trials=9,
        correlation=None,
        matters=False,
    )
    effects = [replace(effect, label="best", share=0.9, matters=True, moves=True)]
    effects += [replace(effect, label=f"x{number}") for number in range(60)]
    importance = Importance(trials=500, infeasible=0, needed=100, effects=effects)
    said = sentences(importance)[0]
    assert said.startswith("best mattered; no visible effect: x0, x1,")
    assert said.endswith("x19 and 40 more.")
    assert len(table(importance).rows) == ARMS
    shown = excerpt(replace(build(studies.digits(8, parameters=ranges(3)), []), importance=importance))
    assert "of 61 hyperparameters have a bar" in shown.cuts["importance"]
