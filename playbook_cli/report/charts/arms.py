"""The tuning curve of each arm by itself: what to expect of n of its trials."""

from __future__ import annotations

import altair as alt

from playbook_cli.report.charts.frame import Chart, Frame, coloured, layered


def tuning(frame: Frame, index: int) -> Chart:
    """Expected best of n trials of one arm with its band, over the curves of the other arms; all at one scale."""
    ends = alt.Scale(domain=list(frame.rows.budget_ends), nice=False, zero=False)
    x = alt.X(
        "n:Q",
        title="trials",
        scale=alt.Scale(nice=False, zero=False),
        axis=alt.Axis(tickMinStep=1, tickCount=6, format="d"),
    )
    y = alt.Y("y:Q", title=f"expected best {frame.metric}", scale=ends)
    name = frame.rows.arms[index]
    own = f"datum.a === {index if frame.width is None else repr(name)}"
    base = alt.Chart(alt.NamedData("budget")).encode(x=x, y=y)
    others = base.mark_line(strokeWidth=1, opacity=0.5, clip=True).encode(detail="a:N", stroke=coloured("muted"))
    mine = base.transform_filter(own)
    colour = coloured(f"arm{index}" if frame.colours_arms else "arm0")
    band = mine.mark_area(opacity=0.16, clip=True).encode(y=alt.Y("l:Q", scale=ends), y2="h", fill=colour)
    line = mine.mark_line(strokeWidth=2.5, clip=True).encode(stroke=colour)
    return Chart(
        name=f"tuning-{index}",
        section="arms",
        title=frame.report.arms[index].label,
        description=f"Expected best {frame.metric} of n trials of {name}, with its 95% band.",
        spec=frame.finish(layered(others, band, line), 190, ["budget"]),
    )
