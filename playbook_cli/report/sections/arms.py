"""How each arm was tuned, where arms search spaces of their own: the spaces, and what n trials of each come to."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from playbook_cli.analysis.expected_best import at
from playbook_cli.report import words
from playbook_cli.report.charts import coloured, field, mark, over
from playbook_cli.report.frame import WHOLE
from playbook_cli.report.section import Cell, Chart, Column, Note, Section, Table
from playbook_cli.report.sections.budget import COUNTS, ends, rows

if TYPE_CHECKING:
    from playbook_cli.report.frame import Frame
    from playbook_cli.report.section import Content, Spec, Tone
    from playbook_cli.report.value import Report, Searched

_ENDS = {
    "lower-edge": "ends too early below",
    "upper-edge": "ends too early above",
    "interior": "no early end seen",
    "undecided": "not known yet",
}
"""What is known of the ends of a range, in words."""
_PARTS = (4, 2, 1)
"""Of the trials of the smallest arm: the budgets at which arms are compared."""


def section(frame: Frame) -> Section | None:
    """Spaces and expected results side by side; None where all arms search one space."""
    report = frame.report
    if not report.own_spaces:
        return None
    how = (
        "Each arm has its own search space, so the comparison depends on these spaces: widen a range that is "
        "too small before you call an arm better. The curves are the expected best result of n trials of an arm, "
        "resampled from those that were run; bands hold for all n at once with 95% (approximate for quasi-random "
        "search)."
    )
    charts = [_chart(frame, index) for index, arm in enumerate(report.arms) if arm.expected_best]
    told = (
        [Note("Expected best of n trials of each arm; thin lines are the other arms.", only="page")] if charts else []
    )
    return Section(
        name="arms",
        title="How was each arm tuned?",
        how=how,
        heading="Arms",
        aside="each tuned in its own space; expected best of n trials",
        small=True,
        parts=[_spaces(report), _budgets(report), *told, *charts],
    )


def _spaces(report: Report) -> Table:
    rows: list[list[Content]] = []
    for arm in report.arms:
        for number, searched in enumerate(arm.space):
            known = searched.ends or ""
            tone: Tone = "warning" if known.endswith("-edge") else ""
            said = Cell(_ENDS.get(known, words.NOTHING), tone=tone)
            rows.append(["" if number else arm.label, searched.name, _span(searched), said])
    return Table(columns=[Column(name=name, left=True) for name in ("arm", "searched", "over", "range")], rows=rows)


def _span(searched: Searched) -> str:
    """A range, `0.001 to 1 log`, or its choices."""
    if searched.low is None or searched.high is None:
        return words.shortened(", ".join(searched.choices), 40)
    return f"{words.number(searched.low)} to {words.number(searched.high)}{' log' if searched.scale == 'log' else ''}"


def _budgets(report: Report) -> Table:
    fewest = min((arm.expected_best[-1].n if arm.expected_best else 0 for arm in report.arms), default=0)
    counts = sorted({max(1, fewest // part) for part in _PARTS}) if fewest else []
    rows: list[list[Content]] = []
    for arm in report.arms:
        points = [at(arm.expected_best, count) for count in counts]
        expected = [words.estimate(point.value, (point.low, point.high)) for point in points]
        rows.append([arm.label, str(arm.ended), str(arm.infeasible), *expected])
    budgets = [
        Column(name=f"best of {n} (95%)", spare=spare)
        for spare, n in zip((3, 2, 0)[-len(counts) :], counts, strict=False)
    ]
    return Table(
        columns=[
            Column(name="arm", left=True),
            Column(name="trials", spare=1),
            Column(name="infeasible", spare=1),
            *budgets,
        ],
        rows=rows,
    )


def _chart(frame: Frame, index: int) -> Chart:
    return Chart(
        name=f"tuning-{index}",
        title=frame.report.arms[index].label,
        description=f"Expected best {frame.metric} of n trials of {frame.arms[index]}, with its 95% band.",
        spec=partial(_spec, frame, index),
    )


def _spec(frame: Frame, index: int, width: int | None) -> Spec:
    """Expected best of n trials of one arm with its band, over the curves of the other arms; all at one scale."""
    scale = {"domain": list(ends(frame.report)), "nice": False, "zero": False}
    x = field("n:Q", title="trials", scale=COUNTS, axis=WHOLE | {"tickCount": 6})
    y = field("y:Q", title=f"expected best {frame.metric}", scale=scale)
    own = f"datum.k === {index}"
    others = mark("line", "budget", strokeWidth=1, opacity=0.5, clip=True)
    hue = coloured(frame.hues[index])
    low = field("l:Q", scale=scale)
    layers = [
        over(others, x=x, y=y, detail=field("a:N"), stroke=coloured("muted")),
        over(mark("area", "budget", own, opacity=0.16, clip=True), x=x, y=low, y2={"field": "h"}, fill=hue),
        over(mark("line", "budget", own, strokeWidth=2.5, clip=True), x=x, y=y, stroke=hue),
    ]
    return frame.finish(layers, width, 190, {"budget": rows(frame.report)})
