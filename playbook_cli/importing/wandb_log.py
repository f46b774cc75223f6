"""The log that Weights & Biases writes beside every run, `run-ID.wandb`, the only place with an offline run's curves.

A file begins with `:W&B`, a magic number and the version 0. Records follow in LevelDB's log format: blocks of 32 KiB of
chunks, each with a checksum (CRC-32 of kind and content), a length (2 bytes, little endian) and a kind (1 whole, 2
first, 3 middle, 4 last part of a record). A record is a `Record` of wandb/proto/wandb_internal.proto, of which only
these fields are read:

    Record        2 history  5 config  17 run  18 exit
    history       1 item (repeated)  2 step > 1 num
    config        1 update (repeated)  2 remove (repeated)
    run           1 run_id  4 config  8 display_name
    exit          1 exit_code
    item, update  1 key  2 nested_key (repeated)  4 boolean  5 integer  6 number  7 text  8 json  16 value_json
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playbook_cli.formats.wire import fields, inside, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
_BLOCK = 32768
_CHUNK = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_RECORD = {2: "history", 5: "config", 17: "run", 18: "exit"}


@dataclass(kw_only=True)
class Log:
    """The content of a run's log."""

    run_id: str = ""
    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    """Logged rows, with nested cells by dotted name; each has `_step`."""
    exit_code: int | None = None
    """Exit code of the program; None if the run has not ended."""
    problem: str | None = None
    """Why the rest of the log cannot be read; None if it was read completely."""


def read_log(content: bytes) -> Log:
    """The log, as far as it can be read; a torn last record is ignored."""
    log = Log()
    if not content.startswith(HEADER):
        log.problem = "not a W&B log of the known version, 0"
        return log
    for record in records(content, log):
        try:
            _take(record, log)
        except (ValueError, IndexError, RecursionError, struct.error):
            log.problem = log.problem or "it contains a record that W&B does not write"
    return log


def records(content: bytes, log: Log) -> Iterator[bytes]:
    """The records of a log, up to the first damaged one, which is noted in `log`."""
    at = len(HEADER)
    parts: list[bytes] = []
    while at + _CHUNK.size <= len(content):
        left = _BLOCK - at % _BLOCK
        if left < _CHUNK.size:
            at += left
            continue
        checksum, length, kind = _CHUNK.unpack_from(content, at)
        start, end = at + _CHUNK.size, at + _CHUNK.size + length
        if end > len(content):
            return
        chunk = content[start:end]
        if checksum != zlib.crc32(chunk, zlib.crc32(bytes([kind]))) or not _WHOLE <= kind <= _LAST:
            log.problem = f"the record at byte {at} is damaged"
            return
        parts = [chunk] if kind in (_WHOLE, _FIRST) else [*parts, chunk]
        if kind in (_WHOLE, _LAST):
            yield b"".join(parts)
            parts = []
        at = end


def _take(record: bytes, log: Log) -> None:
    for number, value in fields(record):
        what = _RECORD.get(number)
        if what is None or not isinstance(value, bytes):
            continue
        if what == "history":
            log.history.append(_row(value))
        elif what == "config":
            _configure(value, log.config)
        elif what == "exit":
            code = next((code for number, code in fields(value) if number == 1 and isinstance(code, int)), 0)
            log.exit_code = signed(code)
        else:
            run = dict(fields(value))
            log.run_id, log.name = _text(run.get(1)), _text(run.get(8))
            for config in inside(value, 4):
                _configure(config, log.config)


def _row(history: bytes) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for item in inside(history, 1):
        path, value = _item(item)
        row[".".join(path)] = value
    for step in inside(history, 2):
        row.setdefault("_step", signed(next((n for f, n in fields(step) if f == 1 and isinstance(n, int)), 0)))
    return dict(_flat(row))


def _flat(row: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, cell in row.items():
        if isinstance(cell, dict):
            yield from _flat(cell, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", cell


def _configure(content: bytes, config: dict[str, Any]) -> None:
    for update in inside(content, 1):
        path, value = _item(update)
        _at(config, path)[path[-1]] = value
    for removed in inside(content, 2):
        path, _ = _item(removed)
        _at(config, path).pop(path[-1], None)


def _at(config: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """The mapping that holds the last part of a path."""
    for key in path[:-1]:
        inner = config.setdefault(key, {})
        config = inner if isinstance(inner, dict) else {}
    return config


def _item(content: bytes) -> tuple[list[str], Any]:
    """The path of an item in a mapping, and its value; None if the value is not JSON."""
    key = ""
    nested: list[str] = []
    value: Any = None
    for number, given in fields(content):
        match number, given:
            case 1, _:
                key = _text(given)
            case 2, _:
                nested.append(_text(given))
            case 4, int():
                value = bool(given)
            case 5, int():
                value = (given >> 1) ^ -(given & 1)
            case 6, bytes():
                value = struct.unpack("<d", given)[0]
            case 7, _:
                value = _text(given)
            case ((8 | 16), _):
                value = _json(_text(given))
    return nested or [key], value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _text(value: object) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else ""
