"""The best trials, for a terminal: a page has them at the top of all trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.report.section import Section
from playbook_cli.report.sections.trials import results

if TYPE_CHECKING:
    from playbook_cli.report.frame import Frame

SHOWN = 8
"""Trials."""


def section(frame: Frame) -> Section | None:
    """A row a trial, best first; None where none has a result."""
    ranked = frame.report.ranked[:SHOWN]
    if not ranked:
        return None
    return Section(name="best", heading="Best trials", parts=[results(frame.report, ranked)], only="terminal")
