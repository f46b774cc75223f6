"""TensorBoard event files, written by hand."""

from __future__ import annotations

import struct

from playbook_cli.formats import tensorboard


def event_file(path, *contents):
    """A file with these events."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(map(_record, contents)))


def scalars(step, time=1000.0, **values):
    summary = b"".join(field(1, field(1, tag.encode()) + b"\x15" + struct.pack("<f", x)) for tag, x in values.items())
    return b"\x09" + struct.pack("<d", time) + b"\x10" + _varint(step) + field(5, summary)


def hparams(time=1000.0, **settings):
    """What SummaryWriter.add_hparams writes of the settings."""
    entries = b"".join(field(1, field(1, name.encode()) + field(2, _value(x))) for name, x in settings.items())
    plugin = field(1, b"hparams") + field(2, field(3, entries))
    value = field(1, b"_hparams_/session_start_info") + field(9, field(1, plugin))
    return b"\x09" + struct.pack("<d", time) + field(5, field(1, value))


def _value(x):
    if isinstance(x, bool):
        return b"\x20" + bytes([x])
    return field(3, x.encode()) if isinstance(x, str) else b"\x11" + struct.pack("<d", x)


def field(number, content):
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _record(content):
    length = struct.pack("<Q", len(content))
    crc = tensorboard.masked_crc
    return length + struct.pack("<I", crc(length)) + content + struct.pack("<I", crc(content))
