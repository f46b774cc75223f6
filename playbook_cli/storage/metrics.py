"""What a trial measured: its metrics file as columns, and why it is infeasible, if it says so."""

from __future__ import annotations

import json
import math
import os
from array import array
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from playbook_cli.files import containment
from playbook_cli.records import Best, Curve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from playbook_cli.records import Metric, TrialRecord, Value

TAIL_BYTES = 8192
CHUNK_BYTES = 1 << 22
"""Bytes of a metrics file that are parsed at a time; the columns that are kept take a fraction of that."""
LINE_BYTES = 1 << 24
"""Longest line of an evaluation, in bytes."""
MAX_METRICS = 1000
"""Most metrics in a file; further names are ignored, since each would be a column as long as the others."""
SHOWN_LINES = 5
LAST_STEP = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A trial's metrics file, read as far as it can be."""

    curve: Curve | None
    """The evaluations; None if there are none."""
    infeasible: str | None
    """The trial's own reason that it can't be trained, or which metric was not finite, and at which step."""
    damaged: str | None
    """Which lines are not evaluations and are skipped; why the file, or the rest of it, can't be read; or why recording
    stopped."""
    unused: str | None = None
    """Why the file is not used; then there is no curve."""


def measure(path: Path) -> Measured:
    """Read a trial's metrics file: one JSON object with a `step` per line; records of the same step are merged.

    A torn last line is ignored. A file that can't be read is damaged, which doesn't affect other trials.
    """
    curves: list[Curve] = []
    damaged: list[int] = []
    infeasible = failed = unread = None
    before = 0
    chunks = _chunks(path)
    while True:
        try:
            lines = next(chunks, None)
        except OSError as error:
            unread = containment.said(error, path)
            break
        if lines is None:
            break
        records, strict = _parse(lines)
        curve = _plain_columns(records) if strict else None
        if curve is None:
            found = _sort_out(records, strict=strict)
            curve = found.curve
            damaged += [before + number for number in found.damaged[:SHOWN_LINES]]
            infeasible, failed = infeasible or found.infeasible, failed or found.failed
        if curve is not None:
            curves.append(curve)
        before += len(lines)
    where = f"{path}: line {', '.join(map(str, damaged[:SHOWN_LINES]))} is not an evaluation" if damaged else None
    return Measured(curve=_joined(curves), infeasible=infeasible, damaged=failed or unread or where)


def measured_by(trial: TrialRecord, measured: Measured, metric: Metric, **further: Any) -> TrialRecord:
    """The trial with its best evaluation, its last step, and the `further` fields."""
    curve = measured.curve
    last_step = int(curve.steps[-1]) if curve is not None else 0
    return replace(trial, best=best_of(curve, metric, trial.id, trial.params), last_step=last_step, **further)


def best_of(curve: Curve | None, metric: Metric, trial: int, params: Mapping[str, Value]) -> Best | None:
    """The best finite evaluation of `metric`, the first one of equal ones; None if there is none."""
    import numpy as np

    if curve is None or metric.name not in curve.values:
        return None
    values = curve.values[metric.name]
    losses = np.where(np.isfinite(values), values if metric.goal == "minimize" else -values, np.inf)
    index = int(losses.argmin())
    if losses[index] == np.inf:
        return None
    return Best(trial=trial, value=float(values[index]), step=int(curve.steps[index]), params=params)


def latest(path: Path) -> dict[str, Any] | None:
    """The last complete record of a metrics file, read from its end; None if there is none."""
    try:
        with containment.opened(path) as file:
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


@dataclass(frozen=True, kw_only=True)
class Reached:
    """How far a trial is."""

    step: int
    value: float | None
    """Of the metric; None if its latest record has none."""


def reached(path: Path, metric: str) -> Reached:
    """The latest record of a metrics file, in which a program may have written anything."""
    record = latest(path) or {}
    step, value = record.get("step"), record.get(metric)
    if not isinstance(value, int | float) or isinstance(value, bool):
        value = None
    return Reached(step=step if isinstance(step, int) else 0, value=value)


def _chunks(path: Path) -> Iterator[list[bytes]]:
    """The complete lines of a file, a few megabytes at a time; a line longer than any evaluation is b""."""
    rest: list[bytes] = []
    length = 0
    try:
        file = containment.opened(path)
    except FileNotFoundError:
        return
    with file:
        while block := file.read(CHUNK_BYTES):
            cut = block.rfind(b"\n")
            if cut < 0:
                length += len(block)
                rest = [*rest, block] if length <= LINE_BYTES else []
                continue
            lines = b"".join([*rest, block[:cut]]).split(b"\n")
            if length > LINE_BYTES:
                lines[0] = b""
            rest = [block[cut + 1 :]]
            length = len(rest[0])
            yield lines


def _parse(lines: list[bytes]) -> tuple[list[Any], bool]:
    """The records, and whether all lines are strict JSON, without NaN and Infinity."""
    import orjson

    try:
        records: list[Any] = orjson.loads(b"[%b]" % b",".join(lines))
    except orjson.JSONDecodeError:
        records = []
    if len(records) == len(lines):
        return records, True
    return [_parse_line(line) for line in lines], False


def _parse_line(line: bytes) -> Any:
    import orjson

    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _plain_columns(records: list[Any]) -> Curve | None:
    """The columns of a typical file: records of the same metrics, in order of step; None for other files."""
    import numpy as np

    try:
        names = tuple(records[0])
        if set(map(len, records)) != {len(names)} or not {"infeasible", "failed"}.isdisjoint(names):
            return None
        columns = {name: list(map(itemgetter(name), records)) for name in names}
        steps = columns.pop("step")
        if set(map(type, steps)) != {int}:
            return None
        numbers = {name: array("d", column) for name, column in columns.items()}  # which takes only numbers
        curve = Curve(
            steps=np.array(steps, dtype=np.int64),
            values={name: np.frombuffer(column, dtype=np.float64) for name, column in numbers.items()},
        )
    except (KeyError, TypeError, OverflowError):  # no objects, other names, a text, a step beyond 64 bits
        return None
    return curve if curve.steps[0] >= 0 and (curve.steps[1:] > curve.steps[:-1]).all() else None


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What arbitrary records contain."""

    curve: Curve | None
    infeasible: str | None
    failed: str | None
    damaged: Sequence[int]
    """Numbers of the records that are not evaluations, counted from 1."""


def _sort_out(records: list[Any], *, strict: bool) -> _Found:
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
            by_step.setdefault(step, {}).update(record)
    infeasible = infeasible or (None if strict else _not_finite(by_step))
    return _Found(curve=_columns(by_step), infeasible=infeasible, failed=failed, damaged=damaged)


def _columns(by_step: dict[int, dict[str, float]]) -> Curve | None:
    import numpy as np

    if not by_step:
        return None
    steps = np.fromiter(by_step, dtype=np.int64, count=len(by_step))
    records = list(by_step.values())
    names = list(dict.fromkeys(name for name in chain.from_iterable(records) if name != "step"))[:MAX_METRICS]
    order = np.argsort(steps, kind="stable")
    return Curve(
        steps=steps[order],
        values={
            name: np.array([_number(record.get(name)) for record in records], dtype=np.float64)[order] for name in names
        },
    )


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


def _joined(curves: list[Curve]) -> Curve | None:
    """Join the curves of a file's parts; if a step is in several, the later value of each metric counts."""
    import numpy as np

    if len(curves) <= 1:
        return curves[0] if curves else None
    steps = np.concatenate([curve.steps for curve in curves])
    values = {}
    for name in list(dict.fromkeys(chain.from_iterable(curve.values for curve in curves)))[:MAX_METRICS]:
        values[name] = np.concatenate(
            [curve.values[name] if name in curve.values else np.full(len(curve.steps), np.nan) for curve in curves]
        )
    if (np.diff(steps) > 0).all():
        return Curve(steps=steps, values=values)
    order = np.argsort(steps, kind="stable")
    steps = steps[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(steps) > 0]))
    return Curve(steps=steps[starts], values={name: _last(column[order], starts) for name, column in values.items()})


def _last(column: NDArray[np.float64], starts: NDArray[np.intp]) -> NDArray[np.float64]:
    """The last number of each group of rows that begins at `starts`; NaN if there is none."""
    import numpy as np

    rows = np.where(np.isnan(column), -1, np.arange(len(column)))
    last = np.maximum.reduceat(rows, starts)
    return np.where(last < 0, np.nan, column[last])
