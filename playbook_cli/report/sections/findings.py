"""Findings: what is wrong with the record, why trials failed, and what the rules found."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from playbook_cli.acts import argument
from playbook_cli.advice.rules import rules, titled
from playbook_cli.report import words
from playbook_cli.report.section import Folded, Note, Section, Sentence
from playbook_cli.wording import uncapitalized

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playbook_cli.records import Finding
    from playbook_cli.report.frame import Frame
    from playbook_cli.report.section import Part
    from playbook_cli.report.value import Report
    from playbook_cli.storage.failures import Failure

_NAME = 24
"""Characters of a hyperparameter in a list of them."""
_SUBJECT = 60
"""Characters of one in a title."""
_SUBJECTS = 6
"""Hyperparameters that are listed after one rule; of more, the number is told."""


def section(frame: Frame) -> Section:
    """Findings in reading order; what needs no reading is folded."""
    report = frame.report
    return Section(name="findings", title="Findings", heading="Findings", parts=list(_parts(report)))


def _parts(report: Report) -> Iterator[Part]:
    yield from (Sentence(text=caveat, mark="warning") for caveat in report.caveats)
    yield from (_failure(report, failure) for failure in report.failures)
    spoken = [finding for finding in report.spoken if finding is not report.answer.rests_on]
    asked: set[str] = {report.answer.command or ""}
    for alike in _alike(report, spoken):
        command = report.command(alike[0]) or ""
        yield _finding(report, alike, "" if command in asked else command)
        asked.add(command)
    if report.silent and not (report.caveats or report.failures or spoken):
        yield Note("No problems found.", only="page")
    if not report.folder.is_absolute() and any(map(report.command, report.spoken)):
        where = argument(report.folder)
        yield Note(f"Run the commands in the directory where this study is {where}.", only="page")
    undecided = [finding for finding in report.undecided if finding is not report.answer.rests_on]
    if undecided:
        need = "needs" if len(undecided) == 1 else "need"
        yield Folded(
            mark="undecided",
            title=f"{words.count(len(undecided), 'check')} {need} more data",
            brief=[f"{', '.join(_by_rule(alike))}: {said}" for said, alike in _by_reason(undecided).items()],
            items=[_named(finding) for finding in undecided],
        )
    if report.silent:
        yield Folded(
            mark="ok",
            title=f"{words.count(len(report.silent), 'check')} passed",
            brief=["; ".join(_by_rule(report.silent))],
            items=[_named(finding) for finding in report.silent],
        )


def _alike(report: Report, findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings of one rule that say the same of several subjects and ask for the same, together."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.rule, finding.verdict, report.command(finding) or finding.message), []).append(
            finding
        )
    return list(groups.values())


def _finding(report: Report, alike: Sequence[Finding], command: str) -> Sentence:
    first = alike[0]
    title = titled(first)
    subjects = [finding.subject for finding in alike if finding.subject]
    title = f"{_subjects(subjects)}: {uncapitalized(title)}" if subjects else title
    more = [f"{finding.subject}: {finding.message}" for finding in alike[1:] if finding.message != first.message]
    return Sentence(
        title=title,
        text=words.sentence(first.message),
        mark=first.severity,
        shown=_shown(report, first),
        command=command,
        further=more,
        evidence={"rule": first.rule}
        | {n.replace("_", " "): _evidence(v) for n, v in first.evidence.items() if not isinstance(v, dict)},
    )


def _subjects(names: Sequence[str]) -> str:
    short = words.distinct([words.printable(name) for name in names], _SUBJECT)
    return ", ".join(short) if len(short) <= _SUBJECTS else f"{len(short)} hyperparameters"


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


def _by_reason(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """What is undecided for one and the same reason, together; its own message where no other shares its reason."""
    shared = Counter(finding.because for finding in findings)
    alike: dict[str, list[Finding]] = {}
    for finding in findings:
        said = finding.because if finding.because and shared[finding.because] > 1 else finding.message
        alike.setdefault(said, []).append(finding)
    return alike


def _by_rule(findings: Sequence[Finding]) -> list[str]:
    """One entry a rule, with what it looked at: `boundary (dropout, width)`, or how many where they are too many."""
    subjects: dict[str, list[str]] = {}
    for finding in findings:
        subjects.setdefault(finding.rule, []).extend([finding.subject] if finding.subject else [])
    named = {
        rule: words.distinct([words.printable(name) for name in names], _NAME)
        if len(names) <= _SUBJECTS
        else [f"{len(names)} hyperparameters"]
        for rule, names in subjects.items()
    }
    return [f"{rule} ({', '.join(names)})" if names else rule for rule, names in named.items()]
