"""Runs in an MLflow store: its folder (`mlruns`), or its database (`mlflow.db`)."""

from __future__ import annotations

from pathlib import Path

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import number, whole_number
from playbook_cli.importing import database, mlflow_runs, mlflow_tables, read_file
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.spec import source
from playbook_cli.wording import plural

_PARENT = "mlflow.parentRunId"


def is_store(folder: Path) -> bool:
    """Whether this is an MLflow store, an experiment in one, or a folder that holds MLflow's database."""
    return any(path.parent.joinpath("metrics").is_dir() for path in _run_files(folder)) or bool(_database(folder))


def is_database(source: str) -> bool:
    """Whether this names an SQLite file in which MLflow keeps its runs."""
    return database.tables(source) >= mlflow_tables.TABLES


def read(ask: Ask) -> Runs:
    """The runs of one experiment: the named one, or the only one that has runs. Deleted runs are skipped.

    PlaybookError if there is no such experiment.
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
        notes.append(f"skipped {plural(len(runs) - len(leaves), 'parent run')} without metrics")
    if any(run.source["steps_counted"] for run in leaves):
        notes.append("some metrics were logged without steps, so their values are numbered from 1")
    ordered = sorted(leaves, key=lambda run: (run.started or 0.0, run.name))
    return Runs(source=ask.source, format="mlflow", runs=ordered, notes=notes)


def _database(folder: Path) -> Path | None:
    """The only MLflow database in a folder; None if there is none or several."""
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
        raise PlaybookError("this is not an MLflow run", where=str(path))
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
    """The content of every file below, by relative path."""
    return {
        path.relative_to(folder).as_posix(): read_file.content(path).decode("utf-8", errors="replace").rstrip("\n")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _point(line: str) -> tuple[int, float] | None:
    """Step and value of a line `timestamp value step` of a metric's file."""
    parts = line.split()
    value = number(parts[1]) if len(parts) > 1 else None
    step = whole_number(parts[2]) if len(parts) > 2 else 0  # old stores have no step
    return None if value is None or step is None else (step, value)
