"""What the charts of one report share: short names, the colours of its arms, and the rows of its trials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from playbook_cli.report import theme, words
from playbook_cli.report.charts import colour, field, layered
from playbook_cli.report.measured import measured
from playbook_cli.report.section import Legend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.report.measured import Measured
    from playbook_cli.report.section import Spec
    from playbook_cli.report.value import Axis, Report, Trial

Rows = list[dict[str, Any]]
_NAME, _AXIS, _CHOICE = 40, 24, 14
"""Characters of an arm, of a hyperparameter beside its row, and of a choice below its points."""
_GOLDEN = 0.6180339887


@dataclass(frozen=True)
class Frame:
    """A report and what several of its charts draw, made once and only where it is drawn.

    Rows are plain data with short field names. Those of `trials`, one for each that has started: i id, a arm, s state,
    v result (the expected one of a stopped trial), y result as drawn, o 1 where y is not v (off the scale), g 1 for the
    best ones, r rank, h sideways spread, p0, p1, ... where it lies on each axis.
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
        return words.distinct([axis.label for axis in self.report.axes], _AXIS)

    @cached_property
    def choices(self) -> list[list[str]]:
        """Of every axis; empty for ranges."""
        return [words.distinct(axis.choices, _CHOICE) for axis in self.report.axes]

    @property
    def colours_arms(self) -> bool:
        """Whether there are arms to tell apart."""
        return len(self.report.arms) > 1

    @cached_property
    def hues(self) -> list[str]:
        """The colour of every arm, the same in all charts; where arms are more than colours, the best have one each."""
        arms = self.report.arms
        if len(arms) <= theme.ARM_COLOURS:
            return [f"arm{index}" for index in range(len(arms))]
        loss = self.report.metric.loss
        ranked = sorted((loss(arm.best.value), index) for index, arm in enumerate(arms) if arm.best is not None)
        kept = sorted(index for _, index in ranked[: theme.ARM_COLOURS])
        return [f"arm{kept.index(index)}" if index in kept else "muted" for index in range(len(arms))]

    @property
    def legend(self) -> Legend:
        """The marks of the arms, where there are several; those that share the last colour together."""
        if not self.colours_arms:
            return Legend([])
        pairs = [pair for pair in zip(self.hues, self.arms, strict=True) if pair[0] != "muted"]
        others = self.hues.count("muted")
        rest = [("muted", f"{others} other arms, with worse results")] if others else []
        whole = {name: arm.label for name, arm in zip(self.arms, self.report.arms, strict=True)}
        return Legend([*pairs, *rest], whole=whole, arms={name: index for index, name in enumerate(self.arms)})

    def by_arm(self, width: int | None) -> Spec:
        """A trial's colour, by its arm; with a legend only where a chart stands alone: the page explains them once."""
        arms: Sequence[Any] = range(len(self.arms)) if width is None else self.arms
        colours = [colour(hue) for hue in self.hues]
        legend = {"title": None, "symbolType": "circle", "symbolOpacity": 1, "columns": 1}
        alone = legend if width is not None and self.colours_arms else None
        return field("a:N", scale={"domain": list(arms), "range": colours}, legend=alone)

    def finish(
        self,
        layers: Sequence[Spec],
        width: int | None,
        height: Any,
        data: Mapping[str, Rows],
        signals: Mapping[str, Any] | None = None,
    ) -> Spec:
        """The chart; arms are numbers on a page, and have their names where a chart stands alone."""
        if width is not None:
            data = {
                name: [row | {"a": self.arms[row["a"]]} if "a" in row else row for row in rows]
                for name, rows in data.items()
            }
        return layered(layers, width=width, height=height, data=data, signals=signals)

    @cached_property
    def measured(self) -> list[Measured]:
        """What else is known of trials, a number each."""
        return measured(self.report)

    @cached_property
    def drawn(self) -> dict[int, float]:
        """Results by trial as charts draw them: the worst stop where the scale does, so that the good ones spread."""
        loss = self.report.metric.loss
        losses = {t.id: loss(value) for t in self.report.trials if (value := _drawn(t)) is not None}
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
        for trial in self.report.trials:
            if trial.state == "pending":
                continue
            row: dict[str, Any] = {"i": trial.id, "a": trial.arm, "s": trial.state}
            if (value := _drawn(trial)) is not None:
                off = int(self.drawn[trial.id] != value)
                row |= {"v": rounded(value), "y": rounded(self.drawn[trial.id]), "o": off}
            if trial.rank is not None and trial.step is not None:
                row |= {"g": int(trial.good), "r": trial.rank}
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
    """Ticks at round numbers of its range, each with a label of its own."""
    low, high = _ends(axis)
    return {"values": ticks(low, high, log=axis.scale == "log", whole=axis.kind == "int"), "labelExpr": NUMBERS}


def _drawn(trial: Trial) -> float | None:
    """What charts draw as the result of a trial; None where there is nothing to draw."""
    if trial.stopped is not None:
        return trial.stopped.expected
    return trial.value if trial.state in {"completed", "running"} else None


def ticks(low: float, high: float, *, log: bool, whole: bool = False, most: int = 5) -> list[float]:
    """At most so many round numbers of a range, or its ends where it holds none."""
    if log and low > 0 and high / low > _DECADE:
        first, last = math.ceil(math.log10(low) - _NEAR), math.floor(math.log10(high) + _NEAR)
        stride = max(1, math.ceil((last - first + 1) / most))
        found = [float(f"1e{power}") for power in range(first, last + 1, stride)]
        if len(found) < _FEW_TICKS:
            found = [float(f"{m}e{power}") for power in range(first - 1, last + 1) for m in (1, 2, 5)]
    else:
        rough = (high - low) / most
        power = math.floor(math.log10(rough))
        step = next(float(f"{m}e{power}") for m in (1, 2, 5, 10) if float(f"{m}e{power}") >= rough * (1 - _NEAR))
        step = max(step, 1.0) if whole else step
        found = [
            float(f"{n * step:.12g}") for n in range(math.ceil(low / step - _NEAR), math.floor(high / step + _NEAR) + 1)
        ]
    reach = _NEAR * (high - low)
    return [at for at in found if low - reach <= at <= high + reach] or [low, high]


def choice_axis(names: Sequence[str]) -> Spec:
    """Upright where the names fit side by side, else slanted."""
    fits = max(len(name) for name in names) * len(names) <= _UPRIGHT
    return {"labelAngle": 0 if fits else -35, "labelLimit": 110}


def _ends(axis: Axis) -> tuple[float, float]:
    return (axis.low, axis.high) if axis.low < axis.high else (axis.low - 1, axis.high + 1)


_UPRIGHT = 40
"""Characters of choices that fit below a plot."""
_DECADE = 8
"""How many times larger the end of a logarithmic range must be, for its ticks to be powers of ten."""
_FEW_TICKS = 3
_NEAR = 1e-6
NUMBERS = (
    "datum.value === 0 ? '0' : abs(datum.value) < 1e-4 || abs(datum.value) >= 1e6 ? format(datum.value, '.4~e') "
    ": format(datum.value, '.6~r')"
)
"""Labels of numbers as `wording.number` writes them."""
WHOLE = {"labelExpr": "datum.value % 1 ? '' : format(datum.value, ',d')", "tickMinStep": 1, "labelOverlap": "greedy"}
"""An axis of whole numbers: Vega's ticks may lie between them, and are then left without a label."""
STEPS = {**WHOLE, "tickCount": 5, "labelFlush": True}
"""An axis of training steps."""
_POWER = (
    "datum.value < -4 || datum.value >= 6 ? format(pow(10, datum.value), '.3~e') "
    ": format(pow(10, datum.value), ',.3~r')"
)
"""The same where the axis counts powers of ten."""
_STEP = "format(datum.value, ',.6~r')"


def explored() -> tuple[Spec, Spec, dict[str, Any]]:
    """Two scales whose ends, ticks and titles a page's script sets, and the signals by which it does."""

    def side(name: str) -> Spec:
        axis = {
            "labelExpr": f"log{name} ? ({_POWER}) : {name}name === 'step' ? {_STEP} : {NUMBERS}",
            "values": {"expr": f"{name}ticks"},
            "labelOverlap": "greedy",
            "title": {"signal": f"{name}name"},
        }
        scale = {"domain": [{"expr": f"{name}lo"}, {"expr": f"{name}hi"}], "nice": False, "zero": False}
        return field(f"{name}:Q", scale=scale, axis=axis)

    signals: dict[str, Any] = {}
    for name in "xy":
        signals |= {f"{name}lo": 0, f"{name}hi": 1, f"{name}ticks": [], f"{name}name": "", f"log{name}": False}
    return side("x"), side("y"), signals
