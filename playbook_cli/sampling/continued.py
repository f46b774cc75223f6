"""Trials that resume from a checkpoint of another study's trial."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import StudyError
from playbook_cli.files import atomic, containment
from playbook_cli.files.paths import StudyPaths
from playbook_cli.records import searched
from playbook_cli.storage.identity import mismatch
from playbook_cli.storage.store import read_history

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.files.paths import TrialPaths
    from playbook_cli.records import TrialRecord, Value


ANEW = "it trained from its start"
"""Start of the reason of a trial whose script ignored the checkpoint that it should resume from."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A trial to resume from."""

    paths: TrialPaths
    seed: int


def origin(checkpoint: str) -> Origin:
    """The trial that a checkpoint belongs to. StudyError if there is none."""
    path = Path(checkpoint)
    folder = path.parent.parent
    try:
        containment.opened(path, folder.parent.parent).close()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        raise StudyError(
            "points: this checkpoint does not exist" if missing else f"points: {error.strerror}",
            where=checkpoint,
            hint="to train the point from scratch, delete `from`",
        ) from None
    study = StudyPaths(folder.parent.parent)
    if path.parent.name == "checkpoints":
        containment.refuse_ways_out(study)
    known = read_history(study).trials if path.parent.name == "checkpoints" else ()
    for trial in known:
        if study.trial(trial.id).dir == folder:
            if why := mismatch(trial, study.trial(trial.id)):
                raise StudyError(
                    f"points: cannot resume from this folder: {why}",
                    where=str(folder),
                    hint="restore the folder of that study, or delete `from` to train the point from scratch",
                )
            return Origin(paths=study.trial(trial.id), seed=trial.seed)
    raise StudyError(
        "points: this checkpoint does not belong to a trial of a study",
        where=checkpoint,
        hint="use a checkpoint in runs/NAME/trials/NUMBER/checkpoints",
    )


def checkpoint_of(number: int, trials: Iterable[TrialRecord], points: Sequence[Mapping[str, Value]]) -> str | None:
    """The checkpoint that this trial begins at; None if it trains from scratch, as repeats do."""
    search = [trial.id for trial in searched(trials)]
    place = search.index(number) if number in search else len(points)
    checkpoint = points[place].get("from") if place < len(points) else None
    return None if checkpoint is None else str(checkpoint)


def go_on_from(checkpoint: str, paths: TrialPaths) -> None:
    """Give a trial that has not begun a copy of the checkpoint and of the evaluations before it.

    Later evaluations are copied too; the trial drops them when it resumes. StudyError if there is no such trial.
    """
    before = origin(checkpoint)
    paths.checkpoints.mkdir(parents=True, exist_ok=True)
    # the checkpoint comes last, because its presence means that the trial has begun
    for source, target in ((before.paths.metrics, paths.metrics), (Path(checkpoint), paths.last_checkpoint)):
        with containment.opened(source, before.paths.dir.parent.parent) as file:
            atomic.replace(target, partial(shutil.copyfileobj, file))


def began_anew(paths: TrialPaths) -> bool:
    """Whether a trial that was given a checkpoint trained from scratch: it set aside the evaluations it was given."""
    return os.path.lexists(f"{paths.metrics}.1")
