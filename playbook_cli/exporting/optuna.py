"""A study as a study in an Optuna storage."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.exporting.frozen import made, restored
from playbook_cli.files import journal
from playbook_cli.importing.optuna import check_file, package
from playbook_cli.wording import first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import StudyRecord

METRIC_NAMES = "study:metric_names"
"""Attribute of a study that holds the names of its objectives."""
_FILES = (".db", ".sqlite", ".sqlite3")


def is_storage(target: str) -> bool:
    """Whether this names a database rather than a folder."""
    return "://" in target or Path(target).suffix in _FILES


def write(study: StudyRecord, paths: StudyPaths, target: str) -> str:
    """Add the study to a storage, which may be a new SQLite file, and return the storage's URL.

    A study that was imported from Optuna is exported unchanged. PlaybookError if the storage cannot be opened, or has a
    study of the same name.
    """
    package()
    about = _about(paths)
    trials = restored(paths, len(study.trials)) if about else made(study)
    match = re.fullmatch(r"sqlite(?:\+\w+)?:///(.+)", target)
    if match is None and "://" in target:
        with _opened(target, target) as storage:
            _fill(storage, study, about, trials, target)
        return target
    path = Path(match[1] if match else target)
    if path.exists():
        check_file(path, target)
        with _opened(f"sqlite:///{path}", target) as storage:
            _fill(storage, study, about, trials, target)
        return f"sqlite:///{path}"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _opened(f"sqlite:///{temporary}", target) as storage:
            _fill(storage, study, about, trials, target)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    return f"sqlite:///{path}"


def _about(paths: StudyPaths) -> Mapping[str, Any]:
    """The Optuna study that this study was imported from, according to the journal; {} if it was not imported."""
    for event in journal.read(paths.journal):
        if event.get("event") == "imported" and event.get("from", {}).get("format") == "optuna":
            return dict(event["about"])
    return {}


@contextmanager
def _opened(url: str, target: str) -> Iterator[RDBStorage]:
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    try:
        storage = optuna.storages.RDBStorage(url)
    except (SQLAlchemyError, RuntimeError, ImportError, ValueError) as error:
        raise PlaybookError(f"Optuna cannot open this storage: {first_line(error)}", where=target) from None
    try:
        yield storage
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        what = f"Optuna cannot write to this storage: {first_line(error.__cause__ or error)}"
        raise PlaybookError(what, where=target) from None
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _fill(
    storage: RDBStorage, study: StudyRecord, about: Mapping[str, Any], trials: Sequence[FrozenTrial], target: str
) -> None:
    import optuna

    name = str(about.get("study_name", study.name))
    if name in optuna.get_all_study_names(storage):
        raise PlaybookError(
            f"this storage already has a study named {name!r}", where=target, hint="export to another: --to other.db"
        )
    directions = about.get("directions") or [f"{study.metric.goal}".upper()]
    created = optuna.create_study(
        storage=storage,
        study_name=name,
        directions=[optuna.study.StudyDirection[direction] for direction in directions],
    )
    number = storage.get_study_id_from_name(name)
    for key, value in about.get("user_attrs", {"playbook": {"goal": study.goal}}).items():
        storage.set_study_user_attr(number, key, value)
    for key, value in about.get("system_attrs", {METRIC_NAMES: [study.metric.name]}).items():
        storage.set_study_system_attr(number, key, value)
    try:
        created.add_trials(trials)
    except BaseException:  # half a study would look like a whole one
        storage.delete_study(number)
        raise
