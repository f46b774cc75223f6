"""Where training becomes unstable, as the findings say: lines to draw over axes and over pairs of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.report import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.records import Value
    from playbook_cli.report.value import Axis, Report


@dataclass(frozen=True, kw_only=True)
class Border:
    """What limits one hyperparameter: by itself, or together with another one."""

    limit: float
    """Its highest stable value, or the largest stable ratio or product."""
    other: str | None
    """Label of the other hyperparameter."""
    combined: str
    """The ratio or product in words; empty without another one."""
    above: bool
    """Whether training is unstable above the border, or below it."""
    ratio: bool

    def at(self, other: float) -> float:
        """Where the border lies if the other hyperparameter has this value."""
        if not self.combined:
            return self.limit
        if not self.ratio:
            return self.limit / other
        return self.limit * other if self.above else other / self.limit


def borders(report: Report) -> Mapping[str, Border]:
    """By the label of the hyperparameter."""
    found = {}
    for finding in report.findings:
        known = finding.evidence
        if finding.rule != "instability-edge" or finding.subject is None or "limit" not in known:
            continue
        found[finding.subject] = Border(
            limit=known["limit"],
            other=known.get("with"),
            combined=known.get("combined", ""),
            above=known.get("side", "above") == "above",
            ratio=bool(known.get("ratio")),
        )
    return found


def on_axis(report: Report, axis: Axis) -> tuple[float, str] | None:
    """Where to draw the border on one axis, within it, and what it is; across two at the best trial's other value."""
    border = borders(report).get(axis.label)
    if border is None or axis.zones is None:
        return None
    side = "above" if border.above else "below"
    if border.other is None:
        return border.limit, f"Training is unstable {side} {words.number(border.limit)}."
    other = _at_best(report, border.other)
    if not isinstance(other, int | float):
        return None
    at = border.at(other)
    if not axis.low < at < axis.high:
        return None
    where = f"with {border.other} at the best trial's {words.number(other)}"
    return at, f"Training is unstable {side} {words.number(at)} {where}."


def on_pair(report: Report, across: Axis, up: Axis) -> tuple[float, float, float, float] | None:
    """Ends of the border over two axes, in units: across and up, twice; None where there is none between them."""
    border = borders(report).get(across.label)
    if border is None or border.other != up.label:
        return None
    (low, span), (other_low, other_span) = _logs(across), _logs(up)

    def place(unit: float) -> float:
        """Of the border on the axis up, in units, where the axis across has this unit."""
        here, limit = low + unit * span, math.log(border.limit)
        partner = limit - here if not border.ratio else here - limit if border.above else here + limit
        return (partner - other_low) / other_span

    start, end = place(0.0), place(1.0)
    units = sorted((edge - start) / (end - start) for edge in (0.0, 1.0))
    first, last = max(units[0], 0.0), min(units[1], 1.0)
    return (first, place(first), last, place(last)) if first < last else None


def _logs(axis: Axis) -> tuple[float, float]:
    """Logarithm of the lower end of an axis, and from there to the upper end."""
    return math.log(axis.low), math.log(axis.high / axis.low)


def _at_best(report: Report, label: str) -> Value | None:
    """The best trial's value on an axis."""
    best = report.best.trial if report.best else None
    points = next((axis.points for axis in report.axes if axis.label == label), ())
    return next((point.value for point in points if point.trial == best), None)
