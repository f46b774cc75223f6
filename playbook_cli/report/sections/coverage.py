"""Are there enough trials in the good region: where in every range they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.report import words
from playbook_cli.report.charts import chosen, coloured, field, mark, opacity, over, when
from playbook_cli.report.section import Chart, Note, Section

if TYPE_CHECKING:
    from playbook_cli.report.frame import Frame
    from playbook_cli.report.section import Spec


def section(frame: Frame) -> Section:
    """A line a trial, on every hyperparameter."""
    axes = [axis for axis in frame.report.axes if axis.points]
    names = words.distinct([axis.label for axis in axes], 48)
    counted = ", ".join(f"{n} {a.tenths} of {len(a.choices) or 10}" for n, a in zip(names, axes, strict=True))
    how = (
        "Each line is a trial; dots mark the best. "
        "An isolated dot is a good trial without neighbours: that region needs more trials."
    )
    chart = Chart(
        name="coverage",
        description="For every hyperparameter, where in its range the trials are; the best ones as dots.",
        spec=lambda width: _spec(frame, width),
    )
    return Section(
        name="coverage",
        title="Are there enough trials in the good region?",
        how=how if axes else "",
        parts=[chart, Note(f"Deciles of each range, or choices, that were tried: {counted}.")] if axes else [],
        only="page",
    )


def _spec(frame: Frame, width: int | None) -> Spec:
    report = frame.report
    trials = {trial.id: trial for trial in report.trials}
    rows = [
        {
            "i": point.trial,
            "s": trials[point.trial].state,
            "g": int(trials[point.trial].good),
            "L": label,
            "u": round(point.unit, 4),
        }
        for label, axis in zip(frame.axes, report.axes, strict=True)
        for point in axis.points
    ]
    names = [name for name, axis in zip(frame.axes, report.axes, strict=True) if axis.points]
    where: dict[str, Any] = {
        "x": field(
            "u:Q",
            title="position in the range",
            scale={"domain": [0, 1], "padding": 6},
            axis={"format": "%", "tickCount": 5},
        ),
        "y": field("L:N", title=None, scale={"domain": names}),
    }
    hue = when("datum.s === 'infeasible'", {"expr": "bad"}, {"expr": "muted"})
    ticks = over(mark("tick", "cover", thickness=1.5, size=16), **where, color=hue, opacity=opacity("false"))
    best = mark("point", "cover", "datum.g === 1", size=60, filled=True)
    good = over(best, **where, color=coloured("arm0"), opacity=opacity("true"))
    return frame.finish([ticks, good, chosen("cover", **where)], width, {"step": 30}, {"cover": rows})
