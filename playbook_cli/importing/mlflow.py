"""Runs in a store of MLflow's: its folder (`mlruns`), or its database (`mlflow.db`)."""

from __future__ import annotations

from pathlib import Path

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import number, whole_number
from playbook_cli.importing import database, mlflow_runs, mlflow_tables, read_file
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.spec import source

_PARENT = "mlflow.parentRunId"


def is_store(folder: Path) -> bool:
    """Whether this is a store, an experiment in one, or a folder in which MLflow made its database."""
    return any(path.parent.joinpath("metrics").is_dir() for path in _run_files(folder)) or bool(_database(folder))


def is_database(source: str) -> bool:
    """Whether this names an SQLite file in which MLflow keeps its runs."""
    return database.tables(source) >= mlflow_tables.TABLES


def read(ask: Ask) -> Runs:
    """The runs of one experiment: that of this name, or the only one that has runs. Deleted runs are left out.

    PlaybookError where there is no such experiment.
    """
    folder = Path(ask.source)
    inside = _database(folder) if folder.is_dir() else None
    if inside is not None or database.is_sqlite(ask.source):
        read = mlflow_tables.read(ask, str(inside or ask.source))
    else:
        read = _folder(folder, ask)
    runs = [run for run in read if run.source["lifecycle_stage"] != "deleted"]
    parents = {run.source["tags"].get(_PARENT) for run in runs}
    leaves = [run for run in runs if run.source["run_id"] not in parents or run.evaluations]
    notes = []
    if len(leaves) < len(runs):
        notes.append(f"runs that only hold other runs, and are left out: {len(runs) - len(leaves)}")
    if any(run.source["steps_counted"] for run in leaves):
        notes.append("metrics that were logged without steps: their values are counted, from 1 on")
    ordered = sorted(leaves, key=lambda run: (run.started or 0.0, run.name))
    return Runs(source=ask.source, format="mlflow", runs=ordered, notes=notes)


def _database(folder: Path) -> Path | None:
    """The only database of MLflow's in a folder."""
    return database.one_file(folder, mlflow_tables.TABLES)


def _folder(folder: Path, ask: Ask) -> list[Run]:
    experiments: dict[str, list[Path]] = {}
    for path in _run_files(folder):
        experiments.setdefault(_experiment(path.parent.parent), []).append(path)
    return [_run(path) for path in experiments[mlflow_runs.chosen(ask, experiments)]]


def _run_files(folder: Path) -> list[Path]:
    found = {*folder.glob("*/meta.yaml"), *folder.glob("*/*/meta.yaml"), *folder.glob("mlruns/*/*/meta.yaml")}
    return sorted(path for path in found if path.parent.joinpath("params").is_dir() and ".trash" not in path.parts)


def _experiment(folder: Path) -> str:
    meta = folder / "meta.yaml"
    data = source.read(meta).data if meta.is_file() else None
    return str(data.get("name", folder.name)) if isinstance(data, dict) else folder.name


def _run(path: Path) -> Run:
    home = path.parent
    meta = source.read(path).data
    if not isinstance(meta, dict):
        raise PlaybookError("this is no run of MLflow", where=str(path))
    about = {
        "name": meta.get("run_name"),
        "run_id": str(meta.get("run_id", home.name)),
        "lifecycle_stage": meta.get("lifecycle_stage"),
        "status": meta.get("status"),
        "start_time": number(meta.get("start_time")),
        "end_time": number(meta.get("end_time")),
    }
    metrics = {
        name: [point for line in text.split("\n") if (point := _point(line)) is not None]
        for name, text in _texts(home / "metrics").items()
    }
    return mlflow_runs.made(about, params=_texts(home / "params"), metrics=metrics, tags=_texts(home / "tags"))


def _texts(folder: Path) -> dict[str, str]:
    """The content of every file below, by its path."""
    return {
        path.relative_to(folder).as_posix(): read_file.content(path).decode("utf-8", errors="replace").rstrip("\n")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _point(line: str) -> tuple[int, float] | None:
    """`timestamp value step`, as a line of a metric's file has it."""
    parts = line.split()
    value = number(parts[1]) if len(parts) > 1 else None
    step = whole_number(parts[2]) if len(parts) > 2 else 0  # old stores have no step
    return None if value is None or step is None else (step, value)
