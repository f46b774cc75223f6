"""TensorBoard event files, without TensorBoard: scalars by tag and step, and the hyperparameters of its hparams plugin.

A file is a row of records: length (8 bytes, little endian), its checksum (4), the content, its checksum (4). Checksums
are CRC-32C, rotated and offset as TFRecord files have them. The content is an `Event` in protobuf's wire format, of
which only the fields below are read:

    Event   1 wall_time (double)  2 step (int64)  5 summary
    summary 1 value (repeated)
    value   1 tag  2 simple_value (float)  8 tensor  9 metadata
    tensor  1 dtype  4 tensor_content  5 float_val  6 double_val  7 int_val  10 int64_val  13 half_val
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playbook_cli.formats.wire import fields, inside, signed, varints

if TYPE_CHECKING:
    from playbook_cli.records import Value

CHECKED_BYTES = 65536
"""Longer records hold images or graphs, not scalars, so their checksum is not computed."""
MAX_RECORD = 2**31
_HEADER = 12
_FOOTER = 4


@dataclass(frozen=True, kw_only=True)
class Event:
    """One record that holds scalars or hyperparameters."""

    step: int
    wall_time: float
    """Seconds since the epoch."""
    scalars: dict[str, float] = field(default_factory=dict)
    """Values by tag."""
    hparams: dict[str, Value] | None = None


def read_events(content: bytes) -> tuple[list[Event], str | None]:
    """The events of a whole file, and why the rest cannot be read, if so; a torn last record is ignored."""
    reader = EventReader()
    return reader.feed(content), reader.problem


class EventReader:
    """The events of a growing file. Nothing is read beyond a damaged record, because the next start is unknown."""

    def __init__(self) -> None:
        self.problem: str | None = None
        """Why the rest of the file cannot be read; None if it can."""
        self._rest = b""
        self._skip = 0
        """Remaining bytes of a record that is skipped."""
        self._position = 0
        """Position in the file of the first byte of `_rest`."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that these additional bytes complete."""
        events: list[Event] = []
        if self.problem:
            return events
        buffer = self._rest + data
        start = 0
        while self.problem is None:
            passed = min(self._skip, len(buffer) - start)
            start += passed
            self._skip -= passed
            if self._skip or len(buffer) - start < _HEADER:
                break
            length = self._length(buffer, start)
            if length is None:
                break
            if length > CHECKED_BYTES:
                self._skip = _HEADER + length + _FOOTER
                continue
            end = start + _HEADER + length
            if len(buffer) < end + _FOOTER:
                break
            content = buffer[start + _HEADER : end]
            if struct.unpack_from("<I", buffer, end)[0] != masked_crc(content):
                self._damaged(start, "its content does not match its checksum")
                break
            try:
                event = _event(content)
            except (ValueError, IndexError, struct.error):
                self._damaged(start, "it does not hold an event")
                break
            if event is not None:
                events.append(event)
            start = end + _FOOTER
        self._position += start
        self._rest = buffer[start:]
        return events

    def _length(self, buffer: bytes, start: int) -> int | None:
        length, checksum = struct.unpack_from("<QI", buffer, start)
        if checksum != masked_crc(buffer[start : start + 8]) or length > MAX_RECORD:
            self._damaged(start, "its length does not match its checksum")
            return None
        return int(length)

    def _damaged(self, start: int, how: str) -> None:
        self.problem = f"the record at byte {self._position + start} is damaged: {how}"


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_CRC = _crc_table()


def masked_crc(content: bytes) -> int:
    """The checksum of a record, or of its length."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _event(content: bytes) -> Event | None:
    step, wall_time = 0, 0.0
    scalars: dict[str, float] = {}
    hparams = None
    for number, value in fields(content):
        if number == 1 and isinstance(value, bytes):
            wall_time = struct.unpack("<d", value)[0]
        elif number == 2 and isinstance(value, int):
            step = signed(value)
        elif number == 5 and isinstance(value, bytes):
            for inner, summary in fields(value):
                if inner == 1 and isinstance(summary, bytes):
                    hparams = _summary(summary, scalars) or hparams
    if not scalars and hparams is None:
        return None
    return Event(step=step, wall_time=wall_time, scalars=scalars, hparams=hparams)


def _summary(content: bytes, scalars: dict[str, float]) -> dict[str, Value] | None:
    """Put a summary's value into `scalars`; return its hyperparameters if it has any."""
    tag, scalar, hparams = "", None, None
    for number, value in fields(content):
        if not isinstance(value, bytes):
            continue
        if number == 1:
            tag = value.decode("utf-8", errors="replace")
        elif number == 2:
            scalar = struct.unpack("<f", value)[0]
        elif number == 8:
            scalar = _tensor(value)
        elif number == 9:
            hparams = _metadata(value)
    if tag and scalar is not None and hparams is None and not tag.startswith("_hparams_/"):
        scalars[tag] = _shortest(scalar)
    return hparams


def _shortest(value: float) -> float:
    """The shortest decimal number with this single-precision value: 0.1, not 0.10000000149."""
    if not math.isfinite(value):
        return value
    for digits in range(6, 10):
        short = float(f"{value:.{digits}g}")
        try:
            if struct.unpack("<f", struct.pack("<f", short))[0] == value:
                return short
        except OverflowError:
            continue
    return value


_CONTENTS = {1: "f", 2: "d", 3: "i", 9: "q", 19: "e"}
"""Number types of a tensor, as format characters of struct."""
_PACKED = {5: "f", 6: "d"}


def _tensor(content: bytes) -> float | None:
    """The only number of a tensor; None if it has none, or several."""
    kind = 0
    for number, value in fields(content):
        if number == 1 and isinstance(value, int):
            kind = value
        elif isinstance(value, bytes) and (number == 4 or number in _PACKED):
            form = _CONTENTS.get(kind, "x") if number == 4 else _PACKED[number]
            one = form != "x" and len(value) == struct.calcsize(f"<{form}")
            return float(struct.unpack(f"<{form}", value)[0]) if one else None
        elif number in (7, 10, 13):
            values = list(varints(value)) if isinstance(value, bytes) else [value]
            return _whole_tensor(kind, signed(values[0])) if len(values) == 1 else None
    return None


def _whole_tensor(kind: int, value: int) -> float:
    """An integer, or the 16 bits of a number of half precision (19) or a bfloat16 (14)."""
    if kind == 19:
        return float(struct.unpack("<e", struct.pack("<H", value & 0xFFFF))[0])
    if kind == 14:
        return float(struct.unpack("<f", struct.pack("<I", (value & 0xFFFF) << 16))[0])
    return float(value)


def _metadata(content: bytes) -> dict[str, Value] | None:
    """The hyperparameters in metadata > 1 plugin_data > 2 content > 3 session_start_info > 1 hparams."""
    for plugin in inside(content, 1):
        parts = dict(fields(plugin))
        inner = parts.get(2)
        if parts.get(1) != b"hparams" or not isinstance(inner, bytes):
            continue
        for session in inside(inner, 3):
            hparams: dict[str, Value] = {}
            for entry in inside(session, 1):
                pair = dict(fields(entry))
                key, value = pair.get(1), pair.get(2)
                if isinstance(key, bytes) and isinstance(value, bytes):
                    hparams[key.decode("utf-8", errors="replace")] = _value(value)
            return hparams
    return None


def _value(content: bytes) -> Value:
    """A google.protobuf.Value: 2 number, 3 text, 4 bool; anything else is None."""
    for number, value in fields(content):
        if number == 2 and isinstance(value, bytes):
            return float(struct.unpack("<d", value)[0])
        if number == 3 and isinstance(value, bytes):
            return value.decode("utf-8", errors="replace")
        if number == 4:
            return bool(value)
    return None
