"""Runs as rows of one CSV table, as Weights & Biases exports them, with its chart exports beside the table."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import number, whole_number
from playbook_cli.importing import long_table, read_file, selecting
from playbook_cli.importing.rows import STEPS, evaluations
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.importing.values import parsed
from playbook_cli.spec import goals
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.formats.tables import Row
    from playbook_cli.records import State

NAMES = ("Name", "name", "ID", "id", "trial_id", "trial", "run_id", "run", "number")
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
_STATES: Mapping[str, State] = {
    "crashed": "failed",
    "failed": "failed",
    "fail": "failed",
    "error": "failed",
    "running": "pending",
    "waiting": "pending",
    "pending": "pending",
}
_ENDED = frozenset({"finished", "complete", "completed", "pruned", "killed", "stopped", "inprogress", "done"})
_FAILED = "sys/failed"
"""Where Neptune says so, beside what it says of the run itself."""
_STEPS = ("_step", "step", "Step", "training_iteration")
_PREFIXES = ("config/", "config.", "params_", "params.", "params/", "hparams/", "hparams.", "config_")
"""Prefixes of hyperparameters in other tools' tables: Ray Tune, Optuna, MLflow, TensorBoard, Syne Tune."""
_CHART = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<envelope>__MIN|__MAX)?")


def read(ask: Ask) -> Runs:
    """A trial for every row; in a folder, the tables with curves (`Step`, `run - metric`, ...) belong to these trials.

    A row's metrics are one evaluation, at its last step or at step 1; several rows of one run are its evaluations.
    Hyperparameter columns are recognised by name unless the user names them; the notes list them. PlaybookError if
    there is no table of runs, or if several rows may be of one run.
    """
    folder = Path(ask.source)
    paths = sorted(folder.glob("*.csv")) if folder.is_dir() else [folder]
    read = {path: read_file.log(path) for path in paths if path.is_file()}
    tables = {path: table.rows for path, table in read.items()}
    charts = {path: rows for path, rows in tables.items() if rows and _curves(rows[0])}
    listed = [(path, rows) for path, rows in tables.items() if rows and path not in charts and len(rows[0]) > 1]
    if len(listed) != 1:
        found = ", ".join(path.name for path, _ in listed)
        raise PlaybookError(
            f"there are several tables of runs: {found}" if listed else "there is no table with one row per run",
            where=ask.source,
            hint="give the file of the table that has one row per run",
        )
    path, found_rows = listed[0]
    twice = [name for name in read[path].differing if name not in ask.ignored]
    if twice:
        raise PlaybookError(
            f"several columns named {twice[0]} have different values",
            where=str(path),
            hint=f"rename them, or leave them out: --ignore {twice[0]!r}",
        )
    ask = replace(ask, ignored=[name for name in ask.ignored if name not in read[path].differing])
    every = dict.fromkeys(name for row in found_rows for name in row)  # the header may change within a file
    rows = [{name: row.get(name, "") for name in every} for row in found_rows]
    long = long_table.grouped(rows, ask)
    charted = {metric for table in charts.values() for _, metric in _curves(table[0]).values()}
    if long is None:
        names = [_name(row, index) for index, row in enumerate(rows)]
        groups: dict[int, list[Row]] = {index: [row] for index, row in enumerate(rows)}
        step = ask.step or next((name for name in _STEPS if name in rows[0]), None)
    else:
        key, step, keyed = long
        names = [f"{key} {value}" for value in keyed]
        groups = dict(enumerate(keyed.values()))
        charted |= {key}
    chosen = _columns(rows, groups, ask, {*charted, step})
    curves, left = _by_run(charts.values(), names)
    runs = []
    for called, group in zip(names, groups.values(), strict=True):
        curve = curves.get(called, []) if long is None else _evaluations(group, step, chosen, path)
        runs.append(_run(called, group, step, chosen, curve, summed=long is None, ignored=ask.ignored))
    if ask.metric is None and not any(run.evaluations for run in runs):
        raise PlaybookError(
            "no column looks like a metric", where=ask.source, hint=f"add --metric with one of: {', '.join(rows[0])}"
        )
    if not ask.hyperparameters:
        labels = selecting.labels([run.params for run in runs])
        chosen = {column: name for column, name in chosen.items() if name not in labels}
        runs = [replace(run, params={k: v for k, v in run.params.items() if k not in labels}) for run in runs]
    notes = _notes(rows[0], chosen, runs)
    if long is not None:
        notes.append(
            f"rows with the same {key} are evaluations of one run, by {step}: {len(rows)} rows, {len(runs)} runs"
        )
    if left:
        notes.append(f"skipped {plural(len(left), 'curve')} whose name does not match one run: {', '.join(left[:3])}")
    return Runs(source=ask.source, format="table", runs=runs, notes=notes)


def _notes(row: Row, chosen: Mapping[str, str], runs: Sequence[Run]) -> list[str]:
    """Notes on which columns are taken for hyperparameters and metrics."""
    fixed = [name for name in chosen.values() if len({run.params.get(name) for run in runs}) == 1 and len(runs) > 1]
    varied = ", ".join(name for name in chosen.values() if name not in fixed) or "none"
    besides = f", and {len(fixed)} that never {'varies' if len(fixed) == 1 else 'vary'}" if fixed else ""
    notes = [f"assumed to be hyperparameters: {varied}{besides} (to choose them yourself: --hyperparameter NAME)"]
    rest = [name for name in row if name not in {*chosen, *ABOUT, *NAMES} and not name.startswith("_")]
    return [*notes, *([f"assumed to be metrics, or left out: {', '.join(rest)}"] if rest else [])]


def _curves(row: Row) -> dict[str, tuple[str, str]]:
    """The columns of a chart export, each with its run and metric; {} if the table is not a chart export."""
    first, *others = row
    matches = {name: _CHART.fullmatch(name) for name in others}
    if not others or not all(matches.values()) or " - " in first:
        return {}
    return {name: (match["run"], match["metric"]) for name, match in matches.items() if match and not match["envelope"]}


def _by_run(charts: Iterable[list[Row]], names: Sequence[str]) -> tuple[dict[str, list[dict[str, float]]], list[str]]:
    """The evaluations of every run by name, and the columns that belong to no run or to several."""
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


def _columns(
    rows: Sequence[Row], groups: Mapping[int, Sequence[Row]], ask: Ask, other: set[str | None]
) -> dict[str, str]:
    """The hyperparameter columns, and the name of each hyperparameter without the column's prefix."""
    columns = list(rows[0])
    unknown = [name for name in (*ask.hyperparameters, *ask.ignored) if name not in columns]
    if unknown:
        raise PlaybookError(
            f"the table has no column {unknown[0]!r}", where=ask.source, hint=f"its columns: {', '.join(columns)}"
        )
    if ask.hyperparameters:
        return {name: name for name in ask.hyperparameters}
    taken = {*ABOUT, *NAMES, *_STEPS, *other, *ask.ignored, *_state_columns(rows), ask.metric, ask.step}
    free = [name for name in columns if name not in taken]
    prefix = next((p for p in _PREFIXES if any(name.startswith(p) for name in free) and _trusted(p, columns)), None)
    if prefix is not None:
        return {name: _dotted(name.removeprefix(prefix)) for name in free if name.startswith(prefix)}
    return {
        name: name
        for name in free
        if not name.startswith("_")
        and name.lower() not in STEPS
        and not _METRIC.search(name)
        and goals.direction(name) is None
        and all(len({row[name] for row in group}) == 1 for group in groups.values())
    }


def _trusted(prefix: str, names: Sequence[str]) -> bool:
    """Whether a prefix marks hyperparameters; `config_` does so only in Syne Tune's tables."""
    return prefix != "config_" or any(name.startswith("st_") for name in names)


def _dotted(name: str) -> str:
    return name.replace("/", ".")


def _state_columns(rows: Sequence[Row]) -> list[str]:
    """Columns that say how runs ended."""
    found = [name for name in rows[0] if name.lower() in ("state", "status", "st_status")]
    return [name for name in found if all(str(row[name]).strip().lower() in {*_STATES, *_ENDED, ""} for row in rows)]


def _name(row: Row, index: int) -> str:
    return next((str(row[name]) for name in NAMES if row.get(name)), f"row {index + 1}")


def _evaluations(
    rows: Sequence[Row], step: str | None, chosen: Mapping[str, str], path: Path
) -> list[dict[str, float]]:
    own = [{name: cell for name, cell in row.items() if name not in {*chosen, *ABOUT, *NAMES}} for row in rows]
    return evaluations(own, step, str(path))


def _run(
    name: str,
    rows: Sequence[Row],
    step: str | None,
    chosen: Mapping[str, str],
    curve: list[dict[str, float]],
    *,
    summed: bool,
    ignored: Sequence[str],
) -> Run:
    row = rows[-1]
    said = next((str(row[column]).strip().lower() for column in _state_columns(rows)), "")
    said = "failed" if str(row.get(_FAILED)).strip().lower() == "true" else said
    state = _STATES.get(said)
    changed = [called for column, called in chosen.items() if len({each[column] for each in rows}) > 1]
    return Run(
        name=name,
        params={called: parsed(row[column]) for column, called in chosen.items() if row[column] != ""},
        evaluations=curve + (_summary(row, step, {*chosen, *ignored}, curve) if summed else []),
        state=state,
        reason=f"marked as {said} in the imported data" if state or said in ("killed", "pruned", "stopped") else None,
        changed=changed,
        source={"row": dict(row)},
    )


def _summary(
    row: Row, step: str | None, taken: set[str], curve: Sequence[Mapping[str, float]]
) -> list[dict[str, float]]:
    """The numbers of a run as one evaluation, at its last step or at step 1."""
    last = whole_number(row.get(step)) if step else None
    last = max([int(e["step"]) for e in curve], default=1) if last is None else last
    ours = {*taken, *ABOUT, *NAMES, step, "step", *(name for evaluation in curve for name in evaluation)}
    summary = {name: n for name, cell in row.items() if name not in ours and (n := number(cell)) is not None}
    return [{"step": last, **summary}] if summary else []
