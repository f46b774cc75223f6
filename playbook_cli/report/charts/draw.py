"""All charts that there is something to draw for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.report.charts import arms, importance, question, repeats, space, training
from playbook_cli.report.charts.frame import Frame
from playbook_cli.report.rows import rows

if TYPE_CHECKING:
    from playbook_cli.report.charts.frame import Chart
    from playbook_cli.report.rows import Rows
    from playbook_cli.report.value import Report


def draw(report: Report, *, width: int | None = None) -> tuple[list[Chart], Rows]:
    """The charts in reading order, and the rows behind them.

    `width` is that of a picture in pixels; None for charts as wide as what contains them.
    """
    data = rows(report)
    frame = Frame(report=report, rows=data, width=width)
    charts = []
    if any(axis.points for axis in report.axes):
        charts += [space.axis_plot(frame, index) for index, axis in enumerate(report.axes) if axis.points]
        charts.append(space.coverage(frame))
    charts += [training.curves(frame, index) for index, panel in enumerate(report.panels) if panel.lines]
    if report.best_steps.trials:
        charts.append(training.best_steps(frame))
    if report.own_spaces and any(arm.expected_best for arm in report.arms):
        charts += [arms.tuning(frame, index) for index, arm in enumerate(report.arms) if arm.expected_best]
    charts += [question.isolation(frame, index) for index in range(len(report.isolation))]
    if report.fresh:
        charts.append(repeats.luck(frame))
    if data.tables["matter"]:
        charts.append(importance.bars(frame))
    if data.map is not None:
        charts.append(importance.results_over_two(frame, data.map))
    if any(arm.expected_best for arm in report.arms):
        charts.append(question.expected_best(frame))
    return charts, data
