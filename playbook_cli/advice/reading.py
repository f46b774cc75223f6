"""Reading a study in the playbook's order: the space, the trials, the curves, the steps, and only then the question."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.acts import Next
from playbook_cli.advice.measured import measured
from playbook_cli.advice.rules import rules
from playbook_cli.analysis import outcomes

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
    alone = study.search.horizon is None and len(outcomes.completed(study.search.trials)) == 1
    return agreed([_of_one_trial(f) for f in findings] if alone else findings)


def agreed(findings: Sequence[Finding]) -> list[Finding]:
    """These findings without what they contradict each other in.

    None asks for fewer steps where another asks for more: when in doubt, longer. All that ask for a number, of steps or
    of trials, ask for the same one: the largest. A space is not narrowed while one of its ranges is to be widened.
    """
    return _one_number(_one_space(_one_direction(findings)))


def _of_one_trial(finding: Finding) -> Finding:
    """One trial says nothing about how long to train."""
    rule = rules()[finding.rule]
    if not (rule.longer or rule.shorter or finding.verdict == "undecided"):
        return finding
    message = "one trial is too few to judge how long to train" if rule.longer or rule.shorter else finding.message
    return replace(finding, severity="info", verdict="undecided", message=message, act=None)


def _one_direction(findings: Sequence[Finding]) -> list[Finding]:
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


def _one_space(findings: Sequence[Finding]) -> list[Finding]:
    wide = [label for f in findings if isinstance(f.act, Next) for label in f.act.widen]
    if not wide:
        return list(findings)
    return [
        replace(f, act=None, message=f"{f.message}; widen {wide[0]} first")
        if isinstance(f.act, Next) and f.act.narrow
        else f
        for f in findings
    ]


def _one_number(findings: Sequence[Finding]) -> list[Finding]:
    acts = [f.act for f in findings if isinstance(f.act, Next) and f.act.round is None and f.act.of is None]
    steps = max((act.max_train_steps for act in acts if act.max_train_steps is not None), default=None)
    trials = max((act.trials for act in acts if act.trials is not None), default=None)
    return [_with(f, f.act, steps, trials) if isinstance(f.act, Next) and f.act in acts else f for f in findings]


def _with(finding: Finding, act: Next, steps: int | None, trials: int | None) -> Finding:
    """The finding, asking for these numbers where it asks for any, in its words as in its act."""
    message = finding.message
    for was, now, what in ((act.max_train_steps, steps, "steps"), (act.trials, trials, "trials")):
        if was is not None and now is not None:
            message = message.replace(f"{was:,} {what}", f"{now:,} {what}")
    asked = replace(
        act,
        max_train_steps=None if act.max_train_steps is None else steps,
        trials=None if act.trials is None else trials,
    )
    return replace(finding, message=message, act=asked)


def longer(finding: Finding) -> bool:
    """Whether it asks for more steps."""
    return finding.verdict in rules()[finding.rule].longer


def shorter(finding: Finding) -> bool:
    """Whether it asks for fewer steps."""
    return finding.verdict in rules()[finding.rule].shorter
