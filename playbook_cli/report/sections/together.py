"""All hyperparameters at once: a line a trial across parallel axes, on which a reader selects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.report import words
from playbook_cli.report.charts import CHOSEN, OFF, coloured, field, mark, over
from playbook_cli.report.frame import rounded
from playbook_cli.report.section import Chart, Section
from playbook_cli.report.sections import pairs

if TYPE_CHECKING:
    from playbook_cli.report.frame import Frame, Rows
    from playbook_cli.report.section import Spec
    from playbook_cli.report.value import Axis

_LEAST, _MOST = 2, 14
"""Axes side by side."""
_NAME = 14
"""Characters in a line above an axis."""
_INK = 2.5
"""How strong the lines of all trials are together."""
_UPRIGHT = 105
"""Pixels between axes from which on their names are not slanted."""


def section(frame: Frame) -> Section | None:
    """Parallel coordinates; None where fewer than two things vary."""
    axes = axes_of(frame)
    if len(axes) < _LEAST or not frame.drawn:
        return None
    how = (
        "Each line is a trial, and the strong ones are the best. The last axis is the result, best at the top; "
        "infeasible trials end before it. Drag along an axis to filter the trials; the table and all charts follow. "
        "Click an axis or press Escape to clear the filter."
    )
    chart = Chart(
        name="together",
        description=f"Parallel coordinates of {len(axes)} hyperparameters and {frame.metric}.",
        spec=lambda width: _spec(frame, width),
        only="page",
    )
    return Section(
        name="together",
        title="Which combinations work?",
        how=how,
        parts=[frame.legend, chart, *pairs.parts(frame, axes)],
        only="page",
    )


def axes_of(frame: Frame) -> list[Axis]:
    """What is drawn side by side; the page's script knows every trial's place on each."""
    return [axis for axis in frame.report.axes if axis.points][:_MOST]


def _spec(frame: Frame, width: int | None) -> Spec:
    """Rows of `lines`: i trial, a arm, g 1 if one of the best, x axis from 0, u place on it.

    Of `ends`: x, u, T the value there.
    """
    report = frame.report
    axes = axes_of(frame)
    trials = {trial.id: trial for trial in report.trials}
    lines: Rows = []
    ends: Rows = []

    def line(number: int, place: int, unit: float) -> dict[str, Any]:
        trial = trials[number]
        return {"i": number, "a": trial.arm, "g": int(trial.good), "x": place, "u": rounded(unit)}

    for place, axis in enumerate(axes):
        lines += [line(p.trial, place, p.unit) for p in axis.points]
        if axis.zones is not None:
            marks = [(0.0, words.number(axis.low)), (1.0, words.number(axis.high))]
        else:
            choices = frame.choices[report.axes.index(axis)]
            marks = [((at + 0.5) / len(choices), name) for at, name in enumerate(choices)]
        ends += [{"x": place, "u": unit, "T": text} for unit, text in marks]
    losses = {number: report.metric.loss(value) for number, value in frame.drawn.items()}
    low, high = min(losses.values()), max(losses.values())
    lines += [line(number, len(axes), (high - loss) / ((high - low) or 1.0)) for number, loss in losses.items()]
    lines.sort(key=lambda row: row["g"])  # the best ones above
    best, worst = report.metric.loss(low), report.metric.loss(high)
    ends += [{"x": len(axes), "u": 1, "T": words.number(best)}, {"x": len(axes), "u": 0, "T": words.number(worst)}]
    names = [*words.distinct([axis.label for axis in axes], 2 * _NAME), words.shortened(report.metric.name, 2 * _NAME)]
    scale = {"domain": [0, len(axes)], "nice": False, "padding": 40}
    broken = [_two_lines(name) for name in names]
    lines_above = max(text.count("\n") for text in broken)
    heads = [
        {"x": place, "T": text if "\n" in text else "\n" * lines_above + text} for place, text in enumerate(broken)
    ]
    crowded = f"width / {len(names)} < {_UPRIGHT}"
    slant: dict[str, Any] = {
        "angle": {"expr": f"{crowded} ? -50 : 0"},
        "align": {"expr": f"{crowded} ? 'left' : 'center'"},
    }
    rules = {"values": [], "domain": False}
    x = field("x:Q", title=None, scale=scale, axis=rules)
    y = field("u:Q", scale={"domain": [0, 1], "nice": False, "padding": 6}, axis=None)
    shown = {
        "condition": [
            {"test": OFF, "value": 0.03},
            {"test": CHOSEN, "value": 1},
            {"test": "trial >= 0", "value": 0.12},
            {"test": "datum.g === 1", "value": 0.8},
        ],
        "value": min(0.35, _INK / len(trials) ** 0.5),
    }
    rows = {"lines": lines, "ends": ends, "heads": heads, "brushes": []}
    looks: dict[str, Any] = {"align": "left", "dx": 5, "fontSize": 10, "fill": {"expr": "muted"}}
    heading: dict[str, Any] = {
        "dy": -10 - 14 * lines_above,
        "baseline": "bottom",
        "lineBreak": "\n",
        "fontSize": 12,
        "fill": {"expr": "ink"},
    }
    brushes = mark("rule", "brushes", strokeWidth=12, opacity=0.35)
    behind = mark("text", "ends", **looks, stroke={"expr": "paper"}, strokeWidth=4, strokeJoin="round")
    said = {"field": "T", "type": "nominal"}
    top = mark("line", "lines", CHOSEN, strokeWidth=3)
    layers = [
        over(
            mark("line", "lines", strokeWidth=1.2),
            x=x,
            y=y,
            detail=field("i:N"),
            stroke=frame.by_arm(width),
            opacity=shown,
        ),
        over(top, x=x, y=y, stroke=coloured("ink")),
        over(brushes, x=x, y=field("lo:Q", scale=y["scale"], axis=None), y2={"field": "hi"}, stroke=coloured("ink")),
        over(mark("rule", "heads", strokeWidth=1, stroke={"expr": "line"}), x=x, y={"value": 0}, y2={"value": 260}),
        over(mark("text", "heads", **heading, **slant), x=x, y={"value": 0}, text=said),
        over(behind, x=x, y=y, text=said),
        over(mark("text", "ends", **looks), x=x, y=y, text=said),
    ]
    return frame.finish(layers, width, 260, rows)


def _two_lines(name: str) -> str:
    """A long name in two lines, broken before its condition or after a part of it."""
    if len(name) <= _NAME:
        return name
    breaks = [at + (name[at] != "(") for at in range(1, len(name) - 1) if name[at] in "(_./-"]
    middle = min(breaks, key=lambda at: abs(at - len(name) / 2), default=_NAME)
    return f"{name[:middle].strip()}\n{name[middle:]}"
