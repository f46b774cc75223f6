"""One arm of a study as a study of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.analysis import outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import StudyRecord, TrialRecord, Value


def of_arm(study: StudyRecord, number: int) -> StudyRecord:
    """Arm `number`, without the question: its trials, and what varies in them."""
    settings = study.arms[number]
    return _alone(study, settings, outcomes.of_arm(study.trials, settings))


def of_arms(study: StudyRecord) -> list[StudyRecord]:
    """The same of every arm."""
    groups = outcomes.by_arm(study.trials, study.arms)
    return [_alone(study, settings, own) for settings, own in zip(study.arms, groups, strict=True)]


def _alone(study: StudyRecord, settings: Mapping[str, Value], own: Sequence[TrialRecord]) -> StudyRecord:
    trials = [replace(trial, arm={}) for trial in own]
    varied = [p for p in study.parameters if p.name not in settings and any(outcomes.has(p, t) for t in trials)]
    repeats = sum(trial.repeat_of is not None for trial in trials)
    share = study.search.planned // len(study.arms)
    planned = max(share, len(trials) - repeats) + repeats
    return replace(study, arms=[{}], parameters=varied, planned=planned, trials=trials)
