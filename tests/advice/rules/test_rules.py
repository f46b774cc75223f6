"""The rules as they are explained, and as a study file may set them."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from playbook_cli.advice import rules as package
from playbook_cli.advice.rules import rules
from tests.commands.finished import finish
from tests.generators.studies import study

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.advice.rule import Rule

VERDICTS = {
    "boundary": ("lower-edge", "upper-edge", "interior"),
    "instability-edge": ("unstable-above", "unstable-together", "none"),
    "coverage": ("sparse", "enough", "listed"),
    "infeasible": ("too-many", "few"),
    "overfitting": ("yes", "no"),
    "late-variance": ("yes", "no"),
    "still-improving": ("yes", "no"),
    "saturated": ("yes", "no"),
    "training-loss-rising": ("yes", "no"),
    "periodic": ("yes", "no"),
    "best-step": ("too-many-steps", "train-longer", "fits"),
    "eval-frequency": ("too-coarse", "enough"),
    "compute-bound": ("yes", "no"),
    "budget": ("more-trials-help", "enough"),
    "ranking": ("held", "changed"),
    "timing": ("unfair",),
    "isolation": ("better", "no-difference", "blocked"),
}


def test_names_verdicts_and_order_are_those_of_the_contract() -> None:
    assert list(rules()) == list(VERDICTS)
    for name, verdicts in VERDICTS.items():
        assert set(verdicts) <= set(rules()[name].verdicts) <= {*verdicts, "undecided"}


@pytest.mark.parametrize("rule", rules().values(), ids=list(rules()))
def test_every_rule_explains_itself(rule: Rule) -> None:
    assert all((rule.title, rule.looks_at, rule.formula, rule.action, rule.source))
    assert rule.thresholds
    assert len({t.name for t in rule.thresholds}) == len(rule.thresholds)
    assert all(t.meaning for t in rule.thresholds)
    assert {*rule.unfair, *rule.longer, *rule.shorter} <= {*rule.verdicts}


def test_no_two_rules_have_one_place_in_the_order() -> None:
    assert len({rule.order for rule in rules().values()}) == len(rules())


def test_the_playbooks_own_numbers_are_marked_as_its_own() -> None:
    theirs = {(rule.name, t.name, t.default) for rule in rules().values() for t in rule.thresholds if t.whose != "ours"}
    assert theirs == {("best-step", "early", 0.10), ("best-step", "late", 0.25)}


def test_a_study_sets_a_threshold() -> None:
    assert rules()["infeasible"].limit(study([]), "share") == 0.5
    assert rules()["infeasible"].limit(study([], rules={"infeasible": {"share": 0.3}}), "share") == 0.3


def test_a_threshold_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        rules()["infeasible"].limit(study([]), "p_value")


DUPLICATES = """
from __future__ import annotations

from functools import partial

from playbook_cli.advice.rule import Rule, Threshold


@partial(
    Rule,
    name="same-results",
    order=35,
    title="Do trials repeat each other?",
    looks_at="the results of all trials",
    verdicts={"yes": "Trials repeat each other", "no": "Trials differ"},
    thresholds=(Threshold(name="share", default=0.9, meaning="a larger share of equal results is a repetition"),),
    formula="1 - (different results) / trials.",
    action="Look for a hyperparameter that the program ignores.",
    source="Not in the playbook",
    section="coverage",
)
def same_results(study):
    values = [trial.best.value for trial in study.trials if trial.best]
    share = 1 - len(set(values)) / len(values)
    repeated = share > same_results.limit(study, "share")
    found = ("warning", "yes") if repeated else ("ok", "no")
    return [same_results.finding(*found, {"share": share}, f"{share:.0%} of the results are repetitions")]
"""
"""A rule of one file."""


@pytest.fixture
def added(tmp_path, monkeypatch) -> Iterator[None]:
    """One more file in the folder of the rules."""
    folder = tmp_path / "added"
    folder.mkdir()
    (folder / "same_results.py").write_text(DUPLICATES)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    rules.cache_clear()
    yield
    rules.cache_clear()
    del sys.modules[f"{package.__name__}.same_results"]


@pytest.mark.slow
@pytest.mark.usefixtures("added")
def test_a_rule_is_added_by_one_file(bench) -> None:
    assert list(rules())[2:5] == ["coverage", "same-results", "infeasible"]
    assert "Do trials repeat each other?" in bench("explain").out
    assert "a larger share of equal results is a repetition" in bench("explain", "same-results").out
    finish(bench, lambda _: 0.5, rules={"same-results": {"share": 0.7}})
    said = {finding["rule"]: finding for finding in bench("report", "runs/toy", "--json").json["findings"]}
    assert said["same-results"]["verdict"] == "yes"
    assert said["same-results"]["evidence"] == {"share": 0.75}
    page = (bench.paths().report / "index.html").read_text()
    assert re.search(r'href="#coverage"[^>]*>[^<]*[Tt]rials repeat each other', page)
