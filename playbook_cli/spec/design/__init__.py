"""Checks of a study's design against the playbook, before anything runs: one check per common mistake.

A check warns in one line, with the reason, and is silenced by its name: `silence: [fixed-learning-rate]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.spec.design import roles, training
from playbook_cli.spec.design.settings import Design
from playbook_cli.spec.problem import Problem
from playbook_cli.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.spec.model import StudySpec

CHECKS = {
    check.name: check
    for check in (
        roles.scientific_learning_rate,
        roles.fixed_learning_rate,
        roles.nuisance_optimizer,
        roles.many_scientific,
        roles.small_arms,
        roles.shared_range,
        training.wide_grid,
        training.small_eval_batch,
        training.gradient_accumulation,
        training.long_warmup,
        training.early_schedule,
    )
}
"""All checks by name, in the order in which they are shown."""


def objections(spec: StudySpec, *, first: bool) -> dict[str, Problem]:
    """Warnings about a study's design, by the checks' names; none that it silences, and none for a probe.

    `first` says that no earlier study is known.
    """
    if spec.probe is not None or spec.imported is not None:
        return {}
    design = Design(spec, first=first and spec.round is None and spec.follows is None)
    looked = {name: check(design) for name, check in CHECKS.items() if name not in spec.silence}
    return {name: found for name, found in looked.items() if found is not None}


def silence_problems(spec: StudySpec) -> Iterator[Problem]:
    """The names under `silence` that don't belong to a check."""
    for index, name in enumerate(spec.silence):
        if name not in CHECKS:
            what = f"there is no check named {name!r}"
            hint = did_you_mean(name, list(CHECKS), f"the checks are {', '.join(CHECKS)}")
            yield Problem(location=("silence", index), what=what, hint=hint)
