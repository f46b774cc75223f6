"""Results over any two hyperparameters, for a reader to choose: drawn by the page's script, from unit to unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.report import words
from playbook_cli.report.borders import borders, on_pair
from playbook_cli.report.charts import CROSS, chosen, colour, coloured, field, mark, opacity, over, when
from playbook_cli.report.frame import rounded, ticks
from playbook_cli.report.section import Chart, Control, Note
from playbook_cli.report.sections.importance import BANDS, banded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.report.frame import Frame, Rows
    from playbook_cli.report.section import Part, Spec
    from playbook_cli.report.value import Axis

_NAME = 40


def parts(frame: Frame, axes: Sequence[Axis]) -> list[Part]:
    """The chart and how to read it; nothing where the model of importance says nothing."""
    places = {axis.label: place for place, axis in enumerate(axes)}
    found = [s for s in frame.report.surfaces if all(label in places for label in s.labels)]
    if not found:
        return []
    limits = borders(frame.report)

    def combined(labels: tuple[str, str]) -> str:
        """What limits the two together; empty where nothing does."""
        border = limits.get(labels[0])
        return border.combined if border and border.other == labels[1] else ""

    found.sort(key=lambda one: not combined(one.labels))  # a reader sees the border first
    names = words.distinct([axis.label for axis in axes], _NAME)
    pairs = [(places[surface.labels[0]], places[surface.labels[1]]) for surface in found]
    shown = [(str(at), f"{names[across]} and {names[up]}") for at, (across, up) in enumerate(pairs)]

    def spec(width: int | None) -> Spec:
        rows: Rows = []
        for (across, up), surface in zip(pairs, found, strict=True):
            row: dict[str, Any] = {"a": across, "b": up}
            said = "The model predicts results too poorly here to draw bands."
            if surface.losses is not None:
                losses = np.array([[np.nan if cell is None else cell for cell in line] for line in surface.losses])
                bands, levels = banded(frame, losses)
                best, worst = map(words.number, levels)
                said = f"Typical {frame.metric}: {best} in the best (strongest) band, {worst} in the worst."
                row["c"] = "/".join("".join("." if band < 0 else str(band) for band in line) for line in bands)
            if border := on_pair(frame.report, axes[across], axes[up]):
                said += f" Dashed: training is unstable where {combined(surface.labels)} is larger."
                row |= dict(zip("pqPQ", map(rounded, border), strict=True))
            rows.append(row | {"L": said, "X": names[across], "Y": names[up]})
        return _spec(frame, width, {"pairs": rows, "marks": _marks(frame, axes)})

    chart = Chart(
        name="pair",
        title="Results over two hyperparameters",
        description=f"{frame.metric} over two hyperparameters, {len(found)} pairs to choose from.",
        spec=spec,
        controls=[Control(name="pair", label="pair", kind="choice", choices=shown)],
        only="page",
    )
    how = (
        "A filled dot is one of the best trials, a ring another one, a cross an infeasible one. Bands show the "
        "importance model's prediction, averaged over the other hyperparameters; areas far from any trial have none."
    )
    return [Note(how, only="page"), chart]


def _marks(frame: Frame, axes: Sequence[Axis]) -> Rows:
    """Ticks of each axis: x its place, u from 0 to 1, T the value there, n how many choices it has."""
    rows: Rows = []
    for place, axis in enumerate(axes):
        if axis.zones is None:
            choices = frame.choices[frame.report.axes.index(axis)]
            shown = [((at + 0.5) / len(choices), name) for at, name in enumerate(choices)]
        else:
            log, whole = axis.scale == "log", axis.kind == "int"
            values = ticks(axis.low, axis.high, log=log, whole=whole) if axis.low < axis.high else []
            shown = [(_unit(axis, value), words.number(value)) for value in values]
        counted = {"n": len(shown)} if axis.zones is None else {}
        rows += [{"x": place, "u": round(unit, 4), "T": text, **counted} for unit, text in shown]
    return rows


def _unit(axis: Axis, value: float) -> float:
    if axis.scale == "log":
        return float(np.log(value / axis.low) / np.log(axis.high / axis.low))
    return (value - axis.low) / (axis.high - axis.low)


def _spec(frame: Frame, width: int | None, rows: dict[str, Rows]) -> Spec:
    """Of `bands` and `border`: x and X, y and Y the ends, b the band.

    Of `pair`: i trial, x, y, g 1 for the best, k 1 infeasible.
    """

    def axis(name: str) -> Spec:
        labels = f"{name}names[format(datum.value, '.4f')] || ''"
        title = {"signal": f"{name}name"}
        return {"values": {"expr": f"{name}ticks"}, "labelExpr": labels, "labelOverlap": "greedy", "title": title}

    scale = {"domain": [0, 1], "nice": False, "padding": 8}
    x = field("x:Q", scale=scale, axis=axis("x") | {"grid": False})
    y = field("y:Q", scale=scale, axis=axis("y"))
    shade = {"domain": [0, BANDS - 1], "range": [colour("arm0"), colour("zone")]}
    bands = over(
        mark("rect", "bands", strokeWidth=0.7),
        x=x,
        x2={"field": "X"},
        y=y,
        y2={"field": "Y"},
        fill=field("b:Q", scale=shade, legend=None),
        stroke=field("b:Q", scale=shade, legend=None),
    )
    crosses = mark("point", "pair", "datum.k === 1", shape=CROSS, size=30, strokeWidth=2, filled=False)
    circles = mark("point", "pair", "datum.k === 0", size=42, filled=True, strokeWidth=1.2)
    best = when("datum.g === 1", colour("ink"), colour("paper"))
    border = mark("rule", "border", strokeDash=[5, 4], strokeWidth=2)
    layers = [
        bands,
        over(border, x=x, y=y, x2={"field": "X"}, y2={"field": "Y"}, stroke=coloured("bad")),
        over(crosses, x=x, y=y, stroke=coloured("bad"), opacity=opacity("true")),
        over(circles, x=x, y=y, fill=best, stroke=coloured("ink"), opacity=opacity("true")),
        chosen("pair", x=x, y=y),
    ]
    signals: dict[str, Any] = {"xticks": [], "yticks": [], "xnames": {}, "ynames": {}, "xname": "", "yname": ""}
    return frame.finish(layers, width, 320, {"bands": [], "border": [], "pair": [], **rows}, signals)
