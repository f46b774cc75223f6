"""Completed trials whose evaluations were deleted or replaced, or can't be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.files import containment
from playbook_cli.storage.failures import numbered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import TrialRecord


def lost_results(trials: Iterable[TrialRecord], paths: StudyPaths) -> list[str]:
    """Says which completed trials have lost their results, and where those were: one sentence per reason."""
    ended = [trial for trial in trials if trial.state == "completed" and trial.best is None]
    reasons = dict.fromkeys(trial.unused for trial in ended if trial.unused)
    lost = [trial.id for trial in ended if not trial.unused]
    unread = {number: why for number in lost if (why := containment.problem(paths.trial(number).metrics))}
    return [
        *_deleted([number for number in lost if number not in unread], paths),
        *_unread(unread),
        *(_unused([trial.id for trial in ended if trial.unused == why], why, paths) for why in reasons),
    ]


def _unread(why: Mapping[int, str]) -> list[str]:
    if not why:
        return []
    first = next(iter(why.values()))
    if len(why) == 1:
        return [f"the evaluations of trial {next(iter(why))} can't be read: {first}"]
    return [f"the evaluations of {len(why)} trials ({numbered(list(why))}) can't be read: {first}, ..."]


def _deleted(lost: Sequence[int], paths: StudyPaths) -> list[str]:
    if not lost:
        return []
    first = paths.trial(lost[0]).metrics
    if len(lost) == 1:
        return [f"the evaluations of trial {lost[0]} are missing: {first}"]
    return [f"the evaluations of {len(lost)} trials ({numbered(lost)}) are missing: {first}, ..."]


def _unused(lost: Sequence[int], why: str, paths: StudyPaths) -> str:
    first = paths.trial(lost[0]).dir
    which = f"trial {lost[0]} are" if len(lost) == 1 else f"{len(lost)} trials ({numbered(lost)}) are"
    return f"the evaluations of {which} not used: {why}: {first}{', ...' * (len(lost) > 1)}"
