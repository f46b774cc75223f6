"""The answer to the study's question where every arm's best trial was repeated on fresh seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.acts import CompareArms
from playbook_cli.advice import among
from playbook_cli.advice.among import Against
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.arm import of_arms
from playbook_cli.analysis.comparison import Side, compare, estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.advice.rule import Rule
    from playbook_cli.records import Finding, StudyRecord, Value


def by_repeats(study: StudyRecord, rule: Rule) -> Finding | None:
    """The finding of the isolation `rule` from fresh results; None where an arm has too few of them.

    `study` has its repeats. Each arm stands for what its search selects, as in `playbook compare`: the arm with the
    best mean must differ from every other one by more than trainings and searches vary.
    """
    again = {outcomes.key(trial.arm) for trial in study.trials if trial.repeat_of is not None}
    if any(outcomes.key(arm) not in again for arm in study.arms):
        return None
    sides = [Side(study=own) for own in of_arms(study)]
    known = [(estimate(side), side, outcomes.arm_label(a)) for side, a in zip(sides, study.arms, strict=True)]
    ranked = sorted(((e.level, label, side, e) for e, side, label in known if e), key=lambda x: x[:2])
    if len(ranked) < len(sides):
        return None
    _, label, best, estimated = ranked[0]
    compared = [(other, c) for _, other, side, _ in ranked[1:] if (c := compare(side, best)) is not None]
    p_limit = rule.limit(study, "p_value")
    against = [
        Against(label=other, gain=c.gain, p_value=c.p_value(), worse=c.p_value() < p_limit and c.gain > 0.0)
        for other, c in compared
    ]
    worse = [one for one in against if one.worse]
    nearest, decisive = max(compared, key=lambda x: x[1].p_value())
    evidence: dict[str, Any] = {
        "gain": decisive.gain,
        "p_value": decisive.p_value(),
        "p_value_threshold": p_limit,
        "settings": len(sides),
        "told_apart": len(worse),
        "trials": min(e.trials for *_, e in ranked),
        "repeats": min(e.repeats for *_, e in ranked),
        "best": label,
        "mean": study.metric.loss(estimated.level),
        "against": among.evidence(against),
    }
    trial = estimated.selected.trial.id
    message = (
        f"{label} reaches {study.metric.name} {wording.number(study.metric.loss(estimated.level))} "
        f"(mean of {wording.plural(estimated.repeats, 'repeat')} of trial {trial})"
    )
    message += among.compared(against)
    ask = CompareArms(baseline=_arm(study, nearest), candidate=_arm(study, label))
    if len(worse) == len(against):
        return rule.finding("info", "better", evidence, message, subject=label, act=ask)
    if evidence["p_value"] < rule.limit(study, "hint"):
        message += "; more repeats would settle it"
        return rule.finding("info", "undecided", evidence, message, act=ask)
    return rule.finding("info", "no-difference", evidence, message, act=ask)


def _arm(study: StudyRecord, label: str) -> Mapping[str, Value]:
    return next(arm for arm in study.arms if outcomes.arm_label(arm) == label)
