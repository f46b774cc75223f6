"""The evidence for adopting a study: which trial, how certain its result is, and objections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.acts import command
from playbook_cli.analysis.repeats import repeated
from playbook_cli.analysis.selection import select
from playbook_cli.errors import StudyError
from playbook_cli.ledger.entries import Estimate
from playbook_cli.storage.program_versions import changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Finding, StudyRecord, TrialRecord


def best_trial(study: StudyRecord) -> TrialRecord | None:
    """The trial that `compare` uses for a study: the best by its repeats if there are any, else by its result."""
    selected = select(study)
    return None if selected is None else selected.trial


def chosen(study: StudyRecord, number: int | None, where: str) -> TrialRecord:
    """The trial with this number, or the best one. StudyError if it has no result, or repeats another trial."""
    if number is None:
        best = best_trial(study)
        if best is None:
            raise StudyError("no trial of this study has completed", where=where, hint=str(command("report", where)))
        return best
    found = next((trial for trial in study.trials if trial.id == number), None)
    if found is None:
        ids = [trial.id for trial in study.search.trials]
        raise StudyError(
            f"there is no trial {number}",
            where=where,
            hint=f"its trials are {min(ids)} to {max(ids)}" if ids else str(command("status", where)),
        )
    if found.repeat_of is not None:
        raise StudyError(
            f"trial {number} repeats trial {found.repeat_of}", where=where, hint=f"use --trial {found.repeat_of}"
        )
    if found.state != "completed" or found.best is None:
        raise StudyError(f"trial {number} is {found.state} and has no result", where=where, hint="choose another trial")
    return found


def estimate(study: StudyRecord, trial: int) -> Estimate | None:
    """The result of this trial's repeats; None if none has completed."""
    for one in repeated(study):
        if one.trial == trial and one.mean is not None:
            return Estimate(n=len(one.values), mean=one.mean, sd=one.sd)
    return None


def against(study: StudyRecord, trial: TrialRecord, findings: Sequence[Finding]) -> list[str]:
    """Objections to adopting this trial from the study itself, as sentences, the most serious first."""
    said = [finding.objection for finding in findings if finding.severity == "warning"]
    said += changed(study)
    unfinished = sum(other.state in ("pending", "failed") for other in study.search.trials)
    missing = study.search.planned - len(study.search.trials) + unfinished
    if missing:
        said.append(f"{missing} of {study.search.planned} trials have no result")
    again = next((one for one in repeated(study) if one.trial == trial.id), None)
    if again is None:
        said.append(f"trial {trial.id} was not repeated, so its result is optimistic (selection bias)")
    elif again.infeasible:
        count = len(again.values) + again.infeasible
        said.append(f"trial {trial.id} diverged in {again.infeasible} of {count} repeats")
    elif len(again.values) == 1:
        said.append(f"trial {trial.id} was repeated only once, so its variance is not known")
    return said
