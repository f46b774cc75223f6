"""What a shell offers for a study file or a run folder: those that exist, one level below what is typed so far."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.files import regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST = 200
"""Entries of a folder that are looked at; a shell waits for the answer."""
_HEAD = 1 << 16
"""Bytes of a file in which the keys of a study are looked for."""


def study_files(incomplete: str) -> list[str]:
    """Study files whose path begins so; where there are none, folders and YAML files."""
    return _found(incomplete, _is_study_file) or _found(incomplete, lambda path: path.endswith((".yaml", ".yml")))


def run_folders(incomplete: str) -> list[str]:
    """Folders of studies whose path begins so; where there are none, all folders."""
    return _found(incomplete, lambda path: Path(path, "trials.jsonl").is_file())


def _found(incomplete: str, wanted: Callable[[str], bool]) -> list[str]:
    near = list(_below(incomplete))
    deeper = (path for place in near if Path(place).is_dir() for path in _below(f"{place}/"))
    found = [path for path in [*near, *islice(deeper, _MOST)] if wanted(path)]
    return found or [f"{path}/" for path in near if Path(path).is_dir()]


def _below(incomplete: str) -> Iterator[str]:
    """What is in the folder of this path and begins with its last part, without what is hidden."""
    folder, _, begin = incomplete.rpartition("/")
    with suppress(OSError):
        with os.scandir(f"{folder}/" if "/" in incomplete else ".") as entries:
            names = sorted(entry.name for entry in entries if entry.name.startswith(begin))
        for name in islice(names, _MOST):
            if begin or not name.startswith("."):
                yield f"{folder}/{name}" if "/" in incomplete else name


def _is_study_file(path: str) -> bool:
    if not path.endswith((".yaml", ".yml")):
        return False
    with suppress(OSError), regular.opened(path) as file:
        head = file.read(_HEAD)
        return b"metric" in head and b"max_train_steps" in head
    return False
