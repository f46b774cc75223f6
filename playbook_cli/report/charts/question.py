"""The question itself: the isolation plot, and what more trials would bring each arm."""

from __future__ import annotations

import altair as alt

from playbook_cli.report import words
from playbook_cli.report.charts.frame import Chart, Frame, chosen, coloured, layered, opacity
from playbook_cli.report.charts.repeats import BELOW

_LABELS = alt.Axis(labelLimit=200)


def isolation(frame: Frame, index: int) -> Chart:
    """For every scientific setting its best trial, with its interval, and behind it all its trials."""
    plot = frame.report.isolation[index]
    y = alt.Y("L:N", title=None, scale=alt.Scale(domain=list(frame.rows.settings[index])), axis=_LABELS)
    x = alt.X("y:Q", title=frame.metric, scale=_results(frame, index), axis=alt.Axis(tickCount=5, grid=True))
    tried = alt.Chart(alt.NamedData(f"tried{index}")).encode(x=x, y=y)
    best = alt.Chart(alt.NamedData(f"best{index}"))
    dots = tried.mark_point(size=34, filled=True).encode(color=coloured("muted"), opacity=opacity("false"))
    reach = best.transform_filter("isValid(datum.l)").mark_rule(strokeWidth=3, opacity=0.5)
    top = best.mark_point(size=120, filled=True, shape="diamond")
    layers = layered(
        dots,
        reach.encode(x=alt.X("l:Q"), x2="h", y=y, color=coloured("arm0")),
        *_fresh(best, y) if any("m" in row for row in frame.rows.tables[f"best{index}"]) else (),
        top.encode(x=x, y=y, color=coloured("arm0"), opacity=opacity("true")),
        chosen(tried),
    )
    subject = words.shortened(plot.subject, 60)
    return Chart(
        name=f"isolation-{index}",
        section="question",
        title=plot.subject,
        description=f"{frame.metric} of all trials and of the best one, for each setting of {subject}.",
        spec=frame.finish(layers, alt.Step(44), [f"tried{index}", f"best{index}"]),
    )


def _fresh(best: alt.Chart, y: alt.Y) -> tuple[alt.Chart, alt.Chart]:
    """The best trials on fresh seeds: mean and interval."""
    reach = best.transform_filter("isValid(datum.ml)").mark_rule(strokeWidth=3, opacity=0.5, yOffset=BELOW)
    mean = best.transform_filter("isValid(datum.m)").mark_tick(thickness=3, size=14, yOffset=BELOW)
    return (
        reach.encode(x=alt.X("ml:Q"), x2="mh", y=y, color=coloured("ink")),
        mean.encode(x=alt.X("m:Q"), y=y, color=coloured("ink"), opacity=opacity("true")),
    )


def expected_best(frame: Frame) -> Chart:
    """The best result to expect of n trials, for each arm, with its band."""
    ends = alt.Scale(domain=list(frame.rows.budget_ends), nice=False, zero=False)
    counts = alt.Axis(tickMinStep=1, format="d")
    base = alt.Chart(alt.NamedData("budget")).encode(
        x=alt.X("n:Q", title="trials", scale=alt.Scale(nice=False, zero=False), axis=counts),
        y=alt.Y("y:Q", title=f"expected best {frame.metric}", scale=ends),
    )
    band = base.mark_area(opacity=0.12, clip=True).encode(y=alt.Y("l:Q", scale=ends), y2="h", fill=frame.fill())
    line = base.mark_line(strokeWidth=2, clip=True).encode(stroke=frame.stroke())
    dots = base.mark_point(size=22, filled=True, clip=True).encode(fill=frame.fill())
    return Chart(
        name="expected-best",
        section="budget",
        title="",
        description=f"Expected best {frame.metric} of n trials, with its 95% band, for each arm.",
        spec=frame.finish(layered(band, line, dots), 240, ["budget"]),
    )


def _results(frame: Frame, index: int) -> alt.Scale:
    """From the lowest end of all intervals, or the lowest result, to the highest of either."""
    reach = ("l", "h", "m", "ml", "mh")
    ends = [row[end] for row in frame.rows.tables[f"best{index}"] for end in reach if row.get(end) is not None]
    low, high = frame.rows.result_ends
    return alt.Scale(domain=[min([low, *ends]), max([high, *ends])], nice=True, zero=False)
