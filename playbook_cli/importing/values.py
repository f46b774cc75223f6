"""Other tools' values as Playbook's: scalars of hyperparameters, and JSON that keeps the rest."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from playbook_cli.spec.model import LARGEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.records import Value

_WORDS: Mapping[str, Value] = {"true": True, "false": False, "none": None, "null": None}


def flat(data: Any, prefix: str = "") -> dict[str, Value]:
    """Hyperparameters by dotted name: `{"optimizer": {"lr": 1}}` is `optimizer.lr`; list items count from 0."""
    if isinstance(data, dict) and data:
        items = [(str(key), value) for key, value in data.items()]
    elif isinstance(data, list | tuple) and data and prefix:
        items = [(str(index), value) for index, value in enumerate(data)]
    else:
        return {prefix: scalar(data)} if prefix else {}
    found: dict[str, Value] = {}
    for key, value in items:
        found |= flat(value, f"{prefix}.{key}" if prefix else key)
    return found


def scalar(value: Any) -> Value:
    """A hyperparameter's value; what a study file cannot hold (infinities, dates, empty lists) becomes text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return value if abs(value) <= LARGEST else str(value)
    return value if isinstance(value, str | None) else str(value)


def parsed(text: str) -> Value:
    """A hyperparameter that was written as text: a number, true, false or None if it reads as one, else text."""
    stripped = text.strip()
    if stripped.lower() in _WORDS:
        return _WORDS[stripped.lower()]
    if "_" in stripped:  # Python reads 64_64 as a number
        return text
    for kind in (int, float):
        try:
            return scalar(kind(stripped))
        except ValueError:
            continue
    return text


def span(low: object, high: object, *, whole: bool, log: bool) -> dict[str, Any] | None:
    """A range as a study file writes it; None where its ends are none."""
    if not isinstance(low, int | float) or not isinstance(high, int | float) or not low < high:
        return None
    if not max(abs(low), abs(high)) <= (LARGEST if whole else sys.float_info.max):
        return None
    ends: dict[str, Any] = {"min": int(low), "max": int(high)} if whole else {"min": float(low), "max": float(high)}
    return ends | ({"scale": "log"} if log and low > 0 else {})


def plain(value: Any) -> Any:
    """`value` as JSON: keys and unknown types become text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if isinstance(value, int | float | str | None) else str(value)
