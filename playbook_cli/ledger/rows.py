"""One row of the ledger per study in a folder, with the playbook's columns; damaged studies show the problem."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from playbook_cli.analysis.repeats import repeated
from playbook_cli.errors import PlaybookError, StudyError
from playbook_cli.files import journal, regular
from playbook_cli.ledger import entries
from playbook_cli.ledger.evidence import best_trial
from playbook_cli.spec.probe import ProbeKind
from playbook_cli.storage.lost_results import lost_results
from playbook_cli.storage.program_versions import changed
from playbook_cli.storage.store import Store, counts
from playbook_cli.sweep.known import known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.ledger.entries import Adoption, Ledger, Note
    from playbook_cli.records import Best, Metric, StudyRecord
    from playbook_cli.sweep.known import KnownSweep

Kind = Literal["study", "imported"] | ProbeKind


@dataclass(frozen=True, kw_only=True)
class Run:
    """The first run of a study; fields that were not recorded are None."""

    time: float
    """Seconds since the epoch."""
    command: Sequence[str]
    source: str | None
    """The study file, or the imported source."""
    commit: str | None
    uncommitted_changes: bool | None
    other_commits: Sequence[str] = ()
    """Commits of later runs, if they differ."""


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """The repeats of one trial, in the metric's units."""

    trial: int
    n: int
    mean: float
    sd: float | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One study."""

    folder: str
    """Name of its folder."""
    name: str
    goal: str = ""
    kind: Kind = "study"
    metric: Metric | None = None
    max_train_steps: int = 0
    trials: Mapping[str, int] = field(default_factory=dict)
    """Number of trials of the search by state, and of planned ones."""
    repeated: int = 0
    """Number of repeats."""
    best: Best | None = None
    """The best trial of the search by its own result."""
    repeats: Repeats | None = None
    """Repeats of the trial that is best by its repeats."""
    sweep: KnownSweep | None = None
    """Result of a learning-rate sweep."""
    answer: str | None = None
    """The report's headline; None if there is no report, or trials have ended since."""
    code: Sequence[str] = ()
    """Differences between the versions of the program that its trials ran, as sentences."""
    lost: Sequence[str] = ()
    """Lost evaluations of completed trials, as sentences."""
    run: Run | None = None
    report: str | None = None
    """Path of the HTML report, relative to the folder of all studies."""
    adopted: Adoption | None = None
    """The current adoption of this study; None if it is not a baseline."""
    history: Sequence[Adoption] = ()
    """All adoptions of this study, oldest first."""
    notes: Sequence[Note] = ()
    problem: str | None = None
    """Why the folder can't be read."""

    @property
    def probe(self) -> bool:
        """Whether it is a sweep or another probe, whose best value is not a result of a pipeline."""
        return self.kind not in ("study", "imported")

    @property
    def spec(self) -> str:
        """Path of the study file as it was run, relative to the folder of all studies."""
        return f"{self.folder}/study.yaml"


@dataclass(frozen=True, kw_only=True)
class Log:
    """The ledger of a folder of studies, for display."""

    runs: Path
    rows: Sequence[Row]
    """Oldest first; studies that never ran come last."""
    adopted: Sequence[Adoption]
    """All adoptions, oldest first, including those of deleted studies."""


def log(runs: Path) -> Log:
    """The ledger of this folder. StudyError if there is no folder; JournalError if the ledger's file is damaged."""
    if not runs.is_dir():
        raise StudyError(
            "there is no such folder",
            where=str(runs),
            hint="run a study first, or name its folder: playbook log --runs DIR",
        )
    ledger = entries.read(runs)
    folders = [path.parent for path in runs.glob("*/study.yaml") if not path.parent.name.startswith(".")]
    rows = [_row(folder, ledger) for folder in folders]
    rows.sort(key=lambda row: (row.run.time if row.run else math.inf, row.folder))
    return Log(runs=runs, rows=rows, adopted=ledger.adopted)


def _row(folder: Path, ledger: Ledger) -> Row:
    said: dict[str, Any] = {
        "folder": folder.name,
        "adopted": ledger.latest(folder.name),
        "history": [entry for entry in ledger.adopted if entry.study == folder.name],
        "notes": [note for note in ledger.notes if note.study == folder.name],
    }
    try:
        store = Store(folder)
        record, run = store.record(), first_run(store.paths)
        sweep = known(store)
    except (PlaybookError, OSError) as error:
        return Row(name=folder.name, problem=str(error), **said)
    search = record.search
    best = min(
        (trial.best for trial in search.trials if trial.state == "completed" and trial.best is not None),
        key=lambda best: record.metric.loss(best.value),
        default=None,
    )
    probe = store.spec.probe
    page = store.paths.report / ((probe and probe.page) or "index.html")
    return Row(
        name=record.name,
        goal=record.goal,
        kind="imported" if store.spec.imported else probe.kind if probe else "study",
        metric=record.metric,
        max_train_steps=record.max_train_steps,
        trials=counts(search.trials, search.planned),
        repeated=len(record.trials) - len(search.trials),
        best=best,
        repeats=_repeats(record),
        sweep=sweep,
        answer=_answer(store.paths),
        code=changed(record),
        lost=lost_results(record.trials, store.paths),
        run=run,
        report=page.relative_to(folder.parent).as_posix() if page.is_file() else None,
        **said,
    )


def _repeats(record: StudyRecord) -> Repeats | None:
    best = best_trial(record)
    for one in repeated(record):
        if best is not None and one.trial == best.id and one.mean is not None:
            return Repeats(trial=one.trial, n=len(one.values), mean=one.mean, sd=one.sd)
    return None


def first_run(paths: StudyPaths) -> Run | None:
    """The first run of a study, or its import, from the journal; None if it has not been run."""
    runs = [event for event in journal.read(paths.journal) if event.get("event") in ("run", "imported")]
    if not runs:
        return None
    first = runs[0]
    origin = first.get("from")
    source = first.get("source") or (origin.get("source") if isinstance(origin, dict) else None)
    commits = dict.fromkeys(event.get("commit") for event in runs[1:])
    time, command = first.get("time"), first.get("command")
    return Run(
        time=float(time) if isinstance(time, int | float) else math.inf,
        command=[str(word) for word in command] if isinstance(command, list) else [],
        source=None if source is None else str(source),
        commit=first.get("commit"),
        uncommitted_changes=first.get("uncommitted_changes"),
        other_commits=[str(commit) for commit in commits if commit is not None and commit != first.get("commit")],
    )


def _answer(paths: StudyPaths) -> str | None:
    """The headline of the report, if it is not older than the study's journal."""
    file = paths.report / "report.json"
    try:
        if file.stat().st_mtime < paths.journal.stat().st_mtime:
            return None
        answer = json.loads(regular.content(file)).get("answer")
    except (OSError, ValueError, AttributeError, RecursionError):  # a report can always be recreated
        return None
    return answer if isinstance(answer, str) else None
