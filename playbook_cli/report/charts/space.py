"""Is the space large enough, and are there points enough in it: axis plots and coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from playbook_cli.report import words
from playbook_cli.report.charts.frame import Chart, chosen, colour, coloured, layered, opacity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.report.charts.frame import Frame
    from playbook_cli.report.value import Axis

_HEIGHT = 190
_STRIP = 20
"""Pixels at the worse end of the objective that are kept for trials without one."""
CROSS = "M-1,-1L1,1M1,-1L-1,1"
_UPRIGHT = 40
"""Characters of choices that fit below a plot."""
_FEW = 10
"""Whole numbers in a range, up to which each gets its tick."""


def axis_plot(frame: Frame, index: int) -> Chart:
    """Result against one hyperparameter: a point a trial, infeasible ones as red crosses, edge zones shaded."""
    report, axis = frame.report, frame.report.axes[index]
    label = words.shortened(axis.label, 48) + (" (log scale)" if axis.scale == "log" else "")
    title = frame.title(label)
    worse_is_up = report.metric.goal == "minimize"
    reach = [_HEIGHT, _STRIP] if worse_is_up else [_HEIGHT - _STRIP, 0]
    y = alt.Y("y:Q", title=frame.title(frame.metric), scale=alt.Scale(domain=list(frame.rows.result_ends), range=reach))
    base = alt.Chart(alt.NamedData("t")).transform_filter(f"isValid(datum.p{index})")
    zones: list[alt.Chart] = []
    if axis.zones is None:
        names = frame.rows.choices[index]
        base = base.encode(
            x=alt.X(f"p{index}:N", title=title, scale=alt.Scale(domain=names), axis=choice_axis(names)),
            xOffset=alt.XOffset("h:Q", scale=alt.Scale(domain=[-1, 1])),
        )
    else:
        x = _range(axis, f"p{index}:Q", title)
        edges = [{"f": axis.low, "t": axis.zones[0]}, {"f": axis.zones[1], "t": axis.high}]
        shaded = alt.Chart(alt.InlineData(values=edges)).mark_rect(fill=colour("zone"))
        zones.append(shaded.encode(x=_range(axis, "f:Q", title), x2="t"))
        base = base.encode(x=x)
    points = base.transform_filter("isValid(datum.y)").encode(y=y)
    circles = points.mark_point(size=46, filled=True, strokeWidth=1.2).encode(
        shape=alt.condition("datum.o === 1", alt.value("triangle-up"), alt.value("circle")),
        fill=frame.fill(),
        stroke=frame.stroke(),
        fillOpacity=alt.condition("datum.s === 'running'", alt.value(0), alt.value(1)),
        opacity=opacity("datum.g === 1"),
    )
    crosses = (
        base.transform_filter("datum.s === 'infeasible' || datum.s === 'failed'")
        .mark_point(shape=CROSS, size=26, strokeWidth=1.8, filled=False)
        .encode(
            y=alt.value(8 if worse_is_up else _HEIGHT - 8),
            stroke=alt.condition("datum.s === 'infeasible'", coloured("bad"), coloured("muted")),
            opacity=opacity("true"),
        )
    )
    infeasible = report.counts["infeasible"]
    failed = f", {report.counts['failed']} failed" if report.counts["failed"] else ""
    return Chart(
        name=f"axis-{index}",
        section="space",
        title=f"{axis.label} (log scale)" if axis.scale == "log" else axis.label,
        description=f"{frame.metric} of {len(axis.points)} trials against {label}, {infeasible} infeasible{failed}.",
        spec=frame.finish(layered(*zones, crosses, circles, chosen(points)), _HEIGHT, ["t"]),
    )


def coverage(frame: Frame) -> Chart:
    """Where in every range the trials lie, the best ones marked."""
    axes = zip(frame.rows.axes, frame.report.axes, strict=True)
    names = [name for name, axis in axes if axis.points]
    base = alt.Chart(alt.NamedData("cover")).encode(
        x=alt.X(
            "u:Q",
            title="position in the range",
            scale=alt.Scale(domain=[0, 1], padding=6),
            axis=alt.Axis(format="%", tickCount=5),
        ),
        y=alt.Y("L:N", title=None, scale=alt.Scale(domain=names)),
    )
    ticks = base.mark_tick(thickness=1.5, size=16).encode(
        color=alt.condition("datum.s === 'infeasible'", coloured("bad"), coloured("muted")), opacity=opacity("false")
    )
    good = base.transform_filter("datum.g === 1").mark_point(size=60, filled=True)
    layers = layered(ticks, good.encode(color=coloured("arm0"), opacity=opacity("true")), chosen(base))
    return Chart(
        name="coverage",
        section="coverage",
        title="",
        description="For every hyperparameter, where in its range the trials lie; the best ones as dots.",
        spec=frame.finish(layers, alt.Step(30), ["cover"]),
    )


def choice_axis(names: Sequence[str]) -> alt.Axis:
    """Upright where the names fit side by side, else slanted."""
    fits = max(len(name) for name in names) * len(names) <= _UPRIGHT
    return alt.Axis(labelAngle=0 if fits else -35, labelLimit=90)


def _range(axis: Axis, field: str, title: str | None) -> Any:
    return alt.X(field, title=title, scale=range_scale(axis), axis=range_axis(axis))


def range_scale(axis: Axis) -> alt.Scale:
    """From one end of a range to the other, on its own scale."""
    low, high = _ends(axis)
    kind: Any = "log" if axis.scale == "log" else "linear"
    return alt.Scale(type=kind, domain=[low, high], nice=False, zero=False, padding=8)


def range_axis(axis: Axis) -> alt.Axis:
    """A tick for each of a few whole numbers; else a few ticks."""
    low, high = _ends(axis)
    each = axis.kind == "int" and axis.scale != "log" and high - low <= _FEW
    return alt.Axis(tickCount=int(high - low) if each else 5, format="d" if each else "~g")


def _ends(axis: Axis) -> tuple[float, float]:
    return (axis.low, axis.high) if axis.low < axis.high else (axis.low - 1, axis.high + 1)
