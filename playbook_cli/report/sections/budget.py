"""Would more trials help: what the best of n trials would have been."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from playbook_cli.report.charts import field, mark, over
from playbook_cli.report.frame import WHOLE, rounded, with_room
from playbook_cli.report.section import Chart, Section

if TYPE_CHECKING:
    from playbook_cli.report.frame import Frame, Rows
    from playbook_cli.report.section import Spec
    from playbook_cli.report.value import Report

COUNTS = {"nice": False, "zero": False}
"""The scale of numbers of trials."""
_POINTS = 100
_BANDS = 3
"""Arms whose bands can be told apart."""


def section(frame: Frame) -> Section:
    """A curve an arm."""
    shown = any(len(arm.expected_best) > 1 for arm in frame.report.arms)
    how = (
        "Expected best result of n trials, resampled from those that were run. Bands hold for all n at once with 95%, "
        "approximate for quasi-random search."
    )
    if len(frame.report.arms) > 1:
        how += " Compare arms at the same n."
    if len(frame.report.arms) > _BANDS:
        how += " The band is that of the arm with the best result."
    chart = Chart(
        name="expected-best",
        description=f"Expected best {frame.metric} of n trials, with its 95% band, for each arm.",
        spec=lambda width: _spec(frame, width),
    )
    return Section(
        name="budget",
        title="Would more trials help?",
        how=how if shown else "",
        parts=[frame.legend, chart] if shown else [],
        only="page",
    )


def _spec(frame: Frame, width: int | None) -> Spec:
    scale = {"domain": list(ends(frame.report)), "nice": False, "zero": False}
    x = field("n:Q", title="trials", scale=COUNTS, axis=WHOLE)
    y = field("y:Q", title=f"expected best {frame.metric}", scale=scale)
    band = mark("area", "budget", _banded(frame), opacity=0.12, clip=True)
    low, arm = field("l:Q", scale=scale), frame.by_arm(width)
    layers = [
        over(band, x=x, y=low, y2={"field": "h"}, fill=arm),
        over(mark("line", "budget", strokeWidth=2, clip=True), x=x, y=y, stroke=arm),
        over(mark("point", "budget", size=22, filled=True, clip=True), x=x, y=y, fill=arm),
    ]
    return frame.finish(layers, width, 240, {"budget": rows(frame.report)})


def _banded(frame: Frame) -> str:
    """Whose band is drawn: many would hide each other."""
    arms = frame.report.arms
    if len(arms) <= _BANDS:
        return ""
    loss = frame.report.metric.loss
    _, best = min((loss(arm.best.value), index) for index, arm in enumerate(arms) if arm.best is not None)
    return f"datum.k === {best}"


def rows(report: Report) -> Rows:
    """A number of trials of one arm: a and k the arm, n, y expected best, l and h its band."""
    table = []
    for index, arm in enumerate(report.arms):
        stride = max(1, math.ceil(len(arm.expected_best) / _POINTS))
        points = [*arm.expected_best[:-1:stride], *arm.expected_best[-1:]]
        table += [
            {"a": index, "k": index, "n": p.n, "y": rounded(p.value), "l": rounded(p.low), "h": rounded(p.high)}
            for p in points
        ]
    return table


def ends(report: Report) -> tuple[float, float]:
    """From the best to what two trials promise: the first trial alone would set the whole scale."""
    loss = report.metric.loss
    bests = [loss(arm.best.value) for arm in report.arms if arm.best is not None]
    promises = [loss(arm.expected_best[1].value) for arm in report.arms if len(arm.expected_best) > 1] or bests
    low, high = sorted((loss(min(bests)), loss(max(promises))))
    return with_room(low, high)
