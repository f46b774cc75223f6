"""Stores that cannot be imported, by what is in them, and how to get at their runs anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TABLE = "write the runs to a CSV table with one row per run, and import that"
_FOLDERS = {
    ".aim": ("an Aim repository", f"{_TABLE}: Repo('.').query_metrics().dataframe().to_csv('runs.csv')"),
    ".neptune": ("Neptune's folder of offline runs", f"run neptune sync, then {_TABLE}"),
    "nni.sqlite": ("an NNI experiment", "run nnictl experiment export --type csv, and import its output"),
    "db/nni.sqlite": ("an NNI experiment", "run nnictl experiment export --type csv, and import its output"),
    "runhistory.json": ("a SMAC run", _TABLE),
    "*/cout.txt": ("a Sacred folder", f"{_TABLE}: config.json has a run's settings, metrics.json its curves"),
    "dvclive": ("a DVCLive folder", "run dvc exp show --json > experiments.json, and import that file"),
}
_SUFFIXES = {
    ".pkl": ("a pickle file, and loading it could run any code", _TABLE),
    ".dill": ("a pickle file, and loading it could run any code", _TABLE),
    ".parquet": ("a Parquet table", "convert it: pandas.read_parquet(...).to_csv('runs.csv', index=False)"),
    ".xlsx": ("an Excel workbook", "save its table as CSV, and import that"),
    ".wandb": ("a single W&B log", "give the folder that contains it, run-... or offline-run-..."),
    ".zip": ("an archive", "unpack it, and import what it contains"),
    ".gz": ("an archive", "unpack it, and import what it contains"),
    ".ipynb": ("a notebook", _TABLE),
}
_SERVERS = ("http", "https", "databricks", "s3", "gs", "wandb")


def called(source: str, path: Path) -> tuple[str, str] | None:
    """What a source is that cannot be imported, and what to do instead; None for anything else."""
    scheme = source.partition("://")[0]
    if "://" in source and scheme in _SERVERS:
        what = f"this is on a server ({scheme}); only files and databases can be imported"
        return what, f"download the runs: {_TABLE}"
    if path.is_dir():
        known = next((said for name, said in _FOLDERS.items() if next(path.glob(name), None)), None)
    else:
        known = _SUFFIXES.get(path.suffix) if path.is_file() else None
    return (f"cannot import this: it is {known[0]}", known[1]) if known else None
