"""What trials measured. Each metrics file is read once, as long as its size and time stay the same.

The measurements of finished trials are also cached in one file beside the report, so that the next command reads only
what is new. That file can be deleted at any time; a damaged one, or one of another version, is ignored.

    magic       16 bytes, with the version
    checksum     8 bytes: CRC-32 of all that follows
    length       8 bytes: of the index
    index       JSON: for each trial, the state of its file and the names of its metrics
    columns     for each trial in the order of the index: its steps, then each metric; 8 bytes per number
"""

from __future__ import annotations

import struct
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.files import atomic, regular
from playbook_cli.records import Curve
from playbook_cli.storage.metrics import Measured, measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

MAGIC = b"playbook cols 1\n"
NUMBER = struct.Struct("<Q")
"""Little-endian, like all numbers of the file."""
SETTLED_SECONDS = 2.0
"""A file that changed this recently may change again within the same clock tick, so it is not cached."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    size: int
    changed: int
    """Nanoseconds since the epoch."""
    measured: Measured


class Columns:
    """What the trials of one study measured; `path` is the cache for the finished ones."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[int, _Known] | None = None
        self._kept: dict[int, _Known] = {}
        """The content of the cache file."""

    def measured(self, trial: int, metrics: Path) -> Measured:
        """What a trial's metrics file says."""
        if self._known is None:
            self._kept = _read(self._path)
            self._known = dict(self._kept)
        try:
            status = metrics.lstat()  # before it is read: if something is appended meanwhile, it counts as changed
        except FileNotFoundError:
            return Measured(curve=None, infeasible=None, damaged=None)
        except OSError:
            return measure(metrics)
        known = self._known.get(trial)
        if known is None or (known.size, known.changed) != (status.st_size, status.st_mtime_ns):
            known = _Known(size=status.st_size, changed=status.st_mtime_ns, measured=measure(metrics))
            self._known[trial] = known
        return known.measured

    def keep(self, finished: Iterable[int]) -> None:
        """Cache what these trials measured, atomically; does nothing if the folder can't be written."""
        settled = time.time_ns() - int(SETTLED_SECONDS * 1e9)
        known = self._known or {}
        kept = {
            trial: known[trial]
            for trial in finished
            if trial in known and known[trial].changed < settled and known[trial].measured.damaged is None
        }
        if kept == self._kept:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(self._path, _packed(kept))
        except (OSError, TypeError):  # TypeError: a name that can't be stored; the cache only saves time
            return
        self._kept = kept


def _packed(kept: Mapping[int, _Known]) -> bytes:
    import orjson

    index = orjson.dumps([_entry(trial, known) for trial, known in kept.items()])
    index += b" " * (-len(index) % 8)
    columns = [column for known in kept.values() for column in _columns(known.measured.curve)]
    body = NUMBER.pack(len(index)) + index + b"".join(columns)
    return MAGIC + NUMBER.pack(zlib.crc32(body)) + body


def _entry(trial: int, known: _Known) -> dict[str, Any]:
    measured = known.measured
    curve = measured.curve
    return {
        "trial": trial,
        "size": known.size,
        "changed": known.changed,
        "evaluations": None if curve is None else len(curve.steps),
        "names": [] if curve is None else list(curve.values),
        "infeasible": measured.infeasible,
    }


def _columns(curve: Curve | None) -> Iterator[bytes]:
    if curve is not None:
        yield curve.steps.astype("<i8", copy=False).tobytes()
        for column in curve.values.values():
            yield column.astype("<f8", copy=False).tobytes()


def _read(path: Path) -> dict[int, _Known]:
    """The content of the file; {} if there is none, or it is damaged."""
    import orjson

    try:
        content = regular.content(path)
        if not content.startswith(MAGIC):
            return {}
        body = len(MAGIC) + NUMBER.size
        if NUMBER.unpack_from(content, len(MAGIC))[0] != zlib.crc32(memoryview(content)[body:]):
            return {}
        (length,) = NUMBER.unpack_from(content, body)
        start = body + NUMBER.size
        return _unpacked(orjson.loads(content[start : start + length]), content, start + length)
    except (OSError, ValueError, TypeError, KeyError, struct.error):
        return {}


def _unpacked(index: list[dict[str, Any]], content: bytes, start: int) -> dict[int, _Known]:
    """The trials of an index whose columns begin at `start`; the columns stay views of `content`."""
    import numpy as np

    known = {}
    row = 0
    whole = np.frombuffer(content, dtype="<i8", offset=start)
    real = whole.view("<f8")
    for entry in index:
        curve, count = None, entry["evaluations"]
        if count is not None:
            if not 0 < count <= (len(whole) - row) // (len(entry["names"]) + 1):
                raise ValueError("the index names more than there is")
            ends = range(row + count, row + count * (len(entry["names"]) + 2), count)
            values = {name: real[end : end + count] for name, end in zip(entry["names"], ends, strict=False)}
            curve = Curve(steps=whole[row : row + count], values=values)
            row = ends[-1]
        measured = Measured(curve=curve, infeasible=entry["infeasible"] and str(entry["infeasible"]), damaged=None)
        known[entry["trial"]] = _Known(size=entry["size"], changed=entry["changed"], measured=measured)
    return known
