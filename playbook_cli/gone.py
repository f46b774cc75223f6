"""Completed trials whose evaluations somebody deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.failures import numbered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playbook_cli.paths import StudyPaths
    from playbook_cli.records import TrialRecord


def gone(trials: Iterable[TrialRecord], paths: StudyPaths) -> list[str]:
    """That a trial completed and has no result any more, and where that was; one sentence, or none."""
    lost = [trial.id for trial in trials if trial.state == "completed" and trial.best is None]
    if not lost:
        return []
    first = paths.trial(lost[0]).metrics
    if len(lost) == 1:
        return [f"the evaluations of trial {lost[0]} are gone: {first}"]
    return [f"the evaluations of {len(lost)} trials ({numbered(lost)}) are gone: {first}, ..."]
