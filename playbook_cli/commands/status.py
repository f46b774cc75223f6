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
            again = "" if trial.repeat_of is None else f", a repeat of trial {trial.repeat_of}"
            lines.append(f"  trial {trial.id}{again}: step {trial.last_step} of {record.max_train_steps}{value}")
    return lines


def _who(record: StudyRecord, runner: Runner | None) -> list[str]:
    from playbook_cli.commands.summary import tallied

    if runner is not None:
        return [f"run by {runner}"]
    tallies = zip(("trial", "repeat"), tallied(record.trials, record.planned), strict=True)
    missing = {what: tally["planned"] - tally["completed"] - tally["infeasible"] for what, tally in tallies}
    said = " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in missing.items() if count)
    return [f"nobody runs it; {said} {'is' if sum(missing.values()) == 1 else 'are'} missing"] if said else []
