"""What speaks against the verdict of a comparison, and which verdict it could overturn.

A finding blocks only the verdict that mending it could overturn. A baseline that was tuned badly (its range ends too
early, it overfits, most of it is infeasible) may catch up: that blocks `adopt`. The same of the candidate blocks
`keep`, and not `adopt`: mended, it would win by more. Between two arms of one study, which were tuned by one protocol,
a range of either side that ends too early blocks both, as it blocks the verdict of that study's report. A training
loss that rises hints at a bug, a selected point that diverges again has no mean to compare, and trainings of one side
by several versions of the program differ by more than luck: these block both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from playbook_cli import wording
from playbook_cli.advice.fairness import unfair
from playbook_cli.files.fingerprint import difference
from playbook_cli.storage.failures import numbered
from playbook_cli.storage.program_versions import changed, versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.analysis.selection import Selected
    from playbook_cli.files.fingerprint import Difference
    from playbook_cli.records import Finding, StudyRecord

Verdict = Literal["adopt", "keep", "not-yet"]

DIVERGED = 0.1
"""Playbook's own: the share of repeats that may diverge; of fewer than 10 none may."""
_BOTH: tuple[Verdict, ...] = ("adopt", "keep")


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Something that makes one verdict or both untrustworthy."""

    text: str
    overturns: tuple[Verdict, ...]


def of_findings(
    label: str, study: StudyRecord, findings: Sequence[Finding], *, baseline: bool, arm: bool = False
) -> list[Obstacle]:
    """What the report of one side says against the comparison; `label` names the side, `arm` that it is an arm."""
    own: tuple[Verdict, ...] = ("adopt",) if baseline else ("keep",)
    both = ("training-loss-rising", "boundary") if arm else ("training-loss-rising",)
    return [
        Obstacle(text=f"{label}: {text}", overturns=_BOTH if finding.rule in both else own)
        for finding, text in unfair(study, findings)
    ]


def of_code(label: str, study: StudyRecord, further: Sequence[StudyRecord] = ()) -> list[Obstacle]:
    """That the trainings of one side were not all done by one version of the program, whose change is in the gain."""
    said = changed(study)
    for other in further:
        said += [f"{other.name}: {sentence}" for sentence in changed(other)]
        if (what := changed_between(study, other)) is not None:
            said.append(f"{other.name} and {study.name} were trained with different code: {what}")
    return [Obstacle(text=f"{label}: {sentence}", overturns=_BOTH) for sentence in said]


def changed_between(one: StudyRecord, other: StudyRecord) -> Difference | None:
    """How the files of the program differ from one study to another; None where they don't, or nothing is known."""
    first, second = (versions(study.trials, study.programs).versions for study in (one, other))
    if not (first and second):
        return None
    what = difference(first[-1].program, second[0].program)
    return what if what.code else None


def of_lost(label: str, study: StudyRecord, *, baseline: bool) -> list[Obstacle]:
    """That results of completed trials don't count any more: of the search the best, of repeats any, good or bad."""
    gone = [trial for trial in study.trials if trial.state == "completed" and trial.best is None]
    if not gone:
        return []
    lost = [trial.id for trial in gone]
    own: tuple[Verdict, ...] = ("adopt",) if baseline else ("keep",)
    which = f"trial {lost[0]} has" if len(lost) == 1 else f"{len(lost)} trials ({numbered(lost)}) have"
    text = f"{label}: {which} completed, but the evaluations are lost; see playbook status"
    return [Obstacle(text=text, overturns=_BOTH if any(trial.repeat_of is not None for trial in gone) else own)]


def of_nothing(label: str, *, target: bool) -> Obstacle:
    """That no trial of a search has a result."""
    what = "never reached the target" if target else "has no result"
    return Obstacle(text=f"{label}: every trial of its search {what}", overturns=_BOTH)


def of_divergence(label: str, selected: Selected) -> list[Obstacle]:
    """That the selected point diverges on fresh seeds."""
    count = len(selected.scores)
    if not count or selected.diverged <= DIVERGED * count:
        return []
    text = f"{label}: {selected.diverged} of {wording.plural(count, 'repeat')} of what it selects diverged"
    return [Obstacle(text=text, overturns=_BOTH)]


def of_unreached(label: str, selected: Selected, *, baseline: bool) -> list[Obstacle]:
    """That repeats never reached the target: the mean of the others is too good, and of half of them it says nothing.

    Too good a mean of the baseline cannot make the candidate look better, nor the other way round.
    """
    count = len(selected.scores)
    if not count or not selected.diverged:
        return []
    text = f"{label}: {selected.diverged} of {wording.plural(count, 'repeat')} never reached the target"
    one_sided: tuple[Verdict, ...] = ("keep",) if baseline else ("adopt",)
    return [Obstacle(text=text, overturns=_BOTH if 2 * selected.diverged >= count else one_sided)]
