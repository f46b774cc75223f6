"""`playbook status`: how a study goes, from outside, at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.commands.options import RUNS, Json, Runs, StudyFolder, study_folder

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord
    from playbook_cli.store import Runner


def status(study: StudyFolder, json: Json = False, runs: Runs = RUNS) -> None:
    """Tell how a study goes. Reads only, so it never slows or locks the run.

    Example:  playbook status runs/digits-depth
    """
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.commands.summary import as_json
    from playbook_cli.store import Store

    store = Store(study_folder(study, runs))
    record, runner = store.record(), store.runner()
    if json:
        print_json(as_json(record.name, record.metric, record.trials, record.planned))
        return
    out = console()
    for line in lines(record, runner):
        out.print(line)


def lines(record: StudyRecord, runner: Runner | None) -> list[str]:
    """The status of a study for people."""
    from playbook_cli.commands.summary import sentences

    said = sentences(record.name, record.metric, record.trials, record.planned)
    return [*said, *_running(record), *_who(record, runner)]


def _running(record: StudyRecord) -> list[str]:
    lines = []
    for trial in record.trials:
        if trial.state == "running":
            value = f", {record.metric.name} {trial.best.value:.6g} at best" if trial.best else ""
            lines.append(f"  trial {trial.id}: step {trial.last_step} of {record.max_train_steps}{value}")
    return lines


def _who(record: StudyRecord, runner: Runner | None) -> list[str]:
    if runner is not None:
        return [f"run by {runner}"]
    missing = record.planned - sum(trial.state in ("completed", "infeasible") for trial in record.trials)
    return [f"nobody runs it; {missing} trials are missing"] if missing else []
