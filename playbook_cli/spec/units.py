"""What a study counts as a step: updates, epochs, environment steps, tokens or examples."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playbook_cli.spec.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.records import StepUnit
    from playbook_cli.spec.model import StudySpec

NAMES: dict[StepUnit, str] = {
    "updates": "updates",
    "epochs": "epochs",
    "env_steps": "environment steps",
    "tokens": "tokens",
    "examples": "examples",
}
"""As people say it."""
_WORDS: tuple[tuple[StepUnit, str], ...] = (
    ("epochs", r"epochs?"),
    ("env_steps", r"time_?steps?|env(ironment)?_?steps?|frames?"),
    ("tokens", r"tokens?"),
    ("examples", r"examples?|samples?|images?"),
    ("updates", r"(global_?|train(ing)?_?|max_?|num_?|total_?)*(steps?|iters?|iterations?|updates?)"),
)
_PASSED = re.compile(r"([\w.-]+)[= ]*\Z")
_BEFORE_STEP = re.compile(r"([A-Za-z_]+)[^A-Za-z_]*\Z")


def steps_of(unit: StepUnit | None) -> str:
    """What a study counts, if it is known not to be updates; otherwise steps."""
    return "steps" if unit in (None, "updates") else NAMES[unit]


def unit_of(name: str) -> StepUnit | None:
    """The unit that a name counts: `--num-epochs`, `trainer.max_steps`, `global_step`."""
    plain = name.rpartition(".")[2].strip("-+").replace("-", "_").lower()
    for unit, words in _WORDS:
        if re.fullmatch(rf"(n|num|max|total|train|training|of|_)*({words})(_per_run|_total)?", plain):
            return unit
    return None


def step_unit(spec: StudySpec) -> StepUnit | None:
    """What the study's steps are, by its file; None where that does not say it.

    What `trial.steps` counts are updates; else it is what the option counts that gets max_train_steps, or what a
    pattern or a column of steps is called.
    """
    if spec.step_unit is not None:
        return spec.step_unit
    if spec.command is None:
        return None if spec.imported is not None else "updates"
    return limit_unit(spec) or counted_unit(spec)


def limit_unit(spec: StudySpec) -> StepUnit | None:
    """What the option counts that is given max_train_steps."""
    before = ""
    for word in spec.command or ():
        passed, found, _ = word.partition("${max_train_steps}")
        if found:
            name = _PASSED.search(passed) or _PASSED.search(before)
            return unit_of(name[1]) if name else None
        before = word
    return None


def counted_unit(spec: StudySpec) -> StepUnit | None:
    """What the numbers of the program call a step: the name before it in a pattern, or its column."""
    if spec.metrics is None:
        return None
    named = unit_of(spec.metrics.step)
    if named not in (None, "updates") or spec.metrics.stdout is None:
        return named if spec.metrics.step != "step" else None
    for pattern in spec.metrics.stdout:
        before, found, _ = pattern.partition(f"(?P<{spec.metrics.step}>")
        if found:
            plain = re.sub(r"\\[a-zA-Z][*+?]*|[\[\](){}*+?^|]", " ", before).replace("\\", "")
            word = _BEFORE_STEP.search(plain)
            return unit_of(word[1]) if word else None
    return None


def unit_warnings(spec: StudySpec) -> Iterator[Problem]:
    """That max_train_steps and the steps of the metrics seem to count different things."""
    limit, counted = limit_unit(spec), counted_unit(spec)
    # a "step" may be anything, an epoch alone is never one of the others
    if spec.step_unit is None and limit and counted and (limit == "epochs") != (counted == "epochs"):
        yield Problem(
            location=("metrics",),
            what=f"max_train_steps seems to count {NAMES[limit]}, and the steps of the metrics {NAMES[counted]}",
            hint=f"count one of them in both; or, if they are the same, write step_unit: {limit}",
        )
