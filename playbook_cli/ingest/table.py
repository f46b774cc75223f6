"""Runs as rows of one CSV table, as Weights & Biases exports them, with its chart exports beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.ingest import read_file
from playbook_cli.ingest.rows import evaluations
from playbook_cli.ingest.runs import Ask, Run, Runs
from playbook_cli.ingest.tables import number, whole_number
from playbook_cli.ingest.values import parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.ingest.tables import Row
    from playbook_cli.records import State

NAMES = ("Name", "name", "ID", "id", "trial", "run")
ABOUT = frozenset(
    {
        "Name",
        "State",
        "Notes",
        "User",
        "Tags",
        "Created",
        "Runtime",
        "Sweep",
        "ID",
        "Hostname",
        "Group",
        "Updated",
        "Duration",
        "GitHub",
        "Description",
        "Job Type",
        "Start Time",
        "End Time",
        "Last Updated",
        "Logged Runtime",
        "Host",
        "OS",
        "Python version",
        "Path",
    }
)
"""Columns about a run that are neither hyperparameters nor metrics."""
_METRIC = re.compile(
    r"loss|acc\b|accuracy|err\b|error|f1\b|auc|score|bleu|wer\b|perplexity|ppl|mae\b|[rm]?mse\b|ssim|precision|recall"
    r"|^(train|training|val|valid|validation|eval|test|best)[/_. ]",
    re.IGNORECASE,
)
_STATES: Mapping[str, State] = {"crashed": "failed", "failed": "failed", "running": "pending", "pending": "pending"}
_STEPS = ("_step", "step", "Step")
_CHART = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<envelope>__MIN|__MAX)?")


def read(ask: Ask) -> Runs:
    """A trial for every row; in a folder, the tables that hold curves (`Step`, `run - metric`, ...) belong to them.

    A row's metrics are one evaluation, at its last step, or at step 1. Which columns are hyperparameters is told by
    their names where the user doesn't; the notes say how. PlaybookError where there is no table of runs.
    """
    folder = Path(ask.source)
    paths = sorted(folder.glob("*.csv")) if folder.is_dir() else [folder]
    tables = {path: read_file.log(path).rows for path in paths if path.is_file()}
    charts = {path: rows for path, rows in tables.items() if rows and _curves(rows[0])}
    listed = [(path, rows) for path, rows in tables.items() if rows and path not in charts]
    if len(listed) != 1:
        found = ", ".join(path.name for path, _ in listed)
        raise PlaybookError(
            f"there are several tables of runs: {found}" if listed else "there is no table with a row a run",
            where=ask.source,
            hint="name the file of the table with a row a run",
        )
    rows = listed[0][1]
    names = [_name(row, index) for index, row in enumerate(rows)]
    chosen = _columns(rows, ask, {metric for table in charts.values() for _, metric in _curves(table[0]).values()})
    curves, left = _by_run(charts.values(), names)
    runs = [_run(name, row, ask, chosen, curves.get(name, [])) for name, row in zip(names, rows, strict=True)]
    ignored = [name for name in rows[0] if name not in {*chosen, *ABOUT, *NAMES} and not name.startswith("_")]
    notes = [f"taken for hyperparameters: {', '.join(chosen) or 'none'} (--hyperparameter NAME decides otherwise)"]
    notes += [f"taken for metrics or left out: {', '.join(ignored)}"] if ignored else []
    if left:
        notes.append(f"curves that belong to no one run by name, and are left out: {len(left)} ({', '.join(left[:3])})")
    return Runs(source=ask.source, format="table", runs=runs, notes=notes)


def _curves(row: Row) -> dict[str, tuple[str, str]]:
    """The columns of a chart export, each with its run and metric; {} where the table is none."""
    first, *others = row
    matches = {name: _CHART.fullmatch(name) for name in others}
    if not others or not all(matches.values()) or " - " in first:
        return {}
    return {name: (match["run"], match["metric"]) for name, match in matches.items() if match and not match["envelope"]}


def _by_run(charts: Iterable[list[Row]], names: Sequence[str]) -> tuple[dict[str, list[dict[str, float]]], list[str]]:
    """The evaluations of every run by its name, and the columns that belong to no run, or to several."""
    curves: dict[str, list[dict[str, float]]] = {}
    left = []
    for rows in charts:
        first = next(iter(rows[0]))
        for column, (run, metric) in _curves(rows[0]).items():
            if names.count(run) != 1:
                left.append(column)
                continue
            own = [{first: row[first], metric: row[column]} for row in rows]
            curves.setdefault(run, []).extend(evaluations(own, first, column))
    return curves, left


def _columns(rows: Sequence[Row], ask: Ask, charted: set[str]) -> list[str]:
    """The columns that are hyperparameters."""
    names = list(rows[0])
    unknown = [name for name in ask.hyperparameters if name not in names]
    if unknown:
        raise PlaybookError(
            f"the table has no column {unknown[0]!r}", where=ask.source, hint=f"its columns: {', '.join(names)}"
        )
    if ask.hyperparameters:
        return list(ask.hyperparameters)
    other = {*ABOUT, *NAMES, *_STEPS, *charted, ask.metric, ask.step}
    return [n for n in names if n and n not in other and not n.startswith("_") and not _METRIC.search(n)]


def _name(row: Row, index: int) -> str:
    return next((str(row[name]) for name in NAMES if row.get(name)), f"row {index + 1}")


def _run(name: str, row: Row, ask: Ask, chosen: Sequence[str], curve: list[dict[str, float]]) -> Run:
    said = str(row.get("State", "")).strip().lower()
    step_field = ask.step or next((name for name in _STEPS if name in row), None)
    last = whole_number(row.get(step_field or ""))
    last = max([int(e["step"]) for e in curve], default=1) if last is None else last
    ours = {*chosen, *ABOUT, *NAMES, step_field, "step"}
    summary = {name: n for name, cell in row.items() if name not in ours and (n := number(cell)) is not None}
    charted = {name for evaluation in curve for name in evaluation}
    summary = {name: value for name, value in summary.items() if name not in charted}
    state = _STATES.get(said)
    return Run(
        name=name,
        params={name: parsed(row[name]) for name in chosen if row[name] != ""},
        evaluations=curve + ([{"step": last, **summary}] if summary else []),
        state=state,
        reason=f"it is {said} there" if state or said == "killed" else None,
        source={"row": dict(row)},
    )
