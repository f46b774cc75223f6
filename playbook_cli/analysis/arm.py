"""One arm of a study as a study of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.analysis import outcomes

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord


def of_arm(study: StudyRecord, number: int) -> StudyRecord:
    """Arm `number`, without the question: its trials, and what varies in them."""
    settings = study.arms[number]
    trials = [replace(trial, arm={}) for trial in outcomes.of_arm(study.trials, settings)]
    varied = [p for p in study.parameters if p.name not in settings and any(outcomes.has(p, t) for t in trials)]
    repeats = sum(trial.repeat_of is not None for trial in trials)
    share = study.search.planned // len(study.arms)
    planned = max(share, len(trials) - repeats) + repeats
    return replace(study, arms=[{}], parameters=varied, planned=planned, trials=trials)
