"""How much of a selected result was luck: the trials that were trained again, and what they came to."""

from __future__ import annotations

import altair as alt

from playbook_cli.report.charts.frame import Chart, Frame, chosen, coloured, layered, opacity

BELOW = 11
"""Pixels from what was selected down to what it comes to on fresh seeds."""
_LABELS = alt.Axis(labelLimit=240)


def luck(frame: Frame) -> Chart:
    """For every repeated trial the result that it was selected for, all repeats, and their mean with its interval."""
    y = alt.Y("L:N", title=None, scale=alt.Scale(domain=list(frame.rows.repeated)), axis=_LABELS)
    scale = alt.Scale(domain=_ends(frame), nice=True, zero=False)
    x = alt.X("y:Q", title=frame.metric, scale=scale, axis=alt.Axis(tickCount=5, grid=True))
    again = alt.Chart(alt.NamedData("again")).encode(x=x, y=y)
    trials = alt.Chart(alt.NamedData("luck")).encode(y=y)
    dots = again.mark_point(size=34, filled=True).encode(color=coloured("muted"), opacity=opacity("false"))
    reach = trials.transform_filter("isValid(datum.l)").mark_rule(strokeWidth=3, opacity=0.5, yOffset=BELOW)
    mean = trials.transform_filter("isValid(datum.m)").mark_tick(thickness=3, size=14, yOffset=BELOW)
    own = trials.transform_filter("isValid(datum.y)").mark_point(size=120, shape="diamond", filled=False, strokeWidth=2)
    layers = layered(
        dots,
        reach.encode(x=alt.X("l:Q"), x2="h", color=coloured("ink")),
        mean.encode(x=alt.X("m:Q"), color=coloured("ink"), opacity=opacity("true")),
        own.encode(x=x, stroke=coloured("arm0"), opacity=opacity("true")),
        chosen(again),
    )
    return Chart(
        name="repeats",
        section="luck",
        title="",
        description=f"{frame.metric} of {len(frame.rows.repeated)} trials when they were selected, and on fresh seeds.",
        spec=frame.finish(layers, alt.Step(44), ["again", "luck"]),
    )


def _ends(frame: Frame) -> list[float]:
    rows = [*frame.rows.tables["again"], *frame.rows.tables["luck"]]
    ends = [row[key] for row in rows for key in ("y", "l", "h") if row.get(key) is not None]
    return [min(ends), max(ends)]
