"""The tables that `playbook export` writes, read back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.files import regular
from playbook_cli.formats.tables import number, whole_number
from playbook_cli.importing import read_file
from playbook_cli.importing.cells import is_escaped, unescaped
from playbook_cli.importing.rows import evaluations
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.importing.values import scalar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.formats.tables import Row
    from playbook_cli.records import Goal, State, Value

TRIALS, EVALUATIONS = "trials", "evaluations"
COLUMNS = ("trial", "state", "reason", "value", "step", "last_step", "seed", "repeat_of", "attempts")
"""The columns of an exported table of trials before the hyperparameters."""
PARAMS = "params."
_OTHER_FORMS = (".jsonl", ".parquet")
_STATES: Mapping[str, State] = {"failed": "failed", "infeasible": "infeasible", "running": "pending"}


def is_export(source: Path) -> bool:
    """Whether this is a folder that `export` wrote, or one of its two tables."""
    if source.is_dir():
        tables = (source / f"{name}{form}" for form in (".csv", *_OTHER_FORMS) for name in (TRIALS, EVALUATIONS))
        return any(map(is_export, tables))
    if source.suffix in _OTHER_FORMS:
        both = {source.with_stem(TRIALS), source.with_stem(EVALUATIONS)}
        return source in both and all(path.is_file() for path in both)
    return _begins(source, COLUMNS) or (source.name == f"{EVALUATIONS}.csv" and _begins(source, ("trial", "step")))


def read(ask: Ask) -> Runs:
    """Every trial with its number, state, seed, hyperparameters and evaluations, and which one it repeats.

    The metric is the one whose best evaluations match the trials' values. PlaybookError if one of the two tables is
    missing or is not in CSV.
    """
    given = Path(ask.source)
    folder = given if given.is_dir() else given.parent
    trials, measured = folder / f"{TRIALS}.csv", folder / f"{EVALUATIONS}.csv"
    if given.suffix in _OTHER_FORMS or not (trials.is_file() or measured.is_file()):
        raise PlaybookError(
            "only CSV tables of playbook export can be imported",
            where=ask.source,
            hint="run playbook export RUNS/NAME --to FOLDER, then playbook import FOLDER",
        )
    if given == measured or not trials.is_file():
        raise PlaybookError(
            f"this table has only the evaluations of a study; its trials are in {trials.name}",
            where=str(measured),
            hint=f"give the folder that contains both: {folder}",
        )
    if not measured.is_file():
        raise PlaybookError(
            f"this table has only the trials of a study; their evaluations are in {measured.name}",
            where=str(trials),
            hint=f"put that file beside it, and give the folder: {folder}",
        )
    if not (_begins(trials, COLUMNS) and _begins(measured, ("trial", "step"))):
        raise PlaybookError("these tables were not written by playbook export", where=str(folder))
    curves: dict[object, list[Row]] = {}
    for row in _whole(measured):
        own = {_metric_of(name): cell for name, cell in row.items() if name != "trial"}
        curves.setdefault(row["trial"], []).append(own)
    rows = _whole(trials)
    runs = [_run(row, evaluations(curves.get(row["trial"], []), "step", str(measured))) for row in rows]
    metric, goal = _metric(rows, runs)
    numbers = {row["trial"]: index for index, row in enumerate(rows)}
    return Runs(
        source=ask.source,
        format="playbook",
        runs=runs,
        metric=metric,
        goal=goal,
        repeats=[numbers.get(row["repeat_of"]) for row in rows],
        notes=["the tables lack ranges and roles; to take them from the study file, add --study STUDY.YAML"],
    )


def _metric_of(column: str) -> str:
    return "trial" if column == "trial (metric)" else unescaped(column)


def _begins(path: Path, columns: Sequence[str]) -> bool:
    """Whether a CSV file's header begins with these columns."""
    if not path.is_file():
        return False
    with regular.opened(path) as file:
        return file.readline(1000).decode(errors="replace").rstrip("\r\n").startswith(",".join(columns))


def _whole(path: Path) -> list[Row]:
    table = read_file.log(path)
    if table.problems:
        raise PlaybookError(table.problems[0], where=str(path))
    return table.rows


def _run(row: Row, curve: Sequence[Mapping[str, float]]) -> Run:
    params = {name.removeprefix(PARAMS): _value(cell) for name, cell in row.items() if name.startswith(PARAMS) and cell}
    return Run(
        name=f"trial {row['trial']}",
        params=params,
        evaluations=curve,
        state="pending" if row["attempts"] == "0" else _STATES.get(row["state"]),
        reason=unescaped(row["reason"]) or None,
        seed=whole_number(row["seed"]),
        source={"row": dict(row)},
    )


def _value(cell: str) -> Value:
    """A hyperparameter as it was before it was written; true, false, null and lists are JSON."""
    if is_escaped(cell):
        return unescaped(cell)
    if cell in ("true", "false", "null") or cell.startswith("["):
        try:
            value: Any = json.loads(cell)
        except (ValueError, RecursionError):
            return cell
        if not isinstance(value, list):
            return scalar(value)
        return tuple(value) if all(isinstance(item, bool | int | float | str | None) for item in value) else cell
    for kind in (int, float):
        try:
            value = kind(cell)
        except ValueError:
            continue
        return value if math.isfinite(value) and str(value) == cell else cell
    return cell


def _metric(rows: Sequence[Row], runs: Sequence[Run]) -> tuple[str | None, Goal | None]:
    """The metric and goal for which each trial's value is its best evaluation; None if unclear."""
    found: dict[tuple[str, Goal], int] = {}
    valued = [(value, run) for row, run in zip(rows, runs, strict=True) if (value := number(row["value"])) is not None]
    for value, run in valued:
        for name in dict.fromkeys(name for evaluation in run.evaluations for name in evaluation if name != "step"):
            curve = [e[name] for e in run.evaluations if math.isfinite(e.get(name, math.nan))]
            goals: dict[Goal, float] = {"minimize": min(curve), "maximize": max(curve)} if curve else {}
            for goal, best in goals.items():
                found[name, goal] = found.get((name, goal), 0) + (best == value)
    fits = [key for key, count in found.items() if count == len(valued)]
    names = {name for name, _ in fits}
    return (fits[0][0] if len(names) == 1 else None), (fits[0][1] if len(fits) == 1 else None)
