"""How a trial's files get from a node to the study's folder and back, if they share no file system."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.files import atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

GROWING = {".jsonl", ".log", ".csv"}
"""Files of these kinds only grow, so that only new data is sent."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """New data of one file: its bytes from `offset` on; at 0, the whole file."""

    name: str
    """Path relative to the trial's folder."""
    offset: int
    data: bytes


def files_of(directory: Path) -> dict[str, bytes]:
    """All files of a trial, by their names relative to its folder; without those that are removed in the meantime."""
    files = {}
    for name, path in _listed(directory):
        with suppress(FileNotFoundError):
            files[name] = path.read_bytes()
    return files


def _listed(directory: Path) -> Iterator[tuple[str, Path]]:
    """Files inside a folder, with their names relative to it; may include files that are removed in the meantime."""
    for folder, _, names in os.walk(directory):  # rglob raises if a folder is removed while it looks
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not name.endswith(".tmp"):
                yield path.relative_to(directory).as_posix(), path


class Mailbox:
    """Beside the runner: writes what nodes send to the trials' folders."""

    def get(self, directory: str) -> dict[str, bytes]:
        """The files that a trial has so far."""
        return files_of(Path(directory))

    def put(self, directory: str, message: Message) -> None:
        """Write new data of a file. ValueError if it would be outside the trial's folder."""
        home = Path(directory).resolve()
        path = home / message.name
        if home not in path.resolve().parents:
            raise ValueError(f"{message.name} is outside {home}")
        path.parent.mkdir(parents=True, exist_ok=True)
        if message.offset == 0:
            atomic.write(path, message.data)
            return
        with path.open("r+b") as file:
            file.seek(message.offset)
            file.write(message.data)


class Outbox:
    """On the node: sends what changes in a trial's folder."""

    def __init__(self, directory: Path, put: Callable[[Message], object]) -> None:
        self._directory = directory
        self._put = put
        self._sent: dict[str, tuple[int, int, int]] = {}
        """Inode, time of change and size of each file that was sent, by name."""

    def unpack(self, files: Mapping[str, bytes]) -> None:
        """Start with the files that the trial already has."""
        for name, data in files.items():
            path = self._directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self._sent = self._seen()

    def send(self) -> None:
        """Send what has changed and still exists; growing files first."""
        seen = self._seen()
        for name in sorted(seen, key=lambda name: Path(name).suffix not in GROWING):
            file, _, size = seen[name]
            before = self._sent.get(name)
            if before == seen[name]:
                continue
            grown = before is not None and before[0] == file and Path(name).suffix in GROWING and size >= before[2]
            offset = before[2] if grown and before is not None else 0
            try:
                with (self._directory / name).open("rb") as opened:
                    opened.seek(offset)
                    data = opened.read(size - offset)
            except FileNotFoundError:  # a checkpoint that the trainer has removed
                continue
            self._put(Message(name=name, offset=offset, data=data))
            self._sent[name] = seen[name]

    def remove(self) -> None:
        """Leave nothing on the node."""
        shutil.rmtree(self._directory.parent, ignore_errors=True)

    def _seen(self) -> dict[str, tuple[int, int, int]]:
        seen = {}
        for name, path in _listed(self._directory):
            with suppress(FileNotFoundError):
                stat = path.stat()
                seen[name] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        return seen
