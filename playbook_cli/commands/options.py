"""Arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli.errors import StudyError

if TYPE_CHECKING:
    from playbook_cli.store import Store

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.YAML", help="The study file.", show_default=False)]
StudyFolder = Annotated[
    Path, typer.Argument(metavar="RUNS/NAME", help="The study's folder, or its study file.", show_default=False)
]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="The folder that holds the studies' folders.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
RUNS = Path("runs")
COMMANDS = {"lr-find": "lr-sweep --find", "steps-to-target": "batch-size --steps-to-target"}
"""Of the probes that are called otherwise than the command that makes them."""


def study_file(argument: Path, store: Store, verb: str) -> Path:
    """The file that a study was run from, or that was given in its place. StudyError where its folder is gone."""
    if argument.is_file():
        return argument
    file = Path(store.history().source or store.paths.spec)
    if not file.parent.is_dir():
        raise StudyError(
            f"it was run from {file}, and that folder is gone",
            where=str(store.paths.dir),
            hint=f"name the study file where it is now: playbook {verb} STUDY.YAML",
        )
    return file


def ended_early(store: Store) -> str:
    """Why the trials of a sweep or a probe are no results of a pipeline."""
    return (
        f"playbook {COMMANDS.get(str(store.spec.probe), store.spec.probe)} ended its trials once they had told enough"
    )


def study_folder(argument: Path, runs: Path) -> Path:
    """The folder that a verb is to read: as given, or that of the study file that was given."""
    if not argument.is_file():
        return argument
    from playbook_cli.spec.load import load

    folder = runs / load(argument)[0].name
    if not folder.exists():
        raise StudyError("this study has not been run", where=str(argument), hint=f"playbook run {argument}")
    return folder
