"""What `compare` says of a study and the baseline that it would replace, as the ledger keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.advice.weighing import Contender, weigh
from playbook_cli.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.records import StudyRecord, TrialRecord


def contender(study: StudyRecord, label: str, sampler: str) -> Contender:
    """One side."""
    return Contender(label=label, study=study, even=sampler != "random")


def compared(baseline: Contender, candidate: Contender) -> Mapping[str, Any]:
    """Verdict, numbers and reasons. StudyError where the two have different metrics."""
    ours, theirs = candidate.study.metric, baseline.study.metric
    if ours != theirs:
        raise StudyError(
            f"it is to {ours.goal} {ours.name}, and {baseline.label} to {theirs.goal} {theirs.name}",
            where=candidate.label,
            hint="only studies of one metric can be compared: leave --over out",
        )
    return weigh(baseline, candidate).as_json()


def against(said: Mapping[str, Any], compared_trial: TrialRecord | None, adopted: TrialRecord) -> list[str]:
    """What of a comparison speaks against adopting this trial, a sentence each."""
    sentences = []
    if said["verdict"] != "adopt":
        sentences.append(f"compare says {said['verdict']}: {said['message']}")
    sentences += [f"compare is blocked: {reason}" for reason in said["blocked_by"]]
    if compared_trial is not None and compared_trial.id != adopted.id:
        sentences.append(f"compare looked at trial {compared_trial.id}, the best one, and not at trial {adopted.id}")
    return sentences
