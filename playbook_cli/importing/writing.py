"""An imported study's folder, as if Playbook had run it: written completely or not at all."""

from __future__ import annotations

import glob
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import SpecError, StudyError
from playbook_cli.files import journal
from playbook_cli.files.flock import lock
from playbook_cli.files.paths import StudyPaths
from playbook_cli.files.regular import naming
from playbook_cli.spec.load import dump, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from playbook_cli.importing.importing import Imported, Study

SLOT = "imported"
"""Name of the slot in which an imported trial is recorded to have run."""


def refuse_existing(directory: Path) -> None:
    """StudyError if the folder already exists."""
    if directory.exists() or directory.is_symlink():
        raise StudyError("this folder already exists", where=str(directory), hint="use a new one: --into runs/NAME")


def write(study: Study, directory: Path, command: Mapping[str, Any]) -> None:
    """Write the folder of a study beside its final place, then move it there. `command` is what made it.

    StudyError if the folder already exists, or its content could not be read back.
    """
    refuse_existing(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    temporary = directory.parent / f".{directory.name}.{os.getpid()}"
    paths = StudyPaths(temporary)
    _clear(directory)
    held = None
    try:
        paths.trials.mkdir(parents=True)
        held = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        lock(held)
        with naming(directory):
            paths.spec.write_text(dump(study.spec), encoding="utf-8")
            for number, trial in enumerate(study.trials):
                _write_trial(paths, number, trial)
        journal.rewrite(paths.journal, _events(study, command))
        _refuse_unreadable(paths, study)
        refuse_existing(directory)
        temporary.rename(directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if held is not None:
            os.close(held)


def _clear(directory: Path) -> None:
    """Delete what killed imports into this folder left beside it; an import that is still running has a lock."""
    for left in directory.parent.glob(f".{glob.escape(directory.name)}.*"):
        if not left.suffix[1:].isdigit() or left.is_symlink() or not left.is_dir():
            continue
        fd = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if lock(fd):
                shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(fd)


def _refuse_unreadable(paths: StudyPaths, study: Study) -> None:
    try:
        load(paths.spec)
    except SpecError as error:
        source = study.spec.imported.source if study.spec.imported else None
        raise StudyError(f"these runs cannot become a study: {error.what}", where=source) from None


def _write_trial(paths: StudyPaths, number: int, trial: Imported) -> None:
    own = paths.trial(number)
    own.dir.mkdir()
    own.params.write_text(json.dumps(trial.params), encoding="utf-8")
    own.source.write_text(json.dumps(trial.run.source, default=str), encoding="utf-8")
    own.stdout.write_text(f"imported: {trial.run.name}\n", encoding="utf-8")
    if trial.run.evaluations:
        journal.rewrite(own.metrics, trial.run.evaluations)


def _events(study: Study, command: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The journal: the study's origin, the plan of all trials, then the course of each."""
    now = time.time()
    imported = study.spec.imported
    where = {"source": imported.source, "format": imported.format} if imported else {}
    yield {"event": "imported", "time": now, "from": where, **command, "about": study.about}
    for number, trial in enumerate(study.trials):
        planned = {"trial": number, "params": trial.params, "arm": trial.arm, "seed": trial.seed}
        again = {} if trial.repeat_of is None else {"repeat_of": trial.repeat_of}
        yield {"event": "planned", "time": now, **planned, **again, "name": trial.run.name}
    for number, trial in enumerate(study.trials):
        if trial.state == "pending" and not trial.run.evaluations:
            continue
        ended = trial.run.ended or now
        started = min(trial.run.started or ended, ended)
        attempt = {"trial": number, "attempt": 1}
        yield {"event": "started", "time": started, **attempt, "slot": SLOT}
        result = {"state": trial.state, "reason": trial.reason, "exit_code": None}
        yield {"event": "ended", "time": ended, **attempt, **result}
