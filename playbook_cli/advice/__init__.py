"""What a study means: the playbook's rules applied to its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord


def advise(study: StudyRecord) -> list[Finding]:
    """Every finding of every rule that applies, in reading order; also what found nothing, with severity `ok`."""
    from playbook_cli.advice.reading import read  # numpy is loaded for this, and not for explaining a rule

    return read(study)
