"""What a trial measured: its metrics file as columns, and why it is infeasible where it says so."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from playbook_cli.records import Best, Curve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from playbook_cli.records import Metric, Value

TAIL_BYTES = 8192
LAST_STEP = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A trial's metrics file, read as far as it can be."""

    curve: Curve | None
    """None where there is no evaluation."""
    infeasible: str | None
    """The trial's own word that its point cannot be trained, or which metric was not finite, and at which step."""
    damaged: str | None
    """Which lines are no evaluations, and are passed over; or why whoever recorded them could not go on."""


def measure(path: Path) -> Measured:
    """Read a metrics file: a JSON object with a `step` a line; records of one step are merged.

    A torn last line never happened.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Measured(curve=None, infeasible=None, damaged=None)
    lines = content.split(b"\n")[:-1]
    records, strict = _parse(lines)
    by_step: dict[int, dict[str, float]] = {}
    damaged: list[int] = []
    infeasible = failed = None
    for number, record in enumerate(records, start=1):
        step = record.get("step") if isinstance(record, dict) else None
        if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step <= LAST_STEP:
            damaged.append(number)
            continue
        if "infeasible" in record:
            infeasible = infeasible or str(record["infeasible"])
        elif isinstance(record.get("failed"), str):
            failed = failed or record["failed"]
        else:
            _merge(by_step, step, record)
    curve = _columns(by_step)
    infeasible = infeasible or (None if strict else _not_finite(by_step))
    where = f"{path}: line {', '.join(map(str, damaged[:5]))} is no evaluation" if damaged else None
    return Measured(curve=curve, infeasible=infeasible, damaged=failed or where)


def best_of(curve: Curve | None, metric: Metric, trial: int, params: Mapping[str, Value]) -> Best | None:
    """The best finite evaluation of `metric`, the first of equals; None where there is none."""
    import numpy as np

    if curve is None or metric.name not in curve.values:
        return None
    values = curve.values[metric.name]
    finite = np.isfinite(values)
    if not finite.any():
        return None
    losses = np.where(finite, values if metric.goal == "minimize" else -values, np.inf)
    index = int(np.argmin(losses))
    return Best(trial=trial, value=float(values[index]), step=int(curve.steps[index]), params=params)


def latest(path: Path) -> dict[str, Any] | None:
    """The last whole record of a metrics file, read from its end; None where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            lines = file.read().split(b"\n")
    except OSError:
        return None
    for line in reversed(lines[:-1]):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            return record
    return None


def _parse(lines: list[bytes]) -> tuple[list[Any], bool]:
    """The records, and whether all lines are strict JSON, which knows no NaN and no Infinity."""
    import orjson

    try:
        records = list(orjson.loads(b"[" + b",".join(lines) + b"]"))
    except orjson.JSONDecodeError:
        records = []
    if len(records) == len(lines):
        return records, True
    return [_parse_line(line) for line in lines], False


def _parse_line(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _merge(by_step: dict[int, dict[str, float]], step: int, record: dict[str, Any]) -> None:
    known = by_step.get(step)
    if known is None:
        by_step[step] = record
    else:
        known.update(record)


def _columns(by_step: dict[int, dict[str, float]]) -> Curve | None:
    import numpy as np

    if not by_step:
        return None
    steps = np.fromiter(by_step, dtype=np.int64, count=len(by_step))
    records = list(by_step.values())
    names = dict.fromkeys(chain.from_iterable(records))
    del names["step"]
    order = np.argsort(steps, kind="stable")
    return Curve(steps=steps[order], values={name: _column(records, name)[order] for name in names})


def _column(records: list[dict[str, Any]], name: str) -> NDArray[np.float64]:
    import numpy as np

    try:
        column = list(map(itemgetter(name), records))
    except KeyError:
        column = [record.get(name) for record in records]
    if set(map(type, column)) != {float}:
        column = [_number(value) for value in column]
    return np.array(column, dtype=np.float64)


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, float | int) else math.nan
    except OverflowError:  # an integer of more than 308 digits
        return math.nan


def _not_finite(by_step: dict[int, dict[str, float]]) -> str | None:
    for step, record in by_step.items():
        for name, value in record.items():
            if isinstance(value, float) and not math.isfinite(value):
                return f"{name} is {value} at step {step}"
    return None
