"""The current files and folders; unchanged ones are not read again."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass

from playbook_cli.sources.imports import NOTHING, Imports, imports

YOUNG_NS = 2_000_000_000
"""A file that changed this shortly before it was read may change again with the same time: see "racy git"."""
WHOLE_BYTES = 64 << 20
"""For a larger file, only the size and both ends are hashed."""
PARSED_BYTES = 1 << 20
"""A larger source file was probably generated, and is not parsed."""

Key = tuple[int, ...]
"""State of a file that shows changes: mode, inode, size, mtime and ctime."""


@dataclass(frozen=True)
class File:
    """The content of a regular file."""

    digest: str
    imports: Imports


_files: dict[str, tuple[Key | None, File]] = {}
"""Files as last read, with their keys; None if the key can't show a change."""
_folders: dict[str, tuple[Key, frozenset[str]]] = {}


class View:
    """One look at the file system, in which each path is checked once, with the keys of all paths."""

    def __init__(self) -> None:
        self._keys: dict[str, Key | None] = {}
        self._settled = True
        """Whether the keys would show any change of what was seen."""

    def unchanged(self) -> bool:
        """Whether another look would see the same."""
        return self._settled and all(_key(path) == key for path, key in self._keys.items())

    def key(self, path: str) -> Key | None:
        """The key of a file or folder, which changes with its content; None if it doesn't exist."""
        if path not in self._keys:
            self._keys[path] = _key(path)
        return self._keys[path]

    def is_file(self, path: str) -> bool:
        """Whether the path is, or links to, a regular file."""
        key = self.key(path)
        return key is not None and stat.S_ISREG(key[0])

    def names_in(self, folder: str) -> frozenset[str]:
        """The names in a folder; empty if it is not a folder or can't be read."""
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
        """A regular file; None if there is none, or it can't be read. Never waits for a pipe."""
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
