"""What a study with `sampler: bayesian` must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.spec.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.spec.model import StudySpec


def bayesian_problems(spec: StudySpec) -> Iterator[Problem]:
    """What is wrong with a Bayesian search whose space is sound, or with `continue` where there is none."""
    if not spec.adaptive:
        if spec.follows is not None:
            yield Problem(
                location=("continue",),
                what=f"only sampler: bayesian continues another study, and the sampler is {spec.sampler}",
                hint="write sampler: bayesian, or delete the key",
            )
        return
    if spec.follows is None:
        yield Problem(
            location=("sampler",),
            what="a Bayesian search begins with the trials of a finished quasi-random one, and none is named",
            hint="add continue: runs/NAME; playbook next runs/NAME --exploit writes such a study",
        )
    for name in spec.scientific:
        yield Problem(
            location=("scientific", name),
            what=f"a Bayesian search tries more of what looks good early: no fair comparison of settings of {name}",
            hint="compare them by sampler: halton; here put the better one under fixed:, or tune it under nuisance:",
        )
    if not spec.nuisance:
        yield Problem(location=("nuisance",), what="there is nothing to search", hint="add a range: {min: a, max: b}")
    if spec.launcher == "slurm" and spec.slurm.array_parallelism is None:
        yield Problem(
            location=("slurm",),
            what="a Bayesian search learns from the trials that have ended, and nothing limits how many start at once",
            hint="say how many run at a time: slurm: {array_parallelism: 4}",
        )
