"""Whether trials are evaluated often enough, known before a study is run."""

from __future__ import annotations

import pytest

from playbook_cli.advice.evaluations import finer, too_few
from playbook_cli.spec.model import StudySpec


def spec(**changes: object) -> StudySpec:
    keys = {"name": "s", "train": "m:train", "metric": {"name": "e"}, "max_train_steps": 1000, "trials": 4}
    return StudySpec.model_validate(keys | changes)


@pytest.mark.parametrize(("every", "steps", "expected"), [(51, 1000, 20), (100, 500, 10), (20, 30, 1), (7, 100, 2)])
def test_fewer_than_twenty_evaluations_become_fifty_or_one_a_step(every: int, steps: int, expected: int) -> None:
    assert finer(spec(eval_every=every), steps) == expected


@pytest.mark.parametrize(("every", "steps"), [(None, 1000), (50, 1000), (1, 5), (4, 10)])
def test_what_is_enough_or_cannot_be_more_stays(every: int | None, steps: int) -> None:
    assert finer(spec(eval_every=every), steps) is None


def test_rules_that_only_miss_the_best_step_are_not_called_undecided() -> None:
    (coarse,) = too_few(spec(eval_every=70))
    assert "undecided" not in coarse.what
    (blind,) = too_few(spec(eval_every=100))
    assert "saturated, training-loss-rising, periodic, compute-bound will be undecided" in blind.what


def test_a_study_that_asks_for_more_evaluations_of_a_rule_gets_them() -> None:
    assert finer(spec(eval_every=20, rules={"overfitting": {"min_evaluations": 100}}), 1000) == 10
