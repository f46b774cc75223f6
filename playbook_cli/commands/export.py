"""`playbook export`: a study's trials and evaluations for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from playbook_cli.commands.options import RUNS, Json, Runs, StudyFolder, study_folder


def export(
    study: StudyFolder,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="TARGET", help="Folder, by default RUNS/NAME/export; or Optuna or MLflow URL."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="Tables: csv, jsonl or parquet. Tools: mlflow, tensorboard or wandb."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing tables.")] = False,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Export trials as tables, or as runs of other tools.

    Other tools are Optuna, MLflow, TensorBoard and W&B.

    Example:  playbook export runs/digits-depth --to tables --format parquet
    Example:  playbook export runs/digits-depth --to sqlite:///digits.db
    Example:  playbook export runs/digits-depth --to sqlite:///mlflow.db --format mlflow
    """
    from playbook_cli.commands.output import print_json, tell
    from playbook_cli.errors import PlaybookError
    from playbook_cli.exporting import mlflow, optuna, tensorboard, wandb
    from playbook_cli.exporting.formats import write
    from playbook_cli.exporting.tables import tables
    from playbook_cli.storage.lost_results import lost_results
    from playbook_cli.storage.store import Store

    store = Store(study_folder(study, runs))
    record = store.record()
    for lost in lost_results(record.trials, store.paths):
        tell(lost)
    if form == "mlflow":
        written = mlflow.write(record, store.paths, to or str(store.paths.dir / "export" / "mlflow.db"))
    elif form == "tensorboard":
        written = tensorboard.write(record, store.paths, to or str(store.paths.dir / "export" / "tensorboard"))
    elif to is not None and optuna.is_storage(to):
        if form is not None:
            raise PlaybookError(f"{to} is a database, but --format is for tables in a folder", hint="drop --format")
        written = [optuna.write(record, store.paths, to)]
    else:
        folder = store.paths.dir / "export" if to is None else Path(to)
        made = (wandb.tables if form == "wandb" else tables)(record, store.paths)
        paths = write(made, folder, "csv" if form == "wandb" else form or "csv", overwrite=overwrite)
        written = [str(path) for path in paths]
    if json:
        print_json({"study": record.name, "trials": len(record.trials), "written": written})
        return
    for name in written:
        print(name)
