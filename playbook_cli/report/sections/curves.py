"""What the training curves say: the best trials over training, in panels that share an axis."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from playbook_cli.report import words
from playbook_cli.report.charts import CHOSEN, colour, coloured, field, mark, opacity, over, when
from playbook_cli.report.frame import STEPS, explored, rounded, with_room
from playbook_cli.report.section import Chart, Control, Section

if TYPE_CHECKING:
    from playbook_cli.report.frame import Frame, Rows
    from playbook_cli.report.section import Spec
    from playbook_cli.report.value import Panel, Report


def section(frame: Frame) -> Section | None:
    """On a page one chart of any metric of any trials; as pictures a panel a metric; None where there is nothing."""
    report = frame.report
    if not report.curves.trials and not report.panels:
        return None
    panels = [_chart(frame, index) for index, panel in enumerate(report.panels) if panel.lines]
    panels += [_histogram(frame, panel) for panel in report.panels if panel.histogram]
    how = (
        "The best trials, including the best of every arm; choose any other trial to see its curve too. A dot marks "
        "the best evaluation, which is the trial's result. The steep start is cut off. Drag to zoom in, double-click "
        "to zoom out. Medians have their quartiles."
    )
    marks = [("dash", "training")] if report.curves.partners else []
    return Section(
        name="curves",
        title="What do the training curves say?",
        how=how,
        parts=[frame.legend + marks, *([_explorer(frame)] if report.curves.trials else []), *panels],
        only="page",
    )


def _explorer(frame: Frame) -> Chart:
    """Curves that a page's script draws: of any metric, smoothed or not, of the trials that are chosen."""
    metrics = [(str(place), name) for place, name in enumerate(frame.report.curves.metrics)]
    which = [
        ("best", "the best"),
        ("chosen", "the chosen one"),
        ("left", "all in the table"),
        ("bad", "infeasible"),
        ("arms", "medians of the arms" if frame.colours_arms else "the median"),
    ]
    over_what = [("", "steps"), ("time", "time")] if any(trial.spans for trial in frame.report.trials) else []
    return Chart(
        name="curves",
        description=f"Any reported metric over training, {len(frame.report.curves.trials)} trials to choose from.",
        spec=lambda width: _any_curves(frame, width),
        controls=[
            Control(name="metric", label="metric", kind="choice", choices=metrics),
            Control(name="which", label="trials", kind="choice", choices=which),
            *([Control(name="over", label="over", kind="choice", choices=over_what)] if over_what else []),
            Control(name="smooth", label="smoothing", kind="range"),
            Control(name="logx", label="log across", kind="switch"),
            Control(name="logy", label="log values", kind="switch"),
        ],
        only="page",
    )


def _any_curves(frame: Frame, width: int | None) -> Spec:
    """Rows of `curve`: i trial, a arm, w 1 for training, x step, y value, m 1 at the best step; the script fills them.

    Of `spread`: a arm, x step, y median, l and h quartiles. Where a scale is logarithmic, x or y is the power of ten.
    """
    x, y, signals = explored()
    hue = frame.by_arm(width)
    where = {"x": x, "y": y, "detail": [field("i:N"), field("w:N")]}
    near = over(mark("line", "curve", clip=True, strokeWidth=12, opacity=0), **where)
    lines = over(
        mark("line", "curve", clip=True, strokeJoin="round"),
        **where,
        stroke=hue,
        strokeDash=when("datum.w === 1", [3, 3], []),
        strokeWidth=when(f"{CHOSEN} || trial < 0 && datum.r === 1", 2.4, 1.3),
        opacity=opacity("datum.r === 1"),
    )
    best = mark("point", "curve", "datum.m === 1", size=60, filled=True, strokeWidth=1.5, clip=True)
    marked = over(best, **where, fill=hue, stroke=coloured("paper"), opacity=opacity("true"))
    shade = over(
        mark("area", "spread", clip=True, opacity=0.15), x=x, y=y | {"field": "l"}, y2={"field": "h"}, fill=hue
    )
    median = over(mark("line", "spread", clip=True, strokeWidth=2), x=x, y=y, stroke=hue)
    layers = [shade, near, lines, median, marked]
    return frame.finish(layers, width, 320, {"curve": [], "spread": []}, signals)


def _chart(frame: Frame, index: int) -> Chart:
    panel = frame.report.panels[index]
    validation = words.shortened(panel.validation, 40)
    training = f" and {words.shortened(panel.training, 40)} (dashed)" if panel.training else ""
    return Chart(
        name=f"curves-{index}",
        title=f"{panel.validation}{f' and {panel.training} (dashed)' if panel.training else ''}",
        description=f"{validation}{training} over training, for the best trials.",
        spec=partial(_spec, frame, index),
        only="picture",
    )


def _histogram(frame: Frame, panel: Panel) -> Chart:
    name = words.shortened(panel.validation, 40)
    return Chart(
        name="gradient-norms",
        title=f"{panel.validation}, all evaluations of these trials",
        description=f"How often each size of {name} came in the best trials, on a log scale.",
        spec=lambda width: _bars(frame, panel, width),
    )


def _bars(frame: Frame, panel: Panel, width: int | None) -> Spec:
    rows = [{"l": rounded(low), "h": rounded(high), "n": count, "z": 0} for low, high, count in panel.histogram]
    scale = {"type": "log", "nice": False, "domain": [rows[0]["l"], rows[-1]["h"]]}
    bars = over(
        mark("rect", "gradientNorms", color=colour("arm0"), opacity=0.8),
        x=field("l:Q", title=words.shortened(panel.validation, 40), scale=scale, axis={"format": "~g", "tickCount": 6}),
        x2={"field": "h"},
        y=field("n:Q", title="evaluations"),
        y2={"field": "z"},
    )
    return frame.finish([bars], width, 160, {"gradientNorms": rows})


def _spec(frame: Frame, index: int, width: int | None) -> Spec:
    """One metric of the best trials over training, with its training counterpart dashed and the best step marked."""
    report, panel = frame.report, frame.report.panels[index]
    name, title = f"curve{index}", None if width is None else words.shortened(panel.validation, 40)
    steps = {"domain": [0, report.max_train_steps], "nice": False}
    values = {"domain": list(_ends(report, panel)), "nice": False, "zero": False}
    where = {
        "x": field("x:Q", title="step", scale=steps, axis=STEPS),
        "y": field("y:Q", title=title, scale=values),
        "detail": [field("i:N"), field("w:N")],
    }
    near = [over(mark("line", name, clip=True, strokeWidth=12, opacity=0), **where)] if width is None else []
    lines = over(
        mark("line", name, clip=True, strokeJoin="round"),
        **where,
        stroke=frame.by_arm(width),
        strokeDash=when("datum.w === 1", [3, 3], []),
        strokeWidth=when(f"{CHOSEN} || trial < 0 && datum.r === 1", 2.4, 1.3),
        opacity=opacity("datum.r === 1"),
    )
    best = mark("point", name, "datum.m === 1", size=60, filled=True, strokeWidth=1.5, clip=True)
    marked = over(best, **where, fill=frame.by_arm(width), stroke=coloured("paper"), opacity=opacity("true"))
    return frame.finish([*near, lines, marked], width, 280, {name: _rows(report, panel)})


def _rows(report: Report, panel: Panel) -> Rows:
    """A point of a curve: trial, arm, rank, w 1 for training, x step, y value, m 1 at the best step."""
    trials = {trial.id: trial for trial in report.trials}
    return [
        {
            "i": line.trial,
            "a": trials[line.trial].arm,
            "r": trials[line.trial].rank,
            "w": int(line.split == "training"),
            "x": step,
            "y": rounded(value),
            "m": int(step == trials[line.trial].step and line.split != "training"),
        }
        for line in panel.lines
        for step, value in zip(line.steps, line.values, strict=True)
    ]


def _ends(report: Report, panel: Panel) -> tuple[float, float]:
    """Everything after the first tenth of training, when most curves are still coming down from far away."""
    pairs = [pair for line in panel.lines for pair in zip(line.steps, line.values, strict=True)]
    late = [value for step, value in pairs if step >= report.max_train_steps / 10]
    values = sorted(late or [value for _, value in pairs] or [0.0])
    cut = max(len(values) // 100, 1) if len(values) > 100 else 0
    low, high = values[0], values[-1]
    if report.metric.goal == "maximize" and report.metric.name == panel.validation:
        low = values[cut]
    else:
        high = values[len(values) - 1 - cut]
    return with_room(low, high)
