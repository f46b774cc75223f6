"""A row of the ledger for every study of a folder, with the playbook's columns; damaged ones say what is wrong."""

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
from playbook_cli.storage.lost_results import gone
from playbook_cli.storage.program_versions import changed
from playbook_cli.storage.store import Store, counts
from playbook_cli.sweep.known import known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.ledger.entries import Adoption, Ledger, Note
    from playbook_cli.records import Best, Metric, StudyRecord
    from playbook_cli.sweep.known import Known

Kind = Literal["study", "imported"] | ProbeKind


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a study was first run; what is not recorded is None."""

    time: float
    """Seconds since the epoch."""
    command: Sequence[str]
    source: str | None
    """The study file, or what was imported."""
    commit: str | None
    uncommitted_changes: bool | None
    other_commits: Sequence[str] = ()
    """Commits of later runs, where they differ."""


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
    """Its name inside the ledger's folder."""
    name: str
    goal: str = ""
    kind: Kind = "study"
    metric: Metric | None = None
    max_train_steps: int = 0
    trials: Mapping[str, int] = field(default_factory=dict)
    """Of the search, by state, and those planned."""
    repeated: int = 0
    """Trials that repeat one of them."""
    best: Best | None = None
    """Of the search, by its trials' own results."""
    repeats: Repeats | None = None
    """Of the trial that is best by its repeats."""
    sweep: Known | None = None
    """What a learning-rate sweep found."""
    answer: str | None = None
    """The report's sentence; None where there is no report, or trials have ended since."""
    code: Sequence[str] = ()
    """That its trials were not all trained by one version of the program, a sentence each."""
    lost: Sequence[str] = ()
    """That evaluations of completed trials don't count any more, a sentence each."""
    run: Run | None = None
    report: str | None = None
    """Path of the HTML report inside the folder of all studies."""
    adopted: Adoption | None = None
    """The adoption that stands."""
    history: Sequence[Adoption] = ()
    """All adoptions of this study, oldest first."""
    notes: Sequence[Note] = ()
    problem: str | None = None
    """Why the folder cannot be read."""

    @property
    def probe(self) -> bool:
        """Whether it is a sweep or another probe, whose best value is no result of a pipeline."""
        return self.kind not in ("study", "imported")

    @property
    def spec(self) -> str:
        """Path of the study as it was run, inside the folder of all studies."""
        return f"{self.folder}/study.yaml"


@dataclass(frozen=True, kw_only=True)
class Log:
    """All that is drawn of a folder of studies."""

    runs: Path
    rows: Sequence[Row]
    """Oldest first; those that never ran last."""
    adopted: Sequence[Adoption]
    """Oldest first, also of studies whose folder is gone."""


def log(runs: Path) -> Log:
    """The ledger of this folder. StudyError where there is no folder; JournalError where its own file is damaged."""
    if not runs.is_dir():
        raise StudyError("there is no such folder", where=str(runs), hint="name it: playbook log --runs DIR")
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
        lost=gone(record.trials, store.paths),
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
    """The first run of a study, by its journal, or its import; None where it has not been run."""
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
    """The first sentence of a report that is not older than the study's journal."""
    file = paths.report / "report.json"
    try:
        if file.stat().st_mtime < paths.journal.stat().st_mtime:
            return None
        answer = json.loads(regular.content(file)).get("answer")
    except (OSError, ValueError, AttributeError, RecursionError):  # a report can always be made again
        return None
    return answer if isinstance(answer, str) else None
