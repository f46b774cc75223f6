"""The bytes that a file gains, and whether it was begun anew."""

from __future__ import annotations

import os
from dataclasses import dataclass

from playbook_cli import regular

CHUNK = 1 << 20
HEAD = 1024
"""Bytes at the beginning by which a file that was written anew is known, even where it is longer now."""


@dataclass(kw_only=True)
class Growing:
    """A file that another process writes, read from byte `start` on. It may not exist yet."""

    path: str
    start: int = 0
    _file: int = 0
    """Its inode."""
    _head: bytes = b""

    def read(self) -> tuple[bytes, bool]:
        """At most CHUNK further bytes, and whether they begin another file than those before.

        That is so where the file was replaced, cut, or written over; one that is gone has no further bytes.
        """
        try:
            file = regular.descriptor(self.path)
        except OSError:  # it is not there yet, or is a folder, or a pipe
            return b"", False
        try:
            now = os.fstat(file)
            anew = self._is_another(file, now)
            if anew:
                self.start = 0
            if anew or len(self._head) < min(HEAD, now.st_size):
                self._head = os.pread(file, HEAD, 0)
            self._file = now.st_ino
            data = os.pread(file, CHUNK, self.start)
        except OSError:
            return b"", False
        finally:
            os.close(file)
        self.start += len(data)
        return data, anew

    def _is_another(self, file: int, now: os.stat_result) -> bool:
        if self._file == 0:
            return False
        return now.st_ino != self._file or now.st_size < self.start or os.pread(file, len(self._head), 0) != self._head
