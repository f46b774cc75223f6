"""Stores that are not read, by what lies in them, and how their runs can be had nevertheless."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TABLE = "write them to a CSV table with a row a run, and import that"
_FOLDERS = {
    ".aim": ("a repository of Aim", f"{_TABLE}: Repo('.').query_metrics().dataframe().to_csv('runs.csv')"),
    ".neptune": ("what Neptune keeps of offline runs", f"neptune sync, and then {_TABLE}"),
    "nni.sqlite": ("an experiment of NNI", "nnictl experiment export --type csv, and import that"),
    "db/nni.sqlite": ("an experiment of NNI", "nnictl experiment export --type csv, and import that"),
    "runhistory.json": ("a run of SMAC", _TABLE),
    "*/cout.txt": ("a folder of Sacred's", f"{_TABLE}: config.json has a run's settings, metrics.json its curves"),
    "dvclive": ("a folder of DVCLive", "dvc exp show --json > experiments.json, and import that"),
}
_SUFFIXES = {
    ".pkl": ("a pickle, which would run whatever is in it", _TABLE),
    ".dill": ("a pickle, which would run whatever is in it", _TABLE),
    ".parquet": ("a Parquet table", "pandas.read_parquet(...).to_csv('runs.csv', index=False), and import that"),
    ".xlsx": ("a workbook of Excel", "save its table as CSV, and import that"),
    ".wandb": ("one log of W&B's", "name the folder that it lies in, run-... or offline-run-..."),
    ".zip": ("an archive", "unpack it, and name what it holds"),
    ".gz": ("an archive", "unpack it, and name what it holds"),
    ".ipynb": ("a notebook", _TABLE),
}
_SERVERS = ("http", "https", "databricks", "s3", "gs", "wandb")


def called(source: str, path: Path) -> tuple[str, str] | None:
    """What a source is that is not read, and what to do; None for anything else."""
    scheme = source.partition("://")[0]
    if "://" in source and scheme in _SERVERS:
        return f"this is on a server ({scheme}), and only files and databases are read", f"download its runs: {_TABLE}"
    if path.is_dir():
        known = next((said for name, said in _FOLDERS.items() if next(path.glob(name), None)), None)
    else:
        known = _SUFFIXES.get(path.suffix) if path.is_file() else None
    return (f"this is {known[0]}, which is not read", known[1]) if known else None
