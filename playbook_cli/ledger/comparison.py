"""The comparison of a study with the baseline that it replaces, as stored in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.advice.weighing import weigh
from playbook_cli.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.advice.weighing import Contender
    from playbook_cli.records import TrialRecord


def compared(baseline: Contender, candidate: Contender) -> Mapping[str, Any]:
    """Verdict, numbers and reasons. StudyError if the two have different metrics."""
    ours, theirs = candidate.study.metric, baseline.study.metric
    if ours != theirs:
        raise StudyError(
            f"it {ours.goal}s {ours.name}, but {baseline.label} {theirs.goal}s {theirs.name}",
            where=candidate.label,
            hint="only studies with the same metric can be compared: drop --over",
        )
    return weigh(baseline, candidate).as_json()


def against(said: Mapping[str, Any], compared_trial: TrialRecord | None, adopted: TrialRecord) -> list[str]:
    """Objections of a comparison to adopting this trial, as sentences."""
    sentences = []
    if said["verdict"] != "adopt":
        sentences.append(f"compare says {said['verdict']}: {said['message']}")
    sentences += [f"compare is blocked: {reason}" for reason in said["blocked_by"]]
    if compared_trial is not None and compared_trial.id != adopted.id:
        sentences.append(f"compare used trial {compared_trial.id}, the best one, not trial {adopted.id}")
    return sentences
