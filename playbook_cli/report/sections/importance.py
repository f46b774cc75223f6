"""Which hyperparameters mattered: a bar each beside what chance reaches, and the results over two of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.report import words
from playbook_cli.report.borders import on_pair
from playbook_cli.report.charts import CROSS, chosen, colour, coloured, field, mark, opacity, over, when
from playbook_cli.report.excerpt import ARMS
from playbook_cli.report.frame import choice_axis, range_axis, range_scale
from playbook_cli.report.importance import HOW, sentences
from playbook_cli.report.section import Cell, Chart, Column, Legend, Section, Sentence, Table
from playbook_cli.wording import p_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from playbook_cli.analysis.importance import Effect, Importance
    from playbook_cli.report.frame import Frame, Rows
    from playbook_cli.report.section import Content, Spans, Spec
    from playbook_cli.report.value import Axis

BANDS = 7
SHOWN = 12
"""Hyperparameters with a bar on a terminal."""


def section(frame: Frame) -> Section | None:
    """Shares, and what they say; None where the study's points say nothing about it, or nothing has ended."""
    report, importance = frame.report, frame.report.importance
    if importance is None or not report.ended:
        return None
    said = [Sentence(text=sentence) for sentence in sentences(importance)]
    bars, drawn = _bars(frame), Map.of(frame)
    charts = [*([_shares(frame, bars)] if bars else []), *([_chart(frame, drawn)] if drawn is not None else [])]
    legend = [Legend([("chance", "what noise would give"), *(drawn.legend(frame) if drawn is not None else [])])]
    some = bool(importance.effects)
    return Section(
        name="importance",
        title="Which hyperparameters mattered?",
        how=HOW if some else "",
        heading="What mattered",
        aside="share of the variance in trial rank that each explains; ┊ is what noise alone would give"
        if some
        else "",
        parts=[
            *(legend if charts else []),
            *charts,
            *([table(importance, dict(zip((a.label for a in report.axes), frame.axes, strict=True)))] if some else []),
            *said,
        ],
    )


def table(importance: Importance, names: Mapping[str, str] | None = None) -> Table:
    """A row a hyperparameter, by its short name where it has one, the largest share first."""
    fails = any(effect.infeasible_p_value is not None for effect in importance.effects)
    columns = [
        Column(name="hyperparameter", left=True),
        Column(name="", room=(10, 40), only="terminal"),
        Column(name="share"),
        Column(name="noise would give", only="page"),
        Column(name="p"),
        *([Column(name="p (infeasible)", only="page")] if fails else []),
        Column(name="rank correlation", only="page"),
        Column(name="trials", only="page"),
    ]
    rows: list[list[Content]] = [
        [
            Cell((names or {}).get(effect.label, effect.label), about=effect.label),
            partial(_characters, effect),
            f"{effect.share:.1%}",
            f"{effect.needed:.1%}",
            _p_value(effect.p_value),
            *([_p_value(effect.infeasible_p_value)] if fails else []),
            _correlation(effect),
            str(effect.trials),
        ]
        for place, effect in enumerate(importance.effects)
        if place < ARMS or effect.matters
    ]
    return Table(columns=columns, rows=rows, few=SHOWN)


def _correlation(effect: Effect) -> Content:
    if effect.correlation is None:
        return words.NOTHING
    meaning = (
        "larger values go with worse results" if effect.correlation > 0 else "larger values go with better results"
    )
    return Cell(f"{effect.correlation:+.2f}", about=meaning)


def _p_value(p_value: float | None) -> str:
    return words.NOTHING if p_value is None else p_text(p_value).removeprefix("p = ")


def _characters(effect: Effect, room: int) -> Spans:
    filled, limit = round(effect.share * room), min(round(effect.needed * room), room - 1)
    return [("".join("┊" if at == limit else "█" if at < filled else " " for at in range(room)).rstrip(), "")]


def _bars(frame: Frame) -> Rows:
    """A hyperparameter, the one that mattered most first: L, y its share, n the share of chance, m 1 where named."""
    assert frame.report.importance is not None
    known = {axis.label: name for axis, name in zip(frame.report.axes, frame.axes, strict=True)}
    return [
        {"L": known[effect.label], "y": round(effect.share, 4), "n": round(effect.needed, 4), "m": int(effect.matters)}
        for effect in frame.report.importance.effects
        if effect.label in known
    ]


def _shares(frame: Frame, rows: Rows) -> Chart:
    named = sum(row["m"] for row in rows)

    def spec(width: int | None) -> Spec:
        most = max(max(row["y"], row["n"]) for row in rows)
        y = field("L:N", title=None, scale={"domain": [row["L"] for row in rows]}, axis={"labelLimit": 180})
        scale = {"domain": [0, min(1.0, 1.08 * most)], "nice": False}
        axis = {"format": "%", "tickCount": 5, "grid": True}
        # Nothing is stacked, and Vega's stacks trip over a hyperparameter called __proto__.
        share = field("y:Q", title="share of the variance in rank", scale=scale, axis=axis, stack=None)
        hue = when("datum.m === 1", colour("arm0"), colour("line"))
        layers = [
            over(mark("bar", "matter", height={"band": 0.6}), x=share, y=y, color=hue),
            over(mark("tick", "matter", thickness=2, size=22), x=field("n:Q", scale=scale), y=y, color=coloured("ink")),
        ]
        return frame.finish(layers, width, {"step": 30}, {"matter": rows})

    return Chart(
        name="importance",
        description=f"Share of the variance in rank by hyperparameter; {named} of {len(rows)} mattered.",
        spec=spec,
    )


class Map:
    """The results over two hyperparameters, in bands of what the model expects where it can tell."""

    def __init__(self, frame: Frame, labels: Sequence[str], losses: Any) -> None:
        self.across, self.up = (
            next(i for i, axis in enumerate(frame.report.axes) if axis.label == label) for label in labels
        )
        self.levels: tuple[float, float] | None = None
        """What trials typically come to in the best band and in the worst; None where only points are drawn."""
        self.cells: Rows = []
        if losses is not None:
            self._fill(frame, np.array([[np.nan if cell is None else cell for cell in row] for row in losses]))

    @classmethod
    def of(cls, frame: Frame) -> Map | None:
        """That of a report; None where it has none."""
        surface = None if frame.report.importance is None else frame.report.importance.surface
        return None if surface is None else cls(frame, surface.labels, surface.losses)

    def legend(self, frame: Frame) -> list[tuple[str, str]]:
        """Marks and what they mean."""
        marks = [("dot", "one of the best trials"), ("ring", "another trial")]
        if on_pair(frame.report, *(frame.report.axes[place] for place in (self.across, self.up))):
            marks.append(("dash border", "edge of stability"))
        if self.levels is None:
            return marks
        best, worst = map(words.number, self.levels)
        return [*marks, ("arm0", f"typical {frame.metric} {best}"), ("band", f"typical {frame.metric} {worst}")]

    def _fill(self, frame: Frame, losses: Any) -> None:
        """A cell is a part of the map: x and X, y and Y its ends (a choice has x or y alone), b its band from 0, the
        best; cells of one band that lie side by side are one.
        """
        report = frame.report
        bands, self.levels = banded(frame, losses)
        across, up = report.axes[self.across], report.axes[self.up]
        for number, row in enumerate(bands):
            upward = _part(up, frame.choices[self.up], (number, number + 1, len(bands)), ("y", "Y"))
            for start, end, band in _runs(row, merge=not frame.choices[self.across]):
                sides = _part(across, frame.choices[self.across], (start, end, row.size), ("x", "X"))
                self.cells.append({**sides, **upward, "b": band})


def banded(frame: Frame, losses: Any) -> tuple[Any, tuple[float, float]]:
    """The band of each cell, 0 the best and -1 where nothing is known; typical results of the best and the worst."""
    known = losses[np.isfinite(losses)]
    ends = np.unique(np.quantile(known, np.linspace(0, 1, BANDS + 1)[1:-1]))
    bands = np.where(np.isfinite(losses), np.searchsorted(ends, losses), -1)
    worst, best = bands.max(), bands[bands >= 0].min()
    typical = [frame.report.metric.loss(float(np.median(losses[bands == band]))) for band in (best, worst)]
    return bands, (typical[0], typical[1])


def _runs(row: Any, *, merge: bool) -> Iterator[tuple[int, int, int]]:
    """Stretches of one band, where there is any: first cell, the one after the last, band."""
    edges = np.flatnonzero(np.diff(row)) + 1 if merge else np.arange(1, row.size)
    for start, end in zip([0, *edges.tolist()], [*edges.tolist(), row.size], strict=True):
        if row[start] >= 0:
            yield start, end, int(row[start])


def _part(axis: Axis, choices: Sequence[str], part: tuple[int, int, int], names: tuple[str, str]) -> dict[str, Any]:
    """Where a part lies: from one cell up to another one, of so many."""
    start, end, cells = part
    if choices:
        return {names[0]: choices[start]}
    return {name: _value(axis, cell / cells) for name, cell in zip(names, (start, end), strict=True)}


def _value(axis: Axis, unit: float) -> float:
    if axis.scale == "log":
        return float(f"{axis.low * (axis.high / axis.low) ** unit:.5g}")
    return float(f"{axis.low + unit * (axis.high - axis.low):.5g}")


def _chart(frame: Frame, drawn: Map) -> Chart:
    labels = [words.shortened(frame.report.axes[index].label, 40) for index in (drawn.across, drawn.up)]
    return Chart(
        name="interaction",
        title=f"{labels[0]} and {labels[1]}",
        description=f"{frame.metric} of the trials over {labels[0]} and {labels[1]}.",
        spec=partial(_spec, frame, drawn),
    )


def _spec(frame: Frame, drawn: Map, width: int | None) -> Spec:
    """Trials over two hyperparameters, good ones strong, on bands of what the model expects where it can tell."""
    across, up = frame.report.axes[drawn.across], frame.report.axes[drawn.up]
    # The spread of the points would take the width of a choice away.
    sizes: dict[str, Any] = {"width": {"expr": "bandwidth('x')"}} if across.zones is None else {}
    sizes |= {"height": {"expr": "bandwidth('y')"}} if up.zones is None else {}
    shade = {"domain": [0, BANDS - 1], "range": [colour("arm0"), colour("zone")]}
    bands = over(
        mark("rect", "cell", strokeWidth=0.7, **sizes),
        **_position(frame, drawn.across, "x", "x", "X"),
        **_position(frame, drawn.up, "y", "y", "Y"),
        fill=field("b:Q", scale=shade, legend=_legend(frame, drawn, width)),
        stroke=field("b:Q", scale=shade, legend=None),
    )
    fields = [f"p{drawn.across}", f"p{drawn.up}"]
    where = _position(frame, drawn.across, "x", fields[0]) | _position(frame, drawn.up, "y", fields[1])
    known = f"isValid(datum.{fields[0]}) && isValid(datum.{fields[1]})"
    crosses = mark(
        "point", "t", f"{known} & datum.s === 'infeasible'", shape=CROSS, size=30, strokeWidth=2, filled=False
    )
    circles = mark("point", "t", f"{known} & isValid(datum.y)", size=42, filled=True, strokeWidth=1.2)
    best = when("datum.g === 1", colour("ink"), colour("paper"))
    layers = [
        *([bands] if drawn.levels else []),
        *_border(frame, drawn),
        over(crosses, **where, stroke=coloured("bad"), opacity=opacity("true")),
        over(circles, **where, fill=best, stroke=coloured("ink"), opacity=opacity("true")),
        chosen("t", known, **where),
    ]
    return frame.finish(layers, width, 300, {"t": frame.trials, "cell": drawn.cells})


def _border(frame: Frame, drawn: Map) -> list[Spec]:
    """A line where training becomes unstable across the two, if it does."""
    across, up = frame.report.axes[drawn.across], frame.report.axes[drawn.up]
    ends = on_pair(frame.report, across, up)
    if ends is None:
        return []
    values = [_value(axis, unit) for axis, unit in zip((across, up, across, up), ends, strict=True)]
    line = mark("rule", [dict(zip("xyXY", values, strict=True))], strokeDash=[5, 4], strokeWidth=2)
    where = _position(frame, drawn.across, "x", "x", "X") | _position(frame, drawn.up, "y", "y", "Y")
    return [over(line, **where, stroke=coloured("bad"))]


def _position(frame: Frame, index: int, side: str, name: str, end: str | None = None) -> Spec:
    """One of the report's axes as channels; trials on a choice are spread sideways so that all are seen."""
    axis = frame.report.axes[index]
    title = words.shortened(axis.label, 40) + (" (log scale)" if axis.scale == "log" else "")
    if axis.zones is not None:
        here = field(f"{name}:Q", title=title, scale=range_scale(axis), axis=range_axis(axis))
        return {side: here, **({f"{side}2": {"field": end}} if end else {})}
    names = frame.choices[index]
    look = choice_axis(names) if side == "x" else {"labelLimit": 110}
    here = field(f"{name}:N", title=title, scale={"type": "band", "domain": names}, axis=look)
    return {side: here} if end else {side: here, f"{side}Offset": field("h:Q", scale={"domain": [-1, 1]})}


def _legend(frame: Frame, drawn: Map, width: int | None) -> Spec | None:
    """What the best and the worst band come to, only where a chart stands alone: the page says it in words."""
    if width is None or drawn.levels is None:
        return None
    best, worst = map(words.number, drawn.levels)
    label = f"datum.value === 0 ? '{best}' : '{worst}'"
    return {"title": f"typical {frame.metric}", "values": [0, BANDS - 1], "labelExpr": label}
