"""Arguments and options that several verbs share."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli import acts
from playbook_cli.commands.completing import run_folders, study_files
from playbook_cli.errors import StudyError

if TYPE_CHECKING:
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import StudyRecord
    from playbook_cli.spec.probe import ProbeKind
    from playbook_cli.storage.store import Store

StudyFile = Annotated[
    Path,
    typer.Argument(metavar="STUDY.YAML", help="The study file.", show_default=False, autocompletion=study_files),
]
StudyFolder = Annotated[
    Path,
    typer.Argument(
        metavar="RUNS/NAME",
        help="The study's folder or its study file.",
        show_default=False,
        autocompletion=run_folders,
    ),
]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder that contains all studies.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout and nothing else.")]
Wait = Annotated[bool, typer.Option("--wait", help="If another process is running this study, wait for it to end.")]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Number of parallel trials; by default as many as fit.")
]
Gpus = Annotated[str | None, typer.Option("--gpus", metavar="IDS", help="GPUs to use, by index or UUID, such as 0,1.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file to write if it exists.")]
RUNS = acts.RUNS


@dataclass(frozen=True, kw_only=True)
class Launching:
    """How a verb trains: what the user says on the command line, and no study file."""

    jobs: int | None
    gpus: str | None
    changed: bool
    """Whether to train even if the program has changed since earlier trials."""
    wait: bool
    """Whether to wait for another process that is running the study."""


def study_file(argument: Path, store: Store, verb: str) -> Path:
    """The file that a study was run from, or the one that was given. StudyError if its folder no longer exists."""
    if argument.is_file():
        return argument
    file = Path(store.history().source or store.paths.spec)
    if not file.parent.is_dir():
        raise StudyError(
            f"it was run from {file}, but that folder no longer exists",
            where=str(store.paths.dir),
            hint=f"give the study file at its new place: {acts.run('STUDY.YAML', runs_of(store.paths.dir), verb)}",
        )
    return file


def runs_of(folder: Path) -> Path:
    """The --runs folder of the study in this folder."""
    return acts.holding(folder.resolve() if folder.is_symlink() else folder)


def refuse_probe(store: Store, so: str = "", *, hint: str | None = None) -> None:
    """StudyError for a probe, whose trials are not results of a pipeline; `so` ends the message."""
    if store.spec.probe is not None:
        what = f"{store.spec.probe.command} ended these trials early, once it had its answer{so}"
        raise StudyError(what, where=str(store.paths.dir), hint=hint)


def refuse_existing(output: Path | None, *, overwrite: bool) -> None:
    """StudyError if the file that --output names already exists; checked before anything is trained."""
    if output is not None and not overwrite and output.exists():
        raise already_exists(output)


def already_exists(output: Path) -> StudyError:
    """The error of a file that is not replaced unasked."""
    hint = "choose another: --output FILE; or replace it: --overwrite"
    return StudyError("this file already exists", where=str(output), hint=hint)


def probe_beside(store: Store, kind: ProbeKind, more: str = "") -> StudyPaths:
    """The folder of a study's probe, beside the study's own; `more` is added to its name."""
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.spec.probe import Probe

    folder = store.paths.dir
    if not folder.name or folder.name == "..":
        folder = folder.resolve()
    return StudyPaths(folder.with_name(f"{Probe(kind=kind, study=folder.resolve().name).name}{more}"))


def tell_unfinished(search: StudyRecord) -> None:
    """Warn on stderr if some trials of a search have not finished: the best one may be among them."""
    missing = search.unfinished
    if missing > 0:
        print(f"playbook: {missing} trials have not finished yet; one of them may be the best", file=sys.stderr)


def wait_for_runner(*folders: StudyPaths) -> None:
    """Wait until these studies are not running, so that what is read next is complete."""
    from playbook_cli.commands.output import tell
    from playbook_cli.storage.lock import locked

    for paths in folders:
        if paths.runner.exists():
            with locked(paths, wait=True, tell=tell):
                pass


def study_folder(argument: Path, runs: Path) -> Path:
    """The folder that a verb reads: the given one, or that of the given study file.

    StudyError if it holds no results; a study file alone is not a result.
    """
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.spec.load import load
    from playbook_cli.storage.store import no_study, running

    folder = argument
    if argument.is_file():
        folder = runs / load(argument)[0].name
        if not folder.exists():
            raise StudyError("this study has not been run", where=str(argument), hint=str(acts.run(argument, runs)))
    paths = StudyPaths(folder)
    if not paths.spec.is_file():
        raise no_study(folder, runs)
    if paths.journal.exists() or running(paths) is not None:
        return folder
    results = runs / load(paths.spec)[0].name
    if paths.trials.exists() or results.resolve() == folder.resolve():
        raise StudyError(
            f"its journal {paths.journal.name} is missing, so its trials and their results are unknown",
            where=str(folder),
            hint="restore that file, or move the folder away and run the study again",
        )
    if not StudyPaths(results).journal.exists():
        what, hint = "it contains a study file, but the study has not been run", str(acts.run(paths.spec, runs))
    else:
        what, hint = f"it contains a study file; its results are in {results}", given_again(argument, results)
    raise StudyError(what, where=str(folder), hint=hint)


def given_again(argument: Path | None = None, folder: Path | None = None) -> str:
    """The command that the user gave, with `folder` in place of `argument` if given."""
    words = (str(folder) if Path(word) == argument else word for word in sys.argv[1:])
    return acts.line(["playbook", *words])
