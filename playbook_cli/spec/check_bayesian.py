"""Rules for a study with `sampler: bayesian`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.spec.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.spec.model import StudySpec


def bayesian_problems(spec: StudySpec) -> Iterator[Problem]:
    """The problems of a Bayesian search whose space is valid, or of `continue` without one."""
    if not spec.adaptive:
        if spec.follows is not None:
            yield Problem(
                location=("continue",),
                what=f"only sampler: bayesian continues another study, but the sampler is {spec.sampler}",
                hint="write sampler: bayesian, or delete the key",
            )
        return
    if spec.follows is None:
        yield Problem(
            location=("sampler",),
            what="a Bayesian search starts from the trials of a finished quasi-random study, but none is named",
            hint="add continue: runs/NAME; playbook next runs/NAME --exploit writes such a study",
        )
    for name in spec.scientific:
        yield Problem(
            location=("scientific", name),
            what=f"a Bayesian search favours what looks good early, so it can't compare values of {name} fairly",
            hint="compare them with sampler: halton; here, put the best one under fixed:, or tune it under nuisance:",
        )
    if not spec.nuisance:
        yield Problem(location=("nuisance",), what="there is nothing to search", hint="add a range: {min: a, max: b}")
    if spec.launcher == "slurm" and spec.slurm.array_parallelism is None:
        yield Problem(
            location=("slurm",),
            what="a Bayesian search learns from finished trials, but nothing limits how many start at once",
            hint="limit the number of parallel trials: slurm: {array_parallelism: 4}",
        )
