"""What the charts of one report share: short names, the colours of its arms, and the rows of its trials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from playbook_cli.report import theme, words
from playbook_cli.report.charts import colour, field, layered
from playbook_cli.report.value import BINS, step_bin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.report.section import Spec
    from playbook_cli.report.value import Axis, Report

Rows = list[dict[str, Any]]
_NAME = 40
_GOLDEN = 0.6180339887


@dataclass(frozen=True)
class Frame:
    """A report and what several of its charts draw, made once and only where it is drawn.

    Rows are plain data with short field names. Those of `trials`, one for each that has started: i id, a arm, s state,
    v result, y result as drawn, o 1 where y is not v (off the scale), g 1 for the best ones, r rank, h sideways spread,
    b and k bar and height in the best-step histogram, p0, p1, ... where it lies on each axis.
    """

    report: Report

    @cached_property
    def metric(self) -> str:
        """The metric's name, short enough for an axis."""
        return words.shortened(self.report.metric.name, _NAME)

    @cached_property
    def arms(self) -> list[str]:
        """Short distinct names, as are those of axes and choices."""
        return distinct([arm.label for arm in self.report.arms])

    @cached_property
    def axes(self) -> list[str]:
        return distinct([axis.label for axis in self.report.axes])

    @cached_property
    def choices(self) -> list[list[str]]:
        """Of every axis; empty for ranges."""
        return [distinct(axis.choices) for axis in self.report.axes]

    @property
    def colours_arms(self) -> bool:
        """Whether there are colours enough to tell the arms apart."""
        return 1 < len(self.report.arms) <= theme.ARM_COLOURS

    @property
    def legend(self) -> list[tuple[str, str]]:
        """The marks of the arms, where they have colours."""
        return [(f"arm{index}", name) for index, name in enumerate(self.arms)] if self.colours_arms else []

    def by_arm(self, width: int | None) -> Spec:
        """A trial's colour, by its arm; with a legend only where a chart stands alone: the page explains them once."""
        arms: Sequence[Any] = range(len(self.arms)) if width is None else self.arms
        colours = [colour(f"arm{i}" if self.colours_arms else "arm0") for i in range(len(self.arms))]
        legend = {"title": None, "symbolType": "circle", "symbolOpacity": 1, "columns": 1}
        alone = legend if width is not None and self.colours_arms else None
        return field("a:N", scale={"domain": list(arms), "range": colours}, legend=alone)

    def finish(self, layers: Sequence[Spec], width: int | None, height: Any, data: Mapping[str, Rows]) -> Spec:
        """The chart; arms are numbers on a page, and have their names where a chart stands alone."""
        if width is not None:
            data = {
                name: [row | {"a": self.arms[row["a"]]} if "a" in row else row for row in rows]
                for name, rows in data.items()
            }
        return layered(layers, width=width, height=height, data=data)

    @cached_property
    def drawn(self) -> dict[int, float]:
        """Results by trial as charts draw them: the worst stop where the scale does, so that the good ones spread."""
        loss = self.report.metric.loss
        losses = {
            t.id: loss(t.value)
            for t in self.report.trials
            if t.state in {"completed", "running"} and t.value is not None
        }
        if not losses:
            return {}
        ordered = sorted(losses.values())
        best, typical = ordered[0], ordered[(len(ordered) - 1) * 3 // 4]
        end = best + 1.6 * (typical - best)
        if typical == best or ordered[-1] <= best + 2.5 * (typical - best):
            end = ordered[-1]
        return {number: loss(min(value, end)) for number, value in losses.items()}

    @cached_property
    def result_ends(self) -> tuple[float, float]:
        """Between which results are drawn."""
        return with_room(min(self.drawn.values(), default=0.0), max(self.drawn.values(), default=1.0))

    @cached_property
    def trials(self) -> Rows:
        """One row for each trial that has started."""
        table = {}
        heights = [0] * BINS
        for trial in self.report.trials:
            if trial.state == "pending":
                continue
            row: dict[str, Any] = {"i": trial.id, "a": trial.arm, "s": trial.state}
            if trial.id in self.drawn and trial.value is not None:
                off = int(self.drawn[trial.id] != trial.value)
                row |= {"v": rounded(trial.value), "y": rounded(self.drawn[trial.id]), "o": off}
            if trial.rank is not None and trial.step is not None:
                bar = step_bin(trial.step, self.report.max_train_steps)
                row |= {"g": int(trial.good), "r": trial.rank, "b": bar, "k": heights[bar]}
                heights[bar] += 1
            row["h"] = round(1.4 * (trial.id * _GOLDEN % 1) - 0.7, 2)
            table[trial.id] = row
        for index, axis in enumerate(self.report.axes):
            for point in axis.points:
                where: Any = point.value
                if axis.zones is None:
                    where = self.choices[index][min(int(point.unit * len(axis.choices)), len(axis.choices) - 1)]
                table[point.trial][f"p{index}"] = rounded(where) if isinstance(where, float) else where
        return list(table.values())


def distinct(names: Sequence[str]) -> list[str]:
    """`names` short enough for a chart, and still different from each other."""
    return words.distinct(names, _NAME)


def with_room(low: float, high: float) -> tuple[float, float]:
    """Ends of a scale with a little room beyond what is drawn."""
    room = 0.04 * (high - low) or 0.04 * abs(high) or 1.0
    return low - room, high + room


def rounded(x: float | None) -> float | None:
    """`x` with five significant digits, which no chart shows more of; None where it is not finite."""
    if x is None or not math.isfinite(x):
        return None
    return float(f"{x:.5g}")


def range_scale(axis: Axis) -> Spec:
    """From one end of a range to the other, on its own scale."""
    kind = "log" if axis.scale == "log" else "linear"
    return {"type": kind, "domain": list(_ends(axis)), "nice": False, "zero": False, "padding": 8}


def range_axis(axis: Axis) -> Spec:
    """A tick for each of a few whole numbers; else a few ticks."""
    low, high = _ends(axis)
    each = axis.kind == "int" and axis.scale != "log" and high - low <= _FEW
    return {"tickCount": int(high - low) if each else 5, "format": "d" if each else "~g"}


def choice_axis(names: Sequence[str]) -> Spec:
    """Upright where the names fit side by side, else slanted."""
    fits = max(len(name) for name in names) * len(names) <= _UPRIGHT
    return {"labelAngle": 0 if fits else -35, "labelLimit": 90}


def _ends(axis: Axis) -> tuple[float, float]:
    return (axis.low, axis.high) if axis.low < axis.high else (axis.low - 1, axis.high + 1)


_UPRIGHT = 40
"""Characters of choices that fit below a plot."""
_FEW = 10
"""Whole numbers in a range, up to which each gets its tick."""
