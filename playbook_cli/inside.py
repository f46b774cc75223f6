"""A study's folder may come from somebody else: nothing in it leads out of it, or is no plain file.

The folder itself may be a link, or lie below one: whoever names it knows where it is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playbook_cli.paths import StudyPaths

_OF_A_STUDY = ("study.", "trials", "runner.json", "report", "export")
_OF_A_TRIAL = ("params.", "identity.", "metrics.jsonl", "stdout.log", "node.", "source.json", "checkpoints")
"""What the names of our own files begin with; other files of a trial are its script's, and nobody here opens them."""


def refuse_ways_out(paths: StudyPaths, *, checkpoints: bool = False) -> None:
    """StudyError where a file that Playbook would read or write is a link out of the study, a pipe, or a device.

    Checkpoints only matter where trials are run. Nothing is opened.
    """
    root = os.path.realpath(paths.dir)
    for entry in _own(root, checkpoints=checkpoints):
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if not target.startswith(root + os.sep):
                raise StudyError(
                    f"this is a symbolic link out of the study, to {target}",
                    where=entry.path,
                    hint="no link is followed out of a study: put what it leads to in its place",
                )
        if not (entry.is_file() or entry.is_dir()) and Path(entry.path).exists():
            raise StudyError("this is neither a file nor a folder", where=entry.path, hint="delete it")


def _own(root: str, *, checkpoints: bool) -> Iterator[os.DirEntry[str]]:
    for entry in _entries(root, _OF_A_STUDY):
        yield entry
        if entry.name in ("report", "export"):
            yield from _entries(entry.path)
        elif entry.name == "trials":
            for trial in _entries(entry.path):
                yield trial
                for file in _entries(trial.path, _OF_A_TRIAL):
                    yield file
                    if checkpoints and file.name == "checkpoints":
                        yield from _entries(file.path)


def _entries(folder: str, names: Iterable[str] = ("",)) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.name.startswith(tuple(names))]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
