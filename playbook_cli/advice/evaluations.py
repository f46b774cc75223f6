"""Whether trials are evaluated often enough for the rules that read their curves; known before a study is run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from playbook_cli.advice import wording
from playbook_cli.advice.rules import RULES
from playbook_cli.spec.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.spec.model import StudySpec

USUAL = 50
"""Evaluations of a training where the study file says nothing, as in `StudySpec.steps_between_evaluations`."""


def finer(spec: StudySpec, max_train_steps: int) -> int | None:
    """An eval_every for trainings so long; None where the study's own will do, or an evaluation a step is too few."""
    every, needed = spec.eval_every, _needed(spec)
    if every is None or every == 1 or max_train_steps < needed or max_train_steps // every >= needed:
        return None
    return max(1, max_train_steps // max(USUAL, needed))


def too_few(spec: StudySpec) -> Iterator[Problem]:
    """What the rules will miss for want of evaluations."""
    better = finer(spec, spec.max_train_steps)
    if better is None:
        return
    every, steps = spec.steps_between_evaluations, spec.max_train_steps
    count = steps // every
    blind = [name for name in RULES if count < _threshold(spec, name, "min_evaluations", 0.0)]
    missed = f"; {', '.join(blind)} will be undecided" if blind else ""
    yield Problem(
        location=("eval_every",),
        what=f"{wording.plural(count, 'evaluation')} in {steps} steps are too few to know the best step{missed}",
        hint=f"write eval_every: {better}",
    )


def _needed(spec: StudySpec) -> int:
    """Evaluations with which every rule can say what a curve is."""
    readable = max(_threshold(spec, rule, "min_evaluations", 1.0) for rule in RULES)
    return math.ceil(max(readable, 1 / max(_threshold(spec, "eval-frequency", "interval", 1.0), 1e-9)) - 1e-9)


def _threshold(spec: StudySpec, rule: str, name: str, otherwise: float) -> float:
    """As the study file sets it, or the rule's default; `otherwise` where the rule has no such threshold."""
    default = next((t.default for t in RULES[rule].thresholds if t.name == name), otherwise)
    return float(spec.rules.get(rule, {}).get(name, default))
