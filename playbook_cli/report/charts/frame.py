"""What all charts share: the selection, the colours, and how a chart becomes a Vega-Lite value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt

from playbook_cli.report import theme, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.report.rows import Rows
    from playbook_cli.report.value import Report

NOBODY = -1
"""Value of the signal `trial` where no trial is chosen."""
_DIM, _PALE, _FULL = 0.14, 0.42, 0.95


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart: where it stands in the report, what it shows in words, and the Vega-Lite value that draws it."""

    name: str
    """Unique, and fit for a file name."""
    section: str
    title: str
    """Its hyperparameter or metric; empty where the section says it all."""
    description: str
    """For those who cannot see it."""
    spec: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A report, its rows, and for whom they are drawn."""

    report: Report
    rows: Rows
    width: int | None
    """Pixels of a picture that stands alone; None for the page."""

    @property
    def metric(self) -> str:
        """The metric's name, short enough for an axis."""
        return words.shortened(self.report.metric.name, 40)

    @property
    def colours_arms(self) -> bool:
        """Whether there are colours enough to tell the arms apart."""
        return 1 < len(self.report.arms) <= theme.ARM_COLOURS

    def title(self, text: str) -> str | None:
        """The title of an axis that the page names above the chart already."""
        return None if self.width is None else text

    def fill(self) -> alt.Fill:
        """A trial's colour, by its arm, for areas."""
        return alt.Fill("a:N", scale=self._arms(), legend=self._legend())

    def stroke(self) -> alt.Stroke:
        """A trial's colour, by its arm, for lines."""
        return alt.Stroke("a:N", scale=self._arms(), legend=self._legend())

    def finish(self, chart: alt.LayerChart, height: Any, tables: Sequence[str]) -> dict[str, Any]:
        """The chart with its selection, its size and its looks; with its data where it is to stand alone."""
        width: Any = self.width or "container"
        spec = chart.properties(width=width, height=height).to_dict(validate=False)  # slow; a test validates
        signals = {"trial": NOBODY, **theme.LIGHT}
        spec["params"] = [{"name": name, "value": value} for name, value in signals.items()]
        spec["config"] = theme.config() | ({} if self.width is None else {"background": theme.LIGHT["paper"]})
        spec["autosize"] = {"type": "fit-x" if self.width is None else "pad", "contains": "padding"}
        if self.width is not None:
            spec["datasets"] = spec.get("datasets", {}) | {name: self._named(name) for name in tables}
        return spec

    def _arms(self) -> alt.Scale:
        arms: list[Any] = list(range(len(self.report.arms))) if self.width is None else list(self.rows.arms)
        colours: list[Any] = [colour(f"arm{i}" if self.colours_arms else "arm0") for i in range(len(arms))]
        return alt.Scale(domain=arms, range=colours)

    def _legend(self) -> alt.Legend | None:
        """Only where a chart stands alone: the page explains the colours once."""
        if self.width is None or not self.colours_arms:
            return None
        return alt.Legend(title=None, symbolType="circle", symbolOpacity=1, columns=1)

    def _named(self, table: str) -> list[dict[str, Any]]:
        arms = self.rows.arms
        return [row | {"a": arms[row["a"]]} if "a" in row else row for row in self.rows.tables[table]]


def colour(name: str) -> Any:
    """A colour of the theme as a property of a mark."""
    return alt.ExprRef(name)


def coloured(name: str) -> Any:
    """A colour of the theme as a value of an encoding."""
    return alt.value({"expr": name})


def opacity(shown: str) -> alt.OpacityValue:
    """Full for the chosen trial, dim for all others; where none is chosen full where `shown` holds, pale elsewhere."""
    return alt.OpacityValue(
        _DIM,
        condition=[
            {"test": f"trial < 0 ? ({shown}) : datum.i === trial", "value": _FULL},
            {"test": "trial < 0", "value": _PALE},
        ],
    )


def chosen(base: alt.Chart) -> alt.Chart:
    """A ring around the chosen trial."""
    ring: alt.Chart = base.transform_filter("datum.i === trial").mark_point(
        size=190, filled=False, strokeWidth=2, stroke=colour("ink"), opacity=1
    )
    return ring


def layered(*layers: alt.Chart) -> alt.LayerChart:
    """Charts drawn over each other, the first one below."""
    chart = alt.layer(*layers)
    assert isinstance(chart, alt.LayerChart)
    return chart
