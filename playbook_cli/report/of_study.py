"""The report of a study's folder: its record, read and analysed, as the one value that is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.advice import advise
from playbook_cli.horizon import known
from playbook_cli.report.build import build
from playbook_cli.storage import usage
from playbook_cli.storage.failures import failures
from playbook_cli.storage.lost_results import lost_results
from playbook_cli.storage.program_versions import caveats

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord
    from playbook_cli.report.value import Report
    from playbook_cli.storage.store import Store


def report_of(store: Store) -> tuple[StudyRecord, Report]:
    """The study as it stands, and the report on it. Takes seconds for a thousand trials."""
    record = known.record(store)
    report = build(
        record,
        advise(record),
        folder=store.paths.dir,
        failures=failures(record.trials, store.paths),
        usage=usage.of_trials(record.trials, store.paths),
        caveats=[*lost_results(record.trials, store.paths), *caveats(record)],
    )
    return record, report
