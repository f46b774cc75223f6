"""A study's folder may come from someone else: nothing in it may lead out of it, or be other than a regular file.

The folder itself may be a link, or be inside one, since the user named it. Problems with the study's own files are
refused; problems with a file of a trial affect only that trial, and are found when the file is opened.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from playbook_cli.errors import StudyError
from playbook_cli.files import regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playbook_cli.files.paths import StudyPaths, TrialPaths

_OF_A_STUDY = ("study.", "trials", "runner.json", "report", "export")
_OF_A_TRIAL = (
    "params.",
    "identity.",
    "metrics.jsonl",
    "stdout.log",
    "defaults.",
    "node.",
    "source.json",
    "checkpoints",
)
"""Prefixes of our own files; other files of a trial belong to its script, and are never opened here."""


def refuse_ways_out(paths: StudyPaths) -> None:
    """StudyError if a file that Playbook would read or write in the study is a link out of it, a pipe, or a device.

    Files of trials are not checked. Nothing is opened.
    """
    root = os.path.realpath(paths.dir)
    for entry in _own(root):
        if entry.is_symlink() and (target := _outside(entry.path, root)):
            raise StudyError(
                f"this is a symbolic link out of the study, to {target}",
                where=entry.path,
                hint="links out of a study are not followed: replace the link by what it points to",
            )
        if os.path.exists(entry.path) and not (os.path.isfile(entry.path) or os.path.isdir(entry.path)):
            raise StudyError("this is neither a file nor a folder", where=entry.path, hint="delete it")


def opened(path: Path, study: Path | None = None) -> BinaryIO:
    """Open a file of a trial to read. OSError, which names it, if it can't be opened, is no file, or leads elsewhere.

    A link to another file of the same study is followed. `study` is the study's folder; by default it follows from the
    file being in the trial's own folder.
    """
    study = study or path.parent.parent.parent
    place, end = os.fspath(path), len(os.fspath(study))
    while len(place) > end:  # text, since a study may have 100,000 of these
        if os.path.islink(place):
            return regular.opened(_followed(path, study), os.O_NOFOLLOW)
        place = os.path.dirname(place)
    return regular.opened(path, os.O_NOFOLLOW)


def content(path: Path) -> bytes:
    """All bytes of a file of a trial. OSError as `opened`."""
    try:
        with opened(path) as file:
            return file.read()
    except OSError as error:
        raise regular.named(error, path) from None


def problem(path: Path) -> str | None:
    """Why a file of a trial can't be read; None if it can, or doesn't exist."""
    try:
        opened(path).close()
    except FileNotFoundError:
        return None
    except OSError as error:
        return said(error, path)
    return None


def said(error: OSError, path: Path) -> str:
    """Why a file can't be read: its path and the system's message."""
    return f"{path} can't be read: {error.strerror or error}"


def require_plain(paths: TrialPaths) -> None:
    """Check the files of a trial that is about to start. OSError names one that leads out of its study, is not a file,
    or can't be written.

    So no trial starts that would write elsewhere, or wait for a pipe. Nothing is opened.
    """
    for path in (paths.dir, *_of_trial(paths)):
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(status.st_mode):
            _followed(path, paths.dir.parent.parent)
            continue
        folder = path in (paths.dir, paths.checkpoints)
        if stat.S_ISDIR(status.st_mode) != folder and path.parent != paths.checkpoints:
            what = "this is a file, not a folder" if folder else "this is a folder, not a file"
            raise OSError(errno.ENOTDIR if folder else errno.EISDIR, what, str(path))
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise OSError(errno.EINVAL, "this is neither a file nor a folder", str(path))
        if folder and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def _of_trial(paths: TrialPaths) -> Iterator[Path]:
    for entry in _entries(str(paths.dir), _OF_A_TRIAL):
        yield Path(entry.path)
        if entry.name == paths.checkpoints.name:
            yield from (Path(file.path) for file in _entries(entry.path))


def _own(root: str) -> Iterator[os.DirEntry[str]]:
    for entry in _entries(root, _OF_A_STUDY):
        yield entry
        if entry.name in ("report", "export"):
            yield from _entries(entry.path)


def _entries(folder: str, names: Iterable[str] = ("",)) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.name.startswith(tuple(names))]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def _followed(path: Path, study: Path) -> str:
    """Where a link of a study leads. OSError if that is outside the study."""
    if target := _outside(path, os.path.realpath(study)):
        raise OSError(errno.ELOOP, f"this is a symbolic link out of the study, to {target}", str(path))
    target = os.path.realpath(path)
    if not os.path.lexists(target):
        raise OSError(errno.ELOOP, f"this is a symbolic link to {target}, which doesn't exist", str(path))
    return target


def _outside(path: str | Path, root: str) -> str | None:
    """The target of a link that leads out of the folder `root`; None if it stays inside."""
    target = os.path.realpath(path)
    return None if target.startswith(root + os.sep) else target
