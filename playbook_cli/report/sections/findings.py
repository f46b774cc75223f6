"""What stands out: what is wrong with the record, why trials failed, and what the rules found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.acts import argument
from playbook_cli.advice.rules import rules
from playbook_cli.report import words
from playbook_cli.report.section import Folded, Note, Section, Sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from playbook_cli.records import Finding
    from playbook_cli.report.frame import Frame
    from playbook_cli.report.section import Part
    from playbook_cli.report.value import Report
    from playbook_cli.storage.failures import Failure

_NAME = 24
"""Characters of a hyperparameter in a list of them."""
_SUBJECTS = 6
"""Hyperparameters that are listed after one rule; of more, the number is told."""


def section(frame: Frame) -> Section:
    """Findings in reading order; what needs no reading is folded."""
    report = frame.report
    return Section(name="findings", title="What stands out", heading="Findings", parts=list(_parts(report)))


def _parts(report: Report) -> Iterator[Part]:
    yield from (Sentence(text=caveat, mark="warning") for caveat in report.caveats)
    yield from (_failure(report, failure) for failure in report.failures)
    yield from (_finding(report, finding) for finding in report.spoken)
    if not report.folder.is_absolute() and any(map(report.command, report.spoken)):
        where = argument(report.folder)
        yield Note(f"Run the commands in the directory where this study is {where}.", only="page")
    if report.silent and not (report.caveats or report.failures or report.spoken):
        yield Note("No rule complains.", only="page")
    if report.undecided:
        yield Folded(
            mark="undecided",
            title=f"{words.count(len(report.undecided), 'check')} with too little to judge yet",
            brief=[f"{', '.join(_by_rule(alike))}: {said}" for said, alike in _by_message(report.undecided).items()],
            items=[_named(finding) for finding in report.undecided],
        )
    if report.silent:
        yield Folded(
            mark="ok",
            title=f"{words.count(len(report.silent), 'check')} without complaint",
            brief=["; ".join(_by_rule(report.silent))],
            items=[_named(finding) for finding in report.silent],
        )


def _finding(report: Report, finding: Finding) -> Sentence:
    return Sentence(
        text=finding.message,
        mark=finding.severity,
        subject=finding.subject or finding.rule,
        shown=_shown(report, finding),
        command=report.command(finding) or "",
        evidence={"rule": finding.rule}
        | {name.replace("_", " "): _evidence(value) for name, value in finding.evidence.items()},
    )


def _shown(report: Report, finding: Finding) -> str:
    """The id of what shows the evidence: the axis plot of a finding on one range, else the rule's section."""
    section = rules()[finding.rule].section
    axes = [f"chart-axis-{i}" for i, a in enumerate(report.axes) if a.label == finding.subject and a.points]
    return axes[0] if section == "space" and axes else section


def _failure(report: Report, failure: Failure) -> Sentence:
    log = None
    if failure.log:
        log = (failure.log, next(t.log for t in (*report.trials, *report.again) if t.id == failure.trials[0]))
    return Sentence(text=failure.message, mark="warning", shown="trials", quote=failure.said or "", log=log)


def _named(finding: Finding) -> str:
    return f"{finding.rule}{f', {finding.subject}' if finding.subject else ''}: {finding.message}"


def _evidence(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return words.shortened(str(value), 120)
    return words.number(value)


def _by_message(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    alike: dict[str, list[Finding]] = {}
    for finding in findings:
        alike.setdefault(finding.message, []).append(finding)
    return alike


def _by_rule(findings: Sequence[Finding]) -> list[str]:
    """One entry a rule, with what it looked at: `boundary (dropout, width)`, or how many where they are too many."""
    subjects: dict[str, list[str]] = {}
    for finding in findings:
        subject = words.shortened(words.printable(finding.subject or ""), _NAME)
        subjects.setdefault(finding.rule, []).extend([subject] if subject else [])
    named = {
        rule: names if len(names) <= _SUBJECTS else [f"{len(names)} hyperparameters"]
        for rule, names in subjects.items()
    }
    return [f"{rule} ({', '.join(names)})" if names else rule for rule, names in named.items()]
