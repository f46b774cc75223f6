"""What mattered: a bar a hyperparameter beside what chance reaches, and the results over two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from playbook_cli.report import words
from playbook_cli.report.charts.frame import Chart, chosen, colour, coloured, layered, opacity
from playbook_cli.report.charts.space import CROSS, choice_axis, range_axis, range_scale
from playbook_cli.report.importance_rows import BANDS

if TYPE_CHECKING:
    from playbook_cli.report.charts.frame import Frame
    from playbook_cli.report.importance_rows import Map

_HEIGHT = 300
_SHARES = alt.Axis(format="%", tickCount=5, grid=True)


def bars(frame: Frame) -> Chart:
    """What each hyperparameter explains, the largest first; what is told from chance in colour."""
    table = frame.rows.tables["matter"]
    most = max(max(row["y"], row["n"]) for row in table)
    names = [row["L"] for row in table]
    y = alt.Y("L:N", title=None, scale=alt.Scale(domain=names), axis=alt.Axis(labelLimit=180))
    scale = alt.Scale(domain=[0, min(1.0, 1.08 * most)], nice=False)
    base = alt.Chart(alt.NamedData("matter")).encode(y=y)
    share = alt.X("y:Q", title="share of the variation in rank", scale=scale, axis=_SHARES)
    shares = base.mark_bar(height={"band": 0.6}).encode(
        x=share.stack(None),  # nothing is stacked, and Vega's stacks trip over a hyperparameter called __proto__
        color=alt.condition("datum.m === 1", coloured("arm0"), coloured("line")),
    )
    chance = base.mark_tick(thickness=2, size=22).encode(x=alt.X("n:Q", scale=scale), color=coloured("ink"))
    named = sum(row["m"] for row in table)
    return Chart(
        name="importance",
        section="importance",
        title="",
        description=f"Share of the variation in rank by hyperparameter; {named} of {len(table)} mattered.",
        spec=frame.finish(layered(shares, chance), alt.Step(30), ["matter"]),
    )


def results_over_two(frame: Frame, drawn: Map) -> Chart:
    """Trials over two hyperparameters, good ones strong, on bands of what the model expects where it can tell."""
    axes = frame.report.axes
    labels = [words.shortened(axes[index].label, 40) for index in (drawn.across, drawn.up)]
    # The spread of the points would take the width of a choice away.
    sizes: dict[str, Any] = {"width": alt.ExprRef("bandwidth('x')")} if axes[drawn.across].zones is None else {}
    sizes |= {"height": alt.ExprRef("bandwidth('y')")} if axes[drawn.up].zones is None else {}
    bands = alt.Chart(alt.NamedData("cell")).mark_rect(strokeWidth=0.7, **sizes)
    shade = alt.Scale(domain=[0, BANDS - 1], range=[colour("arm0"), colour("zone")])
    bands = bands.encode(
        **_position(frame, drawn.across, "x", "x", "X"),
        **_position(frame, drawn.up, "y", "y", "Y"),
        fill=alt.Fill("b:Q", scale=shade, legend=_legend(frame, drawn)),
        stroke=alt.Stroke("b:Q", scale=shade, legend=None),
    )
    fields = [f"p{drawn.across}", f"p{drawn.up}"]
    points = alt.Chart(alt.NamedData("t")).transform_filter(" && ".join(f"isValid(datum.{field})" for field in fields))
    points = points.encode(
        **_position(frame, drawn.across, "x", fields[0]), **_position(frame, drawn.up, "y", fields[1])
    )
    ended = points.transform_filter("isValid(datum.y)").mark_point(size=42, filled=True, strokeWidth=1.2)
    circles = ended.encode(
        fill=alt.condition("datum.g === 1", coloured("ink"), coloured("paper")),
        stroke=coloured("ink"),
        opacity=opacity("true"),
    )
    crosses = points.transform_filter("datum.s === 'infeasible'").mark_point(
        shape=CROSS, size=30, strokeWidth=2, filled=False
    )
    return Chart(
        name="interaction",
        section="importance",
        title=f"{labels[0]} and {labels[1]}",
        description=f"{frame.metric} of the trials over {labels[0]} and {labels[1]}.",
        spec=frame.finish(
            layered(
                *([bands] if drawn.levels else []),
                crosses.encode(stroke=coloured("bad"), opacity=opacity("true")),
                circles,
                chosen(points),
            ),
            _HEIGHT,
            ["t", "cell"],
        ),
    )


def _position(frame: Frame, index: int, side: str, field: str, end: str | None = None) -> dict[str, Any]:
    """One of the report's axes as a channel; trials on a choice are spread sideways so that all are seen."""
    axis = frame.report.axes[index]
    channel = alt.X if side == "x" else alt.Y
    title = words.shortened(axis.label, 40) + (" (log scale)" if axis.scale == "log" else "")
    if axis.zones is not None:
        encoded: dict[str, Any] = {
            side: channel(f"{field}:Q", title=title, scale=range_scale(axis), axis=range_axis(axis))
        }
        return encoded | ({f"{side}2": end} if end else {})
    names = list(frame.rows.choices[index])
    look = choice_axis(names) if side == "x" else alt.Axis(labelLimit=90)
    encoded = {side: channel(f"{field}:N", title=title, scale=alt.Scale(type="band", domain=names), axis=look)}
    if end is not None:
        return encoded
    offset = alt.XOffset if side == "x" else alt.YOffset
    return encoded | {f"{side}Offset": offset("h:Q", scale=alt.Scale(domain=[-1, 1]))}


def _legend(frame: Frame, drawn: Map) -> alt.Legend | None:
    """What the best and the worst band come to, only where a chart stands alone: the page says it in words."""
    if frame.width is None or drawn.levels is None:
        return None
    best, worst = map(words.number, drawn.levels)
    return alt.Legend(
        title=f"typical {frame.metric}",
        values=[0, BANDS - 1],
        labelExpr=f"datum.value === 0 ? '{best}' : '{worst}'",
    )
