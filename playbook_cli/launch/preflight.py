"""Checks of a study's program before any of it runs."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.acts import command
from playbook_cli.errors import SpecError
from playbook_cli.files.paths import TrialPaths
from playbook_cli.launch.command import job, program
from playbook_cli.launch.config import config_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Source

SHOWN_LINES = 12


def refuse_imported(spec: StudySpec, source: Source) -> None:
    """SpecError for an imported study: trials that are run here couldn't be compared with its own."""
    if spec.imported is not None:
        raise SpecError(
            f"this study was imported from {spec.imported.source}, so it can't be run",
            where=source.where(("imported",)),
            hint=f"{command('next', Path(source.path).parent)} writes a study that can be run",
        )


def look(spec: StudySpec, source: Source, folder: Path, trials: Sequence[TrialRecord]) -> None:
    """SpecError if the program doesn't exist, as far as that can be seen without running it."""
    refuse_imported(spec, source)
    if "${" not in (spec.cwd or "") and not (folder / (spec.cwd or ".")).is_dir():
        raise SpecError(f"cwd: there is no folder {folder / str(spec.cwd)}", where=source.where(("cwd",)))
    for trial in trials:
        paths = TrialPaths(folder / f"{trial.id:04d}")
        try:
            planned = job(spec, trial, paths, folder)
            config_text(spec, trial, paths, folder)
        except SpecError as error:
            key = error.what.partition(":")[0]
            raise SpecError(error.what, where=source.where(tuple(key.split("."))), hint=error.hint) from None
    if spec.train is not None:
        problem = _function(spec.train, folder)
        if problem:
            raise SpecError(f"train: {problem}", where=source.where(("train",)), hint="write train: module:function")
    elif trials:
        name, *words = program(spec, trial, paths, folder)
        if shutil.which(name, path=planned.env.get("PATH")) is None and not (planned.cwd / name).is_file():
            raise SpecError(
                f"command: there is no program {name}",
                where=source.where(("command",)),
                hint="for a Python script, start with ${python}",
            )
        script = next(iter(words), "")
        copied = spec.config is not None and script == str(paths.config(spec.config.suffix).absolute())
        missing = not copied and not (planned.cwd / script).is_file()  # a copy is made when its trial starts
        if name == sys.executable and script.endswith(".py") and missing:
            raise SpecError(
                f"command: there is no script {planned.cwd / script}",
                where=source.where(("command",)),
                hint="paths are relative to the study file's folder, or to cwd if set",
            )


def import_function(spec: StudySpec, source: Source, folder: Path) -> None:
    """Import the train function in a separate process. SpecError, with Python's message, if that fails."""
    if spec.train is None:
        return
    path = [str(folder.absolute()), *filter(None, [os.environ.get("PYTHONPATH")])]
    result = subprocess.run(
        [sys.executable, "-m", "playbook_cli.launch.entry", "--check", spec.train],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode:
        said = "\n".join((result.stderr or result.stdout).rstrip().split("\n")[-SHOWN_LINES:])
        raise SpecError(
            f"train: {spec.train} can't be imported:\n{said}",
            where=source.where(("train",)),
            hint=f"Python searches the study file's folder and {sys.prefix}",
        )


def _function(name: str, folder: Path) -> str | None:
    """What is wrong with `module:function`, judged by its source; None if nothing is."""
    module, _, function = name.partition(":")
    here = [str(folder.absolute()), *(part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part)]
    parts = module.split(".")
    spec: ModuleSpec | None = None
    for index in range(len(parts)):
        full_name = ".".join(parts[: index + 1])
        inside = list((spec and spec.submodule_search_locations) or ())
        spec = PathFinder.find_spec(parts[index], inside) if index else _find(parts[index], here)
        if spec is None:
            return f"there is no module {full_name} in {folder.absolute()} or among the installed packages"
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    try:
        tree = ast.parse(Path(spec.origin).read_bytes(), filename=spec.origin)
    except (SyntaxError, ValueError, OSError) as error:
        return f"{spec.origin} is not valid Python: {error}"
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
    if function in names or "*" in names or "__getattr__" in names:
        return None
    return f"{spec.origin} does not define {function}"


def _find(name: str, path: Sequence[str]) -> ModuleSpec | None:
    """The spec of a module in `path` or among the installed packages, without importing anything."""
    finders = (finder for finder in sys.meta_path if finder is not PathFinder)
    found = PathFinder.find_spec(name, [*path, *sys.path])
    return found or next((spec for finder in finders if (spec := finder.find_spec(name, None)) is not None), None)
