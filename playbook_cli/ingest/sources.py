"""Which tool's runs lie somewhere, and the reader for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.ingest import exported, files, mlflow, optuna, ray, table, tensorboard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playbook_cli.ingest.runs import Ask, Runs

READERS: Mapping[str, Callable[[Ask], Runs]] = {
    "files": files.read,
    "optuna": optuna.read,
    "ray": ray.read,
    "mlflow": mlflow.read,
    "tensorboard": tensorboard.read,
    "table": table.read,
    "playbook": exported.read,
}


def read(ask: Ask, kind: str | None = None) -> Runs:
    """The runs, by the reader of this kind, or of the kind that the source looks like.

    PlaybookError where there is no such kind, or it finds no runs.
    """
    if kind is not None and kind not in READERS:
        raise PlaybookError(f"there is no format {kind!r}", hint=f"--format with one of: {', '.join(READERS)}")
    runs = READERS[kind or _looks_like(ask)](ask)
    if not runs.runs:
        raise PlaybookError("there are no runs in it", where=ask.source)
    return runs


def _looks_like(ask: Ask) -> str:
    if optuna.is_storage(ask.source):
        return "optuna"
    path = Path(ask.source)
    if ask.params is None and not ask.metrics and exported.is_export(path):
        return "playbook"
    if path.is_file() and path.suffix in (".csv", ".tsv"):
        return "table"
    if not path.is_dir():
        what = "this is no folder, no CSV table and no Optuna storage" if path.exists() else "there is no such source"
        raise PlaybookError(what, where=ask.source, hint=f"--format with one of: {', '.join(READERS)}")
    if ask.params is not None or ask.metrics:
        return "files"
    looks: Mapping[str, Callable[[Path], bool]] = {
        "mlflow": mlflow.is_store,
        "ray": ray.is_experiment,
        "tensorboard": tensorboard.is_log,
        "table": lambda folder: next(folder.glob("*.csv"), None) is not None,
    }
    return next((kind for kind, holds in looks.items() if holds(path)), "files")
