"""Reading a study in the playbook's order: the space, the trials, the curves, the steps, and only then the question."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.advice.measured import measured
from playbook_cli.advice.rules import rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Finding, StudyRecord


def read(study: StudyRecord) -> list[Finding]:
    """The findings of every rule that these trials can be read by."""
    told = {"any"} if study.search.raced else {"any", "trained"} if study.listed else {"any", "trained", "sampled"}
    findings: list[Finding] = []
    for rule in rules().values():
        if rule.trials in told:
            findings += measured(study.search, rule(study, findings))
    return agreed(findings)


def agreed(findings: Sequence[Finding]) -> list[Finding]:
    """These findings, none of which asks for fewer steps where another asks for more: when in doubt, longer."""
    names = [f.rule for f in findings if longer(f)]
    if not names:
        return list(findings)
    why = f"{' and '.join(names)} {'call' if len(names) > 1 else 'calls'} for longer training"
    return [
        replace(
            f,
            severity="info",
            verdict="undecided",
            message=f"{f.message}, but {why}; when in doubt, train longer",
            act=None,
        )
        if shorter(f)
        else f
        for f in findings
    ]


def longer(finding: Finding) -> bool:
    """Whether it asks for more steps."""
    return finding.verdict in rules()[finding.rule].longer


def shorter(finding: Finding) -> bool:
    """Whether it asks for fewer steps."""
    return finding.verdict in rules()[finding.rule].shorter
