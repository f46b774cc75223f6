"""Whether trials are evaluated often enough for the rules that read their curves; known before a study is run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.advice.rules import rules
from playbook_cli.spec.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.advice.rule import Rule
    from playbook_cli.spec.model import StudySpec

USUAL = 50
"""Evaluations of a training where the study file says nothing, as in `StudySpec.steps_between_evaluations`."""


def finer(spec: StudySpec, max_train_steps: int) -> int | None:
    """An eval_every for trainings so long; None where the study's own will do, or an evaluation a step is too few."""
    every = spec.eval_every
    if every is None or every == 1:
        return None
    needed = _needed(spec)
    if max_train_steps < needed or max_train_steps // every >= needed:
        return None
    return max(1, max_train_steps // max(USUAL, needed))


def too_few(spec: StudySpec) -> Iterator[Problem]:
    """What the rules will miss for want of evaluations."""
    better = finer(spec, spec.max_train_steps)
    if better is None:
        return
    every, steps = spec.steps_between_evaluations, spec.max_train_steps
    count = steps // every
    blind = [rule.name for rule in rules().values() if count < _evaluations(spec, rule)]
    missed = f"; {', '.join(blind)} will be undecided" if blind else ""
    yield Problem(
        location=("eval_every",),
        what=f"{wording.plural(count, 'evaluation')} in {steps} steps are too few to locate the best step{missed}",
        hint=f"set eval_every: {better}",
    )


def _needed(spec: StudySpec) -> int:
    """Evaluations with which every rule can say what a curve is."""
    every = rules()
    interval = every["eval-frequency"].limit(spec, "interval")
    readable = max(1.0, *(_evaluations(spec, rule) for rule in every.values()))
    return math.ceil(max(readable, 1 / max(interval, 1e-9)) - 1e-9)


def _evaluations(spec: StudySpec, rule: Rule) -> float:
    """How many a curve needs for this rule; 0 where it reads none."""
    known = any(threshold.name == "min_evaluations" for threshold in rule.thresholds)
    return rule.limit(spec, "min_evaluations") if known else 0.0
