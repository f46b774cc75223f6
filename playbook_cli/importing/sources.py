"""Which tool wrote the runs at a source, and the reader for each tool."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playbook_cli.importing.runs import Ask, Runs

READERS: Mapping[str, str] = {
    "files": "files",
    "optuna": "optuna",
    "ray": "ray",
    "mlflow": "mlflow",
    "wandb": "wandb",
    "keras-tuner": "keras_tuner",
    "syne-tune": "syne_tune",
    "ax": "ax",
    "guild": "guild",
    "dvc": "dvc",
    "tensorboard": "tensorboard",
    "table": "table",
    "playbook": "exported",
}
"""By what --format calls them: the module of this package whose `read` takes an `Ask` and returns `Runs`."""


def read(ask: Ask, kind: str | None = None) -> Runs:
    """The runs, read by the reader of this kind, or of the kind that the source looks like.

    PlaybookError if there is no such kind, or it finds no runs.
    """
    if kind is not None and kind not in READERS:
        raise PlaybookError(f"there is no format {kind!r}", hint=f"use --format with one of: {', '.join(READERS)}")
    reader = import_module(f"playbook_cli.importing.{READERS[kind or _looks_like(ask)]}")
    runs: Runs = reader.read(ask)
    if not runs.runs:
        raise PlaybookError("no runs found", where=ask.source)
    return runs


def _looks_like(ask: Ask) -> str:
    from playbook_cli.importing import (
        ax,
        dvc,
        exported,
        guild,
        keras_tuner,
        mlflow,
        optuna,
        ray,
        syne_tune,
        tensorboard,
        unread,
        wandb,
    )

    path = Path(ask.source)
    unlike = unread.called(ask.source, path)
    if unlike and "://" in ask.source:
        raise PlaybookError(unlike[0], where=ask.source, hint=unlike[1])
    if mlflow.is_database(ask.source):
        return "mlflow"
    if optuna.is_storage(ask.source):
        return "optuna"
    if ask.params is None and not ask.metrics and exported.is_export(path):
        return "playbook"
    if dvc.is_export(path):
        return "dvc"
    if path.is_file() and path.suffix in (".csv", ".tsv"):
        return "table"
    if ax.is_experiment(path):
        return "ax"
    if unlike and not path.is_dir():
        raise PlaybookError(unlike[0], where=ask.source, hint=unlike[1])
    if not path.is_dir():
        what = "this is not a folder, a CSV table or an Optuna storage" if path.exists() else "no such file or folder"
        hint = f"to say what it is, use --format with one of: {', '.join(READERS)}" if path.exists() else None
        raise PlaybookError(what, where=ask.source, hint=hint)
    if ask.params is not None or ask.metrics:
        return "files"
    looks: Mapping[str, Callable[[Path], bool]] = {
        "mlflow": mlflow.is_store,
        "ray": ray.is_experiment,
        "wandb": wandb.is_folder,
        "keras-tuner": keras_tuner.is_project,
        "syne-tune": syne_tune.is_experiment,
        "guild": guild.is_folder,
        "tensorboard": tensorboard.is_log,
        "table": lambda folder: next(folder.glob("*.csv"), None) is not None,
    }
    found = next((kind for kind, holds in looks.items() if holds(path)), None)
    if found is None and unlike:
        raise PlaybookError(unlike[0], where=ask.source, hint=unlike[1])
    return found or "files"
