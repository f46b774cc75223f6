"""Any two numbers of the trials against each other, with the trials that no other one beats in both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.report import words
from playbook_cli.report.charts import chosen, coloured, field, mark, opacity, over
from playbook_cli.report.frame import explored
from playbook_cli.report.section import Chart, Control, Section

if TYPE_CHECKING:
    from playbook_cli.report.frame import Frame
    from playbook_cli.report.section import Spec

_NAME = 60
_GOALS = [("", "as usual"), ("minimize", "lower"), ("maximize", "higher"), ("none", "neither")]


def section(frame: Frame) -> Section | None:
    """A chart that a page's script fills; None where nothing but the result was measured of at least two trials."""
    report = frame.report
    measured = [one for one in frame.measured if len(one.values) > 1]
    if len(frame.drawn) < 2 or not measured:
        return None
    numbers = [axis.name for axis in report.axes if axis.zones is not None]
    names = [*(one.name for one in measured), report.metric.name, "step", *dict.fromkeys(numbers)]
    across = [(name, words.shortened(name, _NAME)) for name in names]
    up = sorted(across, key=lambda one: one[0] != report.metric.name)
    how = (
        "Any two numbers of the completed trials: results, time, other metrics at the best evaluation, "
        "hyperparameters. The line joins the trials that no other one beats in both (the Pareto front)."
    )
    chart = Chart(
        name="tradeoff",
        description=f"{frame.metric} against any other number of a trial, {len(across)} to choose from.",
        spec=lambda width: _spec(frame, width),
        controls=[
            Control(name="up", label="up", kind="choice", choices=up),
            Control(name="up-goal", label="better", kind="choice", choices=_GOALS),
            Control(name="across", label="across", kind="choice", choices=across),
            Control(name="across-goal", label="better", kind="choice", choices=_GOALS),
            Control(name="tradeoff-logx", label="log across", kind="switch"),
            Control(name="tradeoff-logy", label="log up", kind="switch"),
        ],
        only="page",
    )
    return Section(
        name="tradeoff",
        title="What does a better result cost?",
        how=how,
        parts=[frame.legend, chart],
        only="page",
    )


def _spec(frame: Frame, width: int | None) -> Spec:
    """Rows of `numbers`, which the script fills: i trial, a arm, x, y, f 1 on the front; of `front`: x, y."""
    x, y, signals = explored()
    points = mark("point", "numbers", size=44, filled=True, clip=True)
    line = mark("line", "front", clip=True, strokeWidth=1.5, interpolate="step-after")
    layers = [
        over(line, x=x, y=y, stroke=coloured("ink"), order=field("n:Q")),
        over(points, x=x, y=y, fill=frame.by_arm(width), opacity=opacity("datum.f === 1")),
        chosen("numbers", x=x, y=y),
    ]
    return frame.finish(layers, width, 320, {"numbers": [], "front": []}, signals)
