"""Valid files made wrong: byte by byte, line by line, value by value. All of it is decided by the `Random` given."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

ODD: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2.5, 1e308, 1e-320, -0.0, float("nan"), float("inf"), float("-inf")),
    *(2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**400),
    *(
        "",
        " ",
        "0",
        "nan",
        "true",
        "1e400",
        "x" * 300,
        "\0",
        "\ud800",
        "\x1b[2J",
        "</script>",
        "${x}",
        "../../x",
        "[b]",
    ),
    *([], [[]], {}, {"": ""}, {"min": 0, "max": 1}, [1, "a", None], [[[[[[]]]]]], {"a": {"b": {"c": []}}}),
)
TOKENS = (
    *(
        b"\n",
        b"\r",
        b"\r\n",
        b"\0",
        b"\t",
        b" ",
        b",",
        b";",
        b":",
        b'"',
        b"'",
        b"{",
        b"}",
        b"[",
        b"]",
        b"-",
        b"#",
        b"&a ",
    ),
    *(
        b"*a",
        b"!!python/object:x ",
        b"<<: ",
        b"%",
        b"|",
        b">",
        b"---\n",
        b"...\n",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
    ),
    *(b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 25, b"null", b"true", b"\\ud800", b"[" * 2000, b'{"a":' * 500),
)


def bytes_changed(content: bytes, dice: Random) -> bytes:
    """`content` after one to four accidents: bits flipped, cut, doubled, spliced with tokens that mean something."""
    data = bytearray(content)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        here, there = sorted(dice.randint(0, len(data)) for _ in range(2))
        match dice.randrange(8):
            case 0 if data:
                data[here % len(data)] ^= 1 << dice.randrange(8)
            case 1:
                del data[here:]
            case 2:
                del data[here : min(there, here + dice.choice((1, 2, 8, 1000)))]
            case 3:
                data[here:here] = data[here:there][:10_000]
            case 4:
                data[here:here] = dice.randbytes(dice.choice((1, 4, 64)))
            case 5 if data:
                data[here % len(data)] = dice.randrange(256)
            case _:
                data[here:here] = dice.choice(TOKENS)
    return bytes(data)


def lines_changed(content: bytes, dice: Random) -> bytes:
    """`content` with lines left out, doubled, swapped or torn."""
    lines = content.splitlines(keepends=True)
    for _ in range(dice.choice((1, 2, 3))):
        if not lines:
            break
        here, there = dice.randrange(len(lines)), dice.randrange(len(lines))
        match dice.randrange(4):
            case 0:
                del lines[here]
            case 1:
                lines.insert(there, lines[here])
            case 2:
                lines[here], lines[there] = lines[there], lines[here]
            case _:
                lines[here] = lines[here][: dice.randint(0, len(lines[here]))] + dice.choice((b"", b"\n"))
    return b"".join(lines)


def value_changed(value: Any, dice: Random) -> Any:
    """JSON data with one to three of its values, keys or items replaced by odd ones, left out, or put elsewhere."""
    changed = [copy.deepcopy(value)]
    for _ in range(dice.choice((1, 1, 2, 3))):
        places = list(_places(changed))
        holder, key = dice.choice(places)
        match dice.randrange(6):
            case 0 if holder is not changed:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[dice.choice(("", "x", "trials", "step", "\ud800", "a.b", "__class__", "name", "nan"))] = (
                    holder.pop(key)
                )
            case 2:
                other, name = dice.choice(places)
                holder[key] = copy.deepcopy(other[name])
            case 3 if isinstance(holder[key], list):
                holder[key] = holder[key] * dice.choice((0, 2, 50))
            case _:
                holder[key] = copy.deepcopy(dice.choice(ODD))
    return changed[0]


def records_changed(content: bytes, dice: Random) -> bytes:
    """JSON lines of which one to three are changed in value."""
    records = [json.loads(line) for line in content.splitlines()]
    for _ in range(dice.choice((1, 1, 3))):
        if records:
            number = dice.randrange(len(records))
            records[number] = value_changed(records[number], dice)
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        found.append((value, key))
        if isinstance(item, dict | list):
            found += _places(item)
    return found
