"""The bytes that are added to a file, and whether it was rewritten."""

from __future__ import annotations

import os
from dataclasses import dataclass

from playbook_cli.files import regular

CHUNK = 1 << 20
HEAD = 1024
"""Bytes at the start and before the read position that show whether a file was rewritten and is longer now."""


@dataclass(kw_only=True)
class Growing:
    """A file that another process writes, read from byte `start` on. It may not exist yet."""

    path: str
    start: int = 0
    _file: int = 0
    """Its inode."""
    _head: bytes = b""
    _tail: bytes = b""

    def read(self) -> tuple[bytes, bool]:
        """At most CHUNK further bytes, and whether they are the start of a new file.

        They are if the file was replaced, truncated or rewritten. A missing file has no further bytes, and neither has
        one that is being rewritten right now, so that old and new bytes could mix.
        """
        try:
            file = regular.descriptor(self.path)
        except OSError:  # it doesn't exist yet, or is a folder or a pipe
            return b"", False
        try:
            now = os.fstat(file)
            anew = self._is_another(file, now)
            start, tail = (0, b"") if anew else (self.start, self._tail)
            head = os.pread(file, HEAD, 0)
            data = os.pread(file, CHUNK, start)
            if not self._holds(file, start, tail, data) or os.pread(file, len(head), 0) != head:
                return b"", False
        except OSError:
            return b"", False
        finally:
            os.close(file)
        self._file, self._head = now.st_ino, head
        self.start, self._tail = start + len(data), (tail + data)[-HEAD:]
        return data, anew

    def _is_another(self, file: int, now: os.stat_result) -> bool:
        if self._file == 0:
            return False
        if now.st_ino != self._file or now.st_size < self.start:
            return True
        return os.pread(file, len(self._head), 0) != self._head or not self._holds(file, self.start, self._tail)

    @staticmethod
    def _holds(file: int, start: int, tail: bytes, data: bytes = b"") -> bool:
        """Whether the file still has `tail` before byte `start`, and `data` after it."""
        return os.pread(file, len(tail) + len(data), start - len(tail)) == tail + data
