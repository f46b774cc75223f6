"""Numbers with a unit, such as `12ms` or `1.2 GB`: plain numbers if a whole column has the same unit."""

from __future__ import annotations

import re

_UNITS = ("ns", "us", "µs", "ms", "s", "sec", "min", "h", "hr", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB")
_NUMBER = r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?"
_WITH_UNIT = re.compile(rf"({_NUMBER})\s?({'|'.join(sorted(_UNITS, key=len, reverse=True))})")
_BARE = re.compile(_NUMBER)
_NOTHING = frozenset({"", "nan", "none", "null", "-"})


def without(columns: dict[str, list[str]]) -> tuple[dict[str, list[str]], str | None]:
    """The columns without units if the unit is the same throughout, and a message about the first with two units.

    A column that also holds other text is left unchanged.
    """
    found = dict(columns)
    for name, cells in columns.items():
        told = [cell for cell in cells if cell.strip().lower() not in _NOTHING]
        matched = [_WITH_UNIT.fullmatch(cell.strip()) for cell in told]
        if not any(matched) or not all(m or _BARE.fullmatch(c.strip()) for m, c in zip(matched, told, strict=True)):
            continue
        first = {match[2] if match else "": cell.strip() for match, cell in zip(matched, told, strict=True)}
        if len(first) > 1:
            return found, f"{name} has both {' and '.join(list(first.values())[:2])}, so its unit is unclear"
        stripped = {cell: match[1] for cell, match in zip(told, matched, strict=True) if match}
        found[name] = [stripped.get(cell, cell) for cell in cells]
    return found, None
