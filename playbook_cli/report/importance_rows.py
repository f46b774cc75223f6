"""The rows of the charts that show what mattered, as in `rows`: plain data with short field names.

- matter: a hyperparameter: L, y its share, n the share that chance reaches, m 1 where it is named
- cell: a part of the map of two hyperparameters: x and X, y and Y its ends (a choice has x or y alone), b its band,
  from 0, the best
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.report.value import Axis, Report

BANDS = 7


@dataclass(frozen=True, kw_only=True)
class Map:
    """What is drawn of the results over two hyperparameters."""

    across: int
    """Which of the report's axes."""
    up: int
    levels: tuple[float, float] | None
    """What trials typically come to in the best band and in the worst; None where only points are drawn."""


def matter(report: Report, names: Sequence[str]) -> list[dict[str, Any]]:
    """A row a hyperparameter, the one that mattered most first; `names` are those of the axes."""
    if report.importance is None:
        return []
    known = {axis.label: name for axis, name in zip(report.axes, names, strict=True)}
    return [
        {"L": known[effect.label], "y": round(effect.share, 4), "n": round(effect.needed, 4), "m": int(effect.matters)}
        for effect in report.importance.effects
        if effect.label in known
    ]


def mapped(report: Report, choices: Sequence[Sequence[str]]) -> tuple[Map | None, list[dict[str, Any]]]:
    """The map, and its cells; cells of one band that lie side by side are one. `choices` are those of the axes."""
    surface = None if report.importance is None else report.importance.surface
    if surface is None:
        return None, []
    across, up = (next(i for i, axis in enumerate(report.axes) if axis.label == label) for label in surface.labels)
    if surface.losses is None:
        return Map(across=across, up=up, levels=None), []
    losses = np.array([[np.nan if cell is None else cell for cell in row] for row in surface.losses])
    known = losses[np.isfinite(losses)]
    ends = np.unique(np.quantile(known, np.linspace(0, 1, BANDS + 1)[1:-1]))
    bands = np.where(np.isfinite(losses), np.searchsorted(ends, losses), -1)
    best, worst = (
        report.metric.loss(float(np.median(losses[bands == b]))) for b in (bands[bands >= 0].min(), bands.max())
    )
    cells = []
    for number, row in enumerate(bands):
        upward = _ends(report.axes[up], choices[up], (number, number + 1, len(bands)), ("y", "Y"))
        for start, end, band in _runs(row, merge=not choices[across]):
            sides = _ends(report.axes[across], choices[across], (start, end, row.size), ("x", "X"))
            cells.append({**sides, **upward, "b": band})
    return Map(across=across, up=up, levels=(best, worst)), cells


def _runs(row: Any, *, merge: bool) -> list[tuple[int, int, int]]:
    """Stretches of one band, where there is any: first cell, the one after the last, band."""
    edges = np.flatnonzero(np.diff(row)) + 1 if merge else np.arange(1, row.size)
    starts, ends = [0, *edges.tolist()], [*edges.tolist(), row.size]
    return [(start, end, int(row[start])) for start, end in zip(starts, ends, strict=True) if row[start] >= 0]


def _ends(axis: Axis, choices: Sequence[str], part: tuple[int, int, int], names: tuple[str, str]) -> dict[str, Any]:
    """Where a part lies: from one cell up to another one, of so many."""
    start, end, cells = part
    if choices:
        return {names[0]: choices[start]}
    return {name: _value(axis, cell / cells) for name, cell in zip(names, (start, end), strict=True)}


def _value(axis: Axis, unit: float) -> float:
    if axis.scale == "log":
        return float(f"{axis.low * (axis.high / axis.low) ** unit:.5g}")
    return float(f"{axis.low + unit * (axis.high - axis.low):.5g}")
