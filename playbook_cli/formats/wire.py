"""Protobuf's wire format: the fields of a message, without its definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def inside(content: bytes, wanted: int) -> Iterator[bytes]:
    """The contents of every field of this number."""
    for number, value in fields(content):
        if number == wanted and isinstance(value, bytes):
            yield value


def fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values of a message: an int for a varint, the bytes of anything else.

    ValueError or IndexError if it is not a message.
    """
    at = 0
    while at < len(content):
        key, at = varint(content, at)
        match key & 7:
            case 0:
                value: Any
                value, at = varint(content, at)
                yield key >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, at = varint(content, at)
            case 5:
                size = 4
            case kind:
                raise ValueError(f"wire type {kind}")
        if at + size > len(content):
            raise ValueError("a field goes beyond its message")
        yield key >> 3, content[at : at + size]
        at += size


def varints(content: bytes) -> Iterator[int]:
    """The numbers of a packed field."""
    at = 0
    while at < len(content):
        value, at = varint(content, at)
        yield value


def varint(content: bytes, at: int) -> tuple[int, int]:
    """The number at this position, and the position after it. ValueError or IndexError if there is none."""
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")


def signed(value: int) -> int:
    """The signed value of a varint; a negative number has all 64 bits."""
    return value - 2**64 if value >= 2**63 else value
