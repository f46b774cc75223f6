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
from playbook_cli.analysis.contrast import LEVEL
from playbook_cli.analysis.settling import settling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.advice.rule import Rule
    from playbook_cli.records import Finding, StudyRecord, Value


def by_repeats(study: StudyRecord, rule: Rule) -> Finding | None:
    """The finding of the isolation `rule` from fresh results; None where an arm has too few of them.

    `study` has its repeats. Each arm stands for what its search selects, as in `playbook compare`: the arm with the
    best mean must be shown to be better than every other one, by the same interval as there. There is no difference
    where every interval is shown to lie within a few trial standard deviations of 0.
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
    against = [Against(label=other, gain=c.gain, interval=c.interval, worse=c.exceeds()) for other, c in compared]
    worse = [one for one in against if one.worse]
    open_ = [c for (_, c), one in zip(compared, against, strict=True) if not one.worse]
    nearest, decisive = max(compared, key=lambda x: x[1].p_value())
    evidence: dict[str, Any] = {
        "gain": decisive.gain,
        "interval": list(decisive.interval),
        "p_value": decisive.p_value(),
        "p_value_threshold": 1.0 - LEVEL,
        "settings": len(sides),
        "told_apart": len(worse),
        "trials": min(e.trials for *_, e in ranked),
        "repeats": min(e.repeats for *_, e in ranked),
        "best": label,
        "mean": study.metric.loss(estimated.level),
        "against": among.evidence(against),
    }
    message = (
        f"{label} reaches {study.metric.name} {wording.number(study.metric.loss(estimated.level))} "
        f"(mean of {wording.plural(estimated.repeats, 'repeat')} of trial {estimated.selected.trial.id})"
    )
    message += among.compared(against)
    ask = CompareArms(baseline=_arm(study, nearest), candidate=_arm(study, label))
    if not open_:
        return rule.finding("info", "better", evidence, message, subject=label, act=ask)
    bound = rule.limit(study, "equal_deviations")
    evidence["bound"] = max(bound * c.trial_sd for c in open_)
    if all(c.within(bound * c.trial_sd) for c in open_):
        message += f"; any difference is below {bound:g} trial standard deviations"
        return rule.finding("info", "no-difference", evidence, message, act=ask)
    settle = settling(decisive, 0.0) if decisive.gain > 0.0 else None
    message += f"; {wording.plural(settle.runs, 'more run')} would settle it" if settle else ""
    return rule.finding("info", "undecided", evidence, message, act=ask)


def _arm(study: StudyRecord, label: str) -> Mapping[str, Value]:
    return next(arm for arm in study.arms if outcomes.arm_label(arm) == label)
