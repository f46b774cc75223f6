"""Which findings make a comparison unfair, or leave open whether it is fair; in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.advice.rules import rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playbook_cli.records import Finding, StudyRecord


def unfair(study: StudyRecord, findings: Sequence[Finding]) -> Iterator[tuple[Finding, str]]:
    """Each finding that speaks against a fair comparison, and its text: `boundary (learning_rate): upper-edge`.

    The edges of what the study asks about are no flaw of its tuning.
    """
    every = rules()
    scientific = {p.label for p in study.parameters if p.role == "scientific"}
    for finding in findings:
        if finding.severity != "warning" or finding.verdict not in every[finding.rule].unfair:
            continue
        if finding.rule == "boundary" and finding.subject in scientific:
            continue
        about = f" ({finding.subject})" if finding.subject else ""
        yield finding, f"{finding.rule}{about}: {finding.verdict}"


def unjudged(study: StudyRecord, findings: Sequence[Finding]) -> list[str]:
    """Ranges that some arms have and others do not, of which nobody can say whether they end too early.

    Arms that search spaces of their own stand for what their spaces were made to hold: the comparison hinges on them
    (Choi et al. 2019, arXiv 1910.05446).
    """
    asked = {name for arm in study.arms for name in arm}
    own = {p.label for p in study.parameters if p.role == "nuisance" and asked & p.when.keys()}
    return [
        f"{f.subject}: {f.message}"
        for f in findings
        if f.rule == "boundary" and f.verdict == "undecided" and f.subject in own
    ]
