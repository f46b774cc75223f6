"""Is the search space large enough: the result against each hyperparameter, and where in its range the trials lie."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli.report import borders, strips, words
from playbook_cli.report.charts import CROSS, HOLLOW, chosen, colour, coloured, field, mark, opacity, over, when
from playbook_cli.report.frame import choice_axis, range_axis, range_scale
from playbook_cli.report.section import Chart, Column, Section, Table

if TYPE_CHECKING:
    from playbook_cli.report.frame import Frame
    from playbook_cli.report.section import Content, Spec
    from playbook_cli.report.value import Axis, Report

_HEIGHT = 190
_TOLD = 5
"""Best trials of which the description of a plot says where they lie."""
_STRIP = 20
"""Pixels at the worse end of the objective that are kept for trials without one."""
_LABEL, _CHOICE = 24, 12
"""Characters of a hyperparameter and of a choice there."""
_HOLLOW = {"running": "running, its best so far", "stopped": "stopped early, at the result that was expected"}
"""What is drawn of trials without a result."""
_WIDEST = 60
"""Characters of a range on a terminal."""


def section(frame: Frame) -> Section | None:
    """A plot a hyperparameter."""
    report = frame.report
    failed = f"{strips.FAILED} failed   " if report.counts["failed"] else ""
    states = {trial.state for trial in report.trials}
    hollow = " or ".join(name for state, name in _HOLLOW.items() if state in states)
    marks = [
        *([("ring", hollow)] if hollow else []),
        *([("cross", "infeasible")] if report.counts["infeasible"] else []),
        *([("cross failed", "failed")] if report.counts["failed"] else []),
        *([("triangle", "worse than the scale shows")] if any(row.get("o") for row in frame.trials) else []),
        ("band", f"outer {report.edge_zone:.0%} of the range"),
    ]
    shown = [index for index, axis in enumerate(report.axes) if axis.points]
    if any(borders.on_axis(report, report.axes[index]) for index in shown):
        marks.append(("dash border", "edge of stability, at the best trial's other values"))
    how = (
        f"Each point is a trial: its best {words.shortened(report.metric.name, 60)} against one hyperparameter. Strong "
        "points are the best trials. Good trials crowded into a shaded end mean that the range is too small."
    )
    return Section(
        name="space",
        title="Is the search space large enough?",
        how=how if shown else "",
        heading="Where the trials are" if shown else "",
        aside=f"{strips.GOOD} best   {strips.OTHER} others   {strips.INFEASIBLE} infeasible   {failed}"
        f"┊ outer {report.edge_zone:.0%}",
        small=True,
        parts=[frame.legend + marks, *(_plot(frame, index) for index in shown), _strips(report)] if shown else [],
    )


def _strips(report: Report) -> Table:
    """Where the trials lie in each range, or at each choice, in characters."""
    trials = {trial.id: trial for trial in report.trials}
    rows: list[list[Content]] = []
    labels = words.distinct([words.printable(axis.label) for axis in report.axes], _LABEL)
    for label, axis in zip(labels, report.axes, strict=True):
        if axis.zones is None:
            counted = strips.counted(axis, report.trials)
            choices = words.distinct([words.printable(choice) for choice, _ in counted], _CHOICE)
            for row, (choice, (_, here)) in enumerate(zip(choices, counted, strict=True)):
                marks = partial(strips.choice_strip, here)
                rows.append(["" if row else label, choice, marks, ""])
        else:
            scale = f"{words.number(axis.high)}{' log' if axis.scale == 'log' else ''}"
            strip = partial(strips.axis_strip, axis, trials, report.edge_zone)
            rows.append([label, words.number(axis.low), strip, scale])
    columns = [
        Column(name="", left=True),
        Column(name=""),
        Column(name="", room=(12, _WIDEST + 2)),
        Column(name="", left=True),
    ]
    return Table(columns=columns, rows=rows, head=False, only="terminal")


def _plot(frame: Frame, index: int) -> Chart:
    report, axis = frame.report, frame.report.axes[index]
    label = words.shortened(axis.label, 48) + (" (log scale)" if axis.scale == "log" else "")
    failed = f", {report.counts['failed']} failed" if report.counts["failed"] else ""
    lost = f"{report.counts['infeasible']} infeasible{failed}"
    border = borders.on_axis(report, axis)
    return Chart(
        name=f"axis-{index}",
        title=f"{axis.label} (log scale)" if axis.scale == "log" else axis.label,
        description=f"{frame.metric} of {len(axis.points)} trials against {label}, {lost}. {_best(report, axis)}"
        + (f" {border[1]}" if border else ""),
        spec=partial(_spec, frame, index, label),
    )


def _best(report: Report, axis: Axis) -> str:
    """Where the best trials lie, for those who cannot see the plot."""
    ranks = {trial.id: trial.rank for trial in report.trials if trial.rank is not None}
    near = {ranks[p.trial]: p.value for p in axis.points if p.trial in ranks and ranks[p.trial] <= _TOLD}
    if not near:
        return ""
    where = ", ".join(words.shortened(words.setting(near[rank]), 24) for rank in sorted(near))
    return f"The best trials are at {where}."


def _spec(frame: Frame, index: int, label: str, width: int | None) -> Spec:
    """Result against one hyperparameter: a point a trial, infeasible ones as red crosses, edge zones shaded."""
    axis = frame.report.axes[index]
    title = None if width is None else label  # the page names it above the chart
    worse_is_up = frame.report.metric.goal == "minimize"
    reach = [_HEIGHT, _STRIP] if worse_is_up else [_HEIGHT - _STRIP, 0]
    scale = {"domain": list(frame.result_ends), "range": reach}
    y = field("y:Q", title=None if width is None else frame.metric, scale=scale)
    if not frame.drawn:
        y |= {"axis": {"values": []}}
    zones: list[Spec] = []
    if axis.zones is None:
        names = frame.choices[index]
        where: dict[str, Any] = {
            "x": field(f"p{index}:N", title=title, scale={"domain": names}, axis=choice_axis(names)),
            "xOffset": field("h:Q", scale={"domain": [-1, 1]}),
        }
    else:
        looks = {"title": title, "scale": range_scale(axis), "axis": range_axis(axis)}
        edges = [{"f": axis.low, "t": axis.zones[0]}, {"f": axis.zones[1], "t": axis.high}]
        zones.append(over(mark("rect", edges, fill=colour("zone")), x=field("f:Q", **looks), x2={"field": "t"}))
        where = {"x": field(f"p{index}:Q", **looks)}
        if border := borders.on_axis(frame.report, axis):
            line = mark("rule", [{"f": border[0]}], strokeDash=[5, 4], strokeWidth=1.6)
            zones.append(over(line, x=field("f:Q", **looks), stroke=coloured("bad")))
    known = f"isValid(datum.p{index})"
    circles = over(
        mark("point", "t", f"{known} & isValid(datum.y)", size=46, filled=True, strokeWidth=1.2),
        **where,
        y=y,
        shape=when("datum.o === 1", "triangle-up", "circle"),
        fill=frame.by_arm(width),
        stroke=frame.by_arm(width),
        fillOpacity=when(HOLLOW, 0, 1),
        opacity=opacity("datum.g === 1"),
    )
    lost = f"{known} & datum.s === 'infeasible' || datum.s === 'failed'"
    crosses = over(
        mark("point", "t", lost, shape=CROSS, size=26, strokeWidth=1.8, filled=False),
        **where,
        y={"value": 8 if worse_is_up else _HEIGHT - 8},
        stroke=when("datum.s === 'infeasible'", colour("bad"), colour("muted")),
        opacity=opacity("true"),
    )
    ring = chosen("t", f"{known} & isValid(datum.y)", **where, y=y)
    return frame.finish([*zones, crosses, circles, ring], width, _HEIGHT, {"t": frame.trials})
