"""Runs in MLflow's database `mlflow.db`, its default store since version 3.7."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import number, whole_number
from playbook_cli.importing import database, mlflow_runs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from playbook_cli.importing.runs import Ask, Run

TABLES = {"experiments", "runs", "metrics"}
"""The tables by which an MLflow database is recognised."""
_COLUMNS = {
    "experiments": ("experiment_id", "name"),
    "runs": ("run_uuid", "name", "status", "start_time", "end_time", "lifecycle_stage", "experiment_id"),
    "params": ("run_uuid", "key", "value"),
    "metrics": ("run_uuid", "key", "value", "step", "is_nan", "timestamp"),
    "tags": ("run_uuid", "key", "value"),
}


def read(ask: Ask, path: str) -> list[Run]:
    """The runs of the requested experiment. PlaybookError if it is not an MLflow database, or lacks needed columns."""
    with database.opened(path) as opened:
        tables = database.plain_tables(opened)
        lacking = [f"{name}.{one}" for name, own in _COLUMNS.items() for one in own if one not in tables.get(name, ())]
        if lacking:
            raise PlaybookError(
                f"this database lacks columns of an MLflow database: {', '.join(lacking[:3])}",
                where=path,
                hint=f"if another version of MLflow wrote it, run mlflow db upgrade sqlite:///{path}",
            )
        runs = list(_rows(opened, "runs"))
        used = {run["experiment_id"] for run in runs if run["lifecycle_stage"] != "deleted"}
        experiments: dict[str, list[Any]] = {}
        for row in _rows(opened, "experiments"):
            if row["experiment_id"] in used:
                experiments.setdefault(str(row["name"]), []).append(row["experiment_id"])
        wanted = experiments[mlflow_runs.chosen(ask, experiments)]
        own = {run["run_uuid"]: run for run in runs if run["experiment_id"] in wanted}
        params, tags = _texts(opened, "params"), _texts(opened, "tags")
        metrics = _metrics(opened, own)
    return [
        mlflow_runs.made(
            {**run, "run_id": str(uuid)},
            params=params.get(uuid, {}),
            metrics=metrics.get(uuid, {}),
            tags=tags.get(uuid, {}),
        )
        for uuid, run in own.items()
    ]


def _rows(opened: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    columns = _COLUMNS[table]
    order = " ORDER BY timestamp, rowid" if table == "metrics" else ""
    for row in opened.execute(f"SELECT {', '.join(columns)} FROM {table}{order}"):  # noqa: S608 (names from above)
        yield dict(zip(columns, row, strict=True))


def _texts(opened: sqlite3.Connection, table: str) -> dict[Any, dict[str, str]]:
    """Keys and their values (text), by run."""
    found: dict[Any, dict[str, str]] = {}
    for row in _rows(opened, table):
        found.setdefault(row["run_uuid"], {})[str(row["key"])] = str(row["value"])
    return found


def _metrics(opened: sqlite3.Connection, runs: Sequence[Any] | dict[Any, Any]) -> dict[Any, dict[str, Any]]:
    """Steps and values of each metric of these runs, in the order in which they were logged."""
    found: dict[Any, dict[str, Any]] = {}
    for row in _rows(opened, "metrics"):
        step, value = whole_number(row["step"]), _value(row)
        if row["run_uuid"] in runs and step is not None and value is not None:
            found.setdefault(row["run_uuid"], {}).setdefault(str(row["key"]), []).append((step, value))
    return found


def _value(row: dict[str, Any]) -> float | None:
    """A metric's value: MLflow stores infinity as the largest float, and NaN in a column of its own."""
    if row["is_nan"]:
        return math.nan
    value = number(row["value"]) if isinstance(row["value"], int | float) else None
    return math.copysign(math.inf, value) if value is not None and abs(value) == sys.float_info.max else value
