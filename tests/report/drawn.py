"""The charts of a report as a page or a picture draws them, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.report.frame import Frame
from playbook_cli.report.sections import sections

if TYPE_CHECKING:
    from playbook_cli.report.section import Chart
    from playbook_cli.report.value import Report


def charts(report: Report, section: str | None = None) -> dict[str, Chart]:
    """The charts by their names, of one section or of all."""
    return {c.name: c for s in sections(Frame(report)) if section in (None, s.name) for c in s.charts}


def specs(report: Report, width: int | None = None) -> dict[str, dict[str, Any]]:
    """What draws each of them, by its name."""
    return {name: chart.spec(width) for name, chart in charts(report).items() if chart.spec is not None}


def tables(report: Report) -> dict[str, list[dict[str, Any]]]:
    """All rows that a page draws, by their names."""
    return {name: rows for spec in specs(report).values() for name, rows in spec["datasets"].items()}
