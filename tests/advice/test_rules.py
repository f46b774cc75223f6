"""The rules as they are explained, and as a study file may set them."""

from __future__ import annotations

import pytest

from benchmarks.generators import study
from playbook_cli.advice.reading import CHECKS
from playbook_cli.advice.rules import RULES, limit

VERDICTS = {
    "boundary": ("lower-edge", "upper-edge", "interior"),
    "instability-edge": ("unstable-above", "none"),
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
    assert list(RULES) == list(VERDICTS) == [*CHECKS, "isolation"]
    for name, verdicts in VERDICTS.items():
        assert set(verdicts) <= set(RULES[name].verdicts) <= {*verdicts, "undecided"}


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_every_rule_explains_itself(rule) -> None:
    assert all((rule.title, rule.looks_at, rule.formula, rule.action, rule.source))
    assert rule.thresholds
    assert len({t.name for t in rule.thresholds}) == len(rule.thresholds)
    assert all(t.meaning for t in rule.thresholds)


def test_the_playbooks_own_numbers_are_marked_as_its_own() -> None:
    theirs = {(rule.name, t.name, t.default) for rule in RULES.values() for t in rule.thresholds if t.whose != "ours"}
    assert theirs == {("best-step", "early", 0.10), ("best-step", "late", 0.25)}


def test_a_study_sets_a_threshold() -> None:
    assert limit(study([]), "infeasible", "share") == 0.5
    assert limit(study([], rules={"infeasible": {"share": 0.3}}), "infeasible", "share") == 0.3


def test_a_threshold_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        limit(study([]), "infeasible", "p_value")
