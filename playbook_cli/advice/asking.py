"""What the findings of a study ask of the next one, and what it is called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playbook_cli.acts import Next
from playbook_cli.advice.revision import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from playbook_cli.advice.revision import Revision
    from playbook_cli.records import Finding


def asked_for(findings: Sequence[Finding], *, sampler: str = "halton") -> Next:
    """All that the findings ask of the next study, in one act; the longer of two lengths.

    Excludes rounds of longer training, which the user begins, and anything about another study. For a study with listed
    points only lengths are taken, and for a grid no number of trials.
    """
    acts = [f.act for f in findings if isinstance(f.act, Next) and f.act.round is None and f.act.of is None]
    listed, grid = sampler == "listed", sampler == "grid"

    def most(numbers: Iterable[int | None]) -> int | None:
        return max((number for number in numbers if number is not None), default=None)

    return Next(
        widen=() if listed else tuple(label for act in acts for label in act.widen),
        narrow=not listed and any(act.narrow for act in acts),
        regularize=not listed and any(act.regularize for act in acts),
        max_train_steps=most(act.max_train_steps for act in acts),
        eval_every=most(act.eval_every for act in acts),
        trials=None if listed or grid else most(act.trials for act in acts),
    )


def explore(revision: Revision) -> None:
    """Make the study after a Bayesian search sample its points evenly again."""
    revision.data["sampler"] = "halton"
    del revision.data["continue"]
    revision.changes.append(Change(key=("sampler",), reason="was bayesian; a changed space is explored first"))


def following(name: str) -> str:
    """The next name: digits-2 after digits, digits-3 after that."""
    numbered = re.fullmatch(r"(.+)-(\d+)", name)
    return f"{numbered[1]}-{int(numbered[2]) + 1}" if numbered else f"{name}-2"
