"""Files and folders as they are now; what has not changed since the last look is not read again."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass

from playbook_cli.sources.imports import NOTHING, Imports, imports

YOUNG_NS = 2_000_000_000
"""A file that changed so short a time before it was read may change again and keep its time: see "racy git"."""
WHOLE_BYTES = 64 << 20
"""Of a larger file, the size and both ends are hashed."""
PARSED_BYTES = 1 << 20
"""A larger source file was generated, and is not looked into."""

Key = tuple[int, ...]
"""What changes when a file does: mode, number, size, and times of content and of the entry."""


@dataclass(frozen=True)
class File:
    """A regular file, as it was read."""

    digest: str
    imports: Imports


_files: dict[str, tuple[Key | None, File]] = {}
"""As they were last read; without a key where that could not be known again by it."""
_folders: dict[str, tuple[Key, frozenset[str]]] = {}


class View:
    """One look at the file system, in which each path is looked at once, and what it rested on."""

    def __init__(self) -> None:
        self._keys: dict[str, Key | None] = {}
        self._settled = True
        """Whether all that was seen can be known again by its keys."""

    def unchanged(self) -> bool:
        """Whether another look would see the same."""
        return self._settled and all(_key(path) == key for path, key in self._keys.items())

    def key(self, path: str) -> Key | None:
        """What changes when a file, or what a folder holds, does; None where there is none."""
        if path not in self._keys:
            self._keys[path] = _key(path)
        return self._keys[path]

    def is_file(self, path: str) -> bool:
        """Whether there is a regular file, by itself or at the end of links."""
        key = self.key(path)
        return key is not None and stat.S_ISREG(key[0])

    def names_in(self, folder: str) -> frozenset[str]:
        """What a folder holds; nothing where it is none, or can't be read."""
        key = self.key(folder)
        known = _folders.get(folder)
        if key is None or not stat.S_ISDIR(key[0]):
            return frozenset()
        if known is not None and known[0] == key:
            return known[1]
        names: frozenset[str] = frozenset()
        with suppress(OSError):
            names = frozenset(os.listdir(folder))
        if self._settles(key):
            _folders[folder] = (key, names)
        return names

    def read(self, path: str) -> File | None:
        """A regular file; None where there is none, or it can't be read. Never waits for a pipe."""
        key = self.key(path)
        known = _files.get(path)
        if known is not None and known[0] == key:
            return known[1]
        if key is None or not stat.S_ISREG(key[0]):
            return None
        content = _content(path)
        if content is None:
            return None
        digest = hashlib.sha256(content).hexdigest()[:16]
        same = known is not None and known[1].digest == digest
        file = known[1] if known is not None and same else File(digest, _imports(path, content))
        _files[path] = (key if self._settles(key) else None, file)
        return file

    def _settles(self, key: Key) -> bool:
        settled = max(key[-2:]) < time.time_ns() - YOUNG_NS
        self._settled = self._settled and settled
        return settled


def _key(path: str) -> Key | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _content(path: str) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(fd, "rb") as file, suppress(OSError):
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return None
        if found.st_size <= WHOLE_BYTES:
            return file.read(WHOLE_BYTES)
        first = file.read(WHOLE_BYTES // 2)
        file.seek(found.st_size - WHOLE_BYTES // 2)
        return first + file.read(WHOLE_BYTES // 2) + str(found.st_size).encode()
    return None


def _imports(path: str, content: bytes) -> Imports:
    return imports(path, content) if len(content) <= PARSED_BYTES else NOTHING
