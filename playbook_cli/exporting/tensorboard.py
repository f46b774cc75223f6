"""A study as TensorBoard event files: one folder per trial, with scalars, and hyperparameters for the HParams tab.

The format of the files is described in `formats/tensorboard.py`, which reads them.
"""

from __future__ import annotations

import secrets
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.exporting.tables import measured
from playbook_cli.formats.tensorboard import masked_crc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from playbook_cli.exporting.tables import BySteps
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import StudyRecord, TrialRecord, Value

_DOUBLE, _FLOAT = struct.Struct("<d"), struct.Struct("<f")
_SUCCESS, _FAILURE, _RUNNING = 1, 2, 3
"""Values of the hparams plugin's Status."""
_STATES = {"completed": _SUCCESS, "infeasible": _FAILURE, "stopped": _FAILURE, "failed": _FAILURE}


def write(study: StudyRecord, paths: StudyPaths, target: str) -> list[str]:
    """Write a folder `trial_0007` for every started trial and return the paths. PlaybookError if `target` is in use.

    Values have single precision, as in TensorBoard.
    """
    folder = Path(target)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PlaybookError(
            "this folder already exists and is not empty", where=target, hint="export to a new folder: --to FOLDER"
        )
    tracker = Tracker(folder)
    written = []
    for trial in study.trials:
        if trial.attempts and not trial.unused:
            key = secrets.token_hex(4)
            tracker.begin(key, trial)
            tracker.log(key, trial, measured(paths.trial(trial.id).metrics))
            tracker.end(key, trial)
            written.append(str(tracker.home(trial)))
    return written


class Tracker:
    """Writes trials as event files, each in a folder of its own: see `live.Tracker`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def home(self, trial: TrialRecord) -> Path:
        return self._folder / f"trial_{trial.id:04}"

    def begin(self, key: str, trial: TrialRecord) -> None:
        self.home(trial).mkdir(parents=True, exist_ok=True)
        self._append(key, trial, [_field(3, b"brain.Event:2"), _started(trial)])

    def log(self, key: str, trial: TrialRecord, rows: BySteps) -> None:
        self._append(key, trial, [_scalars(step, metrics) for step, metrics in sorted(rows.items())])

    def end(self, key: str, trial: TrialRecord) -> None:
        status = _STATES.get(trial.state, _RUNNING)
        self._append(key, trial, [_summary("_hparams_/session_end_info", _field(4, b"\x08" + _varint(status)))])

    def drop(self, key: str, trial: TrialRecord) -> None:
        self._file(key, trial).unlink(missing_ok=True)

    def close(self) -> None:
        pass

    def _file(self, key: str, trial: TrialRecord) -> Path:
        there = next(self.home(trial).glob(f"events.out.tfevents.*.{key}"), None)
        return there or self.home(trial) / f"events.out.tfevents.{int(time.time())}.{key}"

    def _append(self, key: str, trial: TrialRecord, events: Iterable[bytes]) -> None:
        now = b"\x09" + _DOUBLE.pack(time.time())
        with self._file(key, trial).open("ab") as file:
            file.write(b"".join(_record(now + event) for event in events))


def _started(trial: TrialRecord) -> bytes:
    return _summary("_hparams_/session_start_info", _field(3, _hparams(trial)))


def _scalars(step: int, metrics: Mapping[str, float]) -> bytes:
    values = b"".join(_field(1, _field(1, _bytes(name)) + b"\x15" + _single(x)) for name, x in metrics.items())
    return b"\x10" + _varint(step) + _field(5, values)


def _hparams(trial: TrialRecord) -> bytes:
    return b"".join(_field(1, _field(1, _bytes(name)) + _field(2, _value(x))) for name, x in trial.params.items())


def _summary(tag: str, plugin: bytes) -> bytes:
    """The hparams plugin's metadata of an empty value; version 0 of its data is the default and not written."""
    metadata = _field(1, _field(1, b"hparams") + _field(2, plugin))
    return _field(
        5,
        _field(1, _field(1, tag.encode()) + _field(8, b"\x08\x01\x12\x00*\x04\x00\x00\x00\x00") + _field(9, metadata)),
    )


def _value(value: Value) -> bytes:
    """A google.protobuf.Value; lists become text."""
    if value is None:
        return b"\x08\x00"
    if isinstance(value, bool):
        return b"\x20" + bytes([value])
    return b"\x11" + _DOUBLE.pack(value) if isinstance(value, int | float) else _field(3, _bytes(str(value)))


def _single(value: float) -> bytes:
    try:
        return _FLOAT.pack(value)
    except OverflowError:
        return _FLOAT.pack(float("inf") if value > 0 else float("-inf"))


def _bytes(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return length + struct.pack("<I", masked_crc(length)) + content + struct.pack("<I", masked_crc(content))
