"""A disk that loses its power: what the system calls of a program have left on it at any moment.

`traced` runs a program under strace; a `Disk` replays its calls on files below one folder, and keeps apart what the
program sees and what is on the disk for certain, as POSIX has it: the content of a file once it is synced, a name once
its folder is. What is not certain may be there or not, so `write` lays down one of several `Kind`s of disk.
"""

from __future__ import annotations

import os
import re
import subprocess
from codecs import escape_decode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Kind = Literal["certain", "all", "names", "zeros"]
"""What is on the disk of all that is not certain: nothing; all of it; names without content; names, with the first half
of each file's uncertain content as zeros, since blocks are written in any order."""
KINDS = get_args(Kind)

CALLS = (
    "openat,open,creat,mkdir,mkdirat,write,pwrite64,writev,ftruncate,truncate,fsync,fdatasync,rename,renameat,"
    "renameat2,unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat,sendfile,copy_file_range"
)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_OF_FILE = re.compile(r"^\d+<(?P<path>[^>]*)>")


@dataclass(frozen=True)
class Call:
    """One system call that succeeded."""

    name: str
    arguments: str
    result: str

    @property
    def strings(self) -> list[bytes]:
        return [escape_decode(text.encode())[0] for text in _STRING.findall(self.arguments)]

    @property
    def file(self) -> str:
        """The path of the file that its first argument has open."""
        found = _OF_FILE.match(self.arguments)
        return found["path"] if found else ""


def traced(command: Sequence[str], cwd: Path) -> list[Call]:
    """The calls of a program and of all that it starts, in order; it must exit with 0."""
    log = cwd / "strace.log"
    options = ["-f", "-y", "-s", "1000000", "--seccomp-bpf", "-z", "-o", str(log), "-e", f"trace={CALLS}"]
    subprocess.run(["strace", *options, *command], cwd=cwd, check=True, capture_output=True)
    calls, unfinished = [], {}
    for line in log.read_text().splitlines():
        pid, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            unfinished[pid] = rest.removesuffix("<unfinished ...>")
            continue
        if rest.startswith("<... "):
            rest = unfinished.pop(pid) + rest.partition(" resumed>")[2]
        found = re.match(r"(\w+)\((.*)\)\s+= (\S+.*)$", rest)
        if found:
            calls.append(Call(*found.groups()))
    return calls


@dataclass
class _File:
    content: bytes = b""
    certain: bytes = b""


@dataclass
class _Folder:
    names: dict[str, _File | _Folder] = field(default_factory=dict)
    certain: dict[str, _File | _Folder] = field(default_factory=dict)


class Disk:
    """The files below `root`, which is there and empty."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._top = _Folder()

    def replay(self, call: Call) -> bool:
        """Whether the call changed anything that the disk could show."""
        change = getattr(self, f"_{call.name}", None)
        assert change is not None or not self._touches(call), f"this disk does not know {call}"
        return change is not None and bool(change(call))

    def write(self, target: Path, kind: Kind) -> None:
        """Lay down what is there after a loss of power."""
        self._lay(self._top, target, kind)

    def state(self, kind: Kind) -> object:
        """What `write` would lay down, as a value to compare."""

        def of(thing: _File | _Folder) -> object:
            if isinstance(thing, _File):
                return _kept(thing, kind)
            names = thing.certain if kind == "certain" else thing.names
            return tuple(sorted((name, of(what)) for name, what in names.items()))

        return of(self._top)

    def _lay(self, folder: _Folder, target: Path, kind: Kind) -> None:
        target.mkdir(exist_ok=True)
        for name, thing in (folder.certain if kind == "certain" else folder.names).items():
            if isinstance(thing, _Folder):
                self._lay(thing, target / name, kind)
            else:
                (target / name).write_bytes(_kept(thing, kind))

    def _touches(self, call: Call) -> bool:
        return call.file.startswith(self._root) or any(self._parts(text) for text in call.strings[:2])

    def _parts(self, path: bytes | str) -> list[str]:
        """The names below the root that lead to a path; [] where it lies elsewhere."""
        text = os.fsdecode(path).removesuffix(" (deleted)")
        whole = os.path.normpath(text if text.startswith("/") else f"{self._root}/{text}")
        inside = os.path.relpath(whole, self._root)
        return [] if inside.startswith("..") else inside.split("/")

    def _at(self, parts: Sequence[str]) -> _File | _Folder | None:
        place: _File | _Folder | None = self._top
        for name in parts:
            place = place.names.get(name) if isinstance(place, _Folder) and name != "." else place
        return place

    def _parent(self, parts: Sequence[str]) -> _Folder:
        folder = self._at(parts[:-1])
        assert isinstance(folder, _Folder), parts
        return folder

    def _openat(self, call: Call) -> bool:
        parts = self._parts(call.strings[0])
        if not parts or "O_CREAT" not in call.arguments:
            return False
        there = self._at(parts)
        if there is None:
            self._parent(parts).names[parts[-1]] = _File()
        elif "O_TRUNC" in call.arguments and isinstance(there, _File):
            there.content = b""
        return True

    def _mkdir(self, call: Call) -> bool:
        parts = self._parts(call.strings[0])
        if parts:
            self._parent(parts).names[parts[-1]] = _Folder()
        return bool(parts)

    def _opened(self, call: Call) -> _File | _Folder | None:
        parts = self._parts(call.file) if call.file.startswith(self._root) else []
        return self._at(parts) if parts else None

    def _write(self, call: Call) -> bool:
        file = self._opened(call)
        if isinstance(file, _File):
            file.content += call.strings[0][: int(call.result)]
        return isinstance(file, _File)

    def _pwrite64(self, call: Call) -> bool:
        file = self._opened(call)
        if isinstance(file, _File):
            offset, data = int(call.arguments.rpartition(", ")[2]), call.strings[0][: int(call.result)]
            file.content = file.content[:offset].ljust(offset, b"\0") + data + file.content[offset + len(data) :]
        return isinstance(file, _File)

    def _ftruncate(self, call: Call) -> bool:
        file = self._opened(call)
        if isinstance(file, _File):
            file.content = file.content[: int(call.arguments.rpartition(", ")[2])]
        return isinstance(file, _File)

    def _fsync(self, call: Call) -> bool:
        thing = self._opened(call)
        if isinstance(thing, _File):
            thing.certain = thing.content
        elif isinstance(thing, _Folder):
            thing.certain = dict(thing.names)
        elif self._parts(call.file) == ["."]:
            self._top.certain = dict(self._top.names)
        return True

    _fdatasync = _fsync

    def _rename(self, call: Call) -> bool:
        source, target = (self._parts(text) for text in call.strings)
        if source:
            self._parent(target).names[target[-1]] = self._parent(source).names.pop(source[-1])
        return bool(source)

    def _link(self, call: Call) -> bool:
        source, target = (self._parts(text) for text in call.strings)
        if source:
            self._parent(target).names[target[-1]] = self._parent(source).names[source[-1]]
        return bool(source)

    def _unlink(self, call: Call) -> bool:
        parts = self._parts(call.strings[0])
        return bool(parts) and self._parent(parts).names.pop(parts[-1], None) is not None


def _kept(file: _File, kind: Kind) -> bytes:
    if kind == "all":
        return file.content
    if kind in ("certain", "names") or not file.content.startswith(file.certain):
        return file.certain
    rest = file.content[len(file.certain) :]
    return file.certain + b"\0" * (len(rest) // 2) + rest[len(rest) // 2 :]
