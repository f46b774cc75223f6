"""How training went, and for how long it was worth it: curves of the best trials and the best-step histogram."""

from __future__ import annotations

import altair as alt

from playbook_cli.report import words
from playbook_cli.report.charts.frame import Chart, Frame, colour, coloured, layered, opacity
from playbook_cli.report.value import BINS, EARLY, LATE

_SEPARATE = 40
"""Trials in the highest bar, up to which each trial of a bar is a block of its own."""


def curves(frame: Frame, index: int) -> Chart:
    """One metric of the best trials over training, with its training counterpart dashed and the best step marked."""
    panel = frame.report.panels[index]
    validation = words.shortened(panel.validation, 40)
    training = f" and {words.shortened(panel.training, 40)} (dashed)" if panel.training else ""
    steps = alt.Scale(domain=[0, frame.report.max_train_steps], nice=False)
    values = alt.Scale(domain=list(frame.rows.curve_ends[index]), nice=False, zero=False)
    base = alt.Chart(alt.NamedData(f"curve{index}")).encode(
        x=alt.X("x:Q", title="step", scale=steps, axis=alt.Axis(format="~s", tickCount=6)),
        y=alt.Y("y:Q", title=frame.title(validation), scale=values),
        detail=["i:N", "w:N"],
    )
    near = [base.mark_line(clip=True, strokeWidth=12, opacity=0)] if frame.width is None else []
    lines = base.mark_line(clip=True, strokeJoin="round").encode(
        stroke=frame.stroke(),
        strokeDash=alt.condition("datum.w === 1", alt.value([3, 3]), alt.value([])),
        strokeWidth=alt.condition("datum.i === trial || trial < 0 && datum.r === 1", alt.value(2.4), alt.value(1.3)),
        opacity=opacity("datum.r === 1"),
    )
    best = base.transform_filter("datum.m === 1").mark_point(size=60, filled=True, strokeWidth=1.5, clip=True)
    marked = best.encode(fill=frame.fill(), stroke=coloured("paper"), opacity=opacity("true"))
    return Chart(
        name=f"curves-{index}",
        section="curves",
        title=f"{panel.validation}{f' and {panel.training} (dashed)' if panel.training else ''}",
        description=f"{validation}{training} over training, for the best trials.",
        spec=frame.finish(layered(*near, lines, marked), 280, [f"curve{index}"]),
    )


def best_steps(frame: Frame) -> Chart:
    """How many trials were at their best when; a block a trial, the playbook's two zones shaded."""
    best = frame.report.best_steps
    position = alt.X(
        "f:Q",
        title=f"best step, as a share of {frame.report.max_train_steps} steps",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(format="%", values=[0, EARLY, 0.25, 0.5, LATE, 1]),
    )
    zones = alt.InlineData(values=[{"f": 0.0, "t": EARLY}, {"f": LATE, "t": 1.0}])
    shaded = alt.Chart(zones).mark_rect(fill=colour("zone")).encode(x=position, x2="t")
    most = max(best.bins)
    counts = alt.Y(
        "k:Q",
        title="trials",
        scale=alt.Scale(domain=[0, most + max(1, most // 8)], nice=False),
        axis=alt.Axis(tickMinStep=1, format="d"),
    )
    if sum(best.bins) == sum(trial.rank is not None for trial in frame.report.trials):
        blocks = (
            alt.Chart(alt.NamedData("t"))
            .transform_filter("isValid(datum.k)")
            .transform_calculate(f=f"datum.b / {BINS} + 0.003", e=f"(datum.b + 1) / {BINS} - 0.003", top="datum.k + 1")
            .mark_rect(strokeWidth=1 if most <= _SEPARATE else 0, stroke=colour("paper"))
            .encode(x=position, x2="e", y=counts, y2="top", fill=frame.fill(), opacity=opacity("true"))
        )
    else:  # an excerpt lacks trials, and the bars count all of them
        bars = [
            {"f": number / BINS + 0.003, "e": (number + 1) / BINS - 0.003, "k": 0, "top": count}
            for number, count in enumerate(best.bins)
        ]
        whole = alt.Chart(alt.InlineData(values=bars)).mark_rect(fill=colour("arm0"))
        blocks = whole.encode(x=position, x2="e", y=counts, y2="top")
    return Chart(
        name="best-step",
        section="steps",
        title="",
        description=f"Histogram of the best step of {best.trials} trials: {best.early} within the first 10%, "
        f"{best.late} in the last 25%.",
        spec=frame.finish(layered(shaded, blocks), 190, ["t"]),
    )
