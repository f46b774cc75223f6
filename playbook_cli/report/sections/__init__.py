"""The sections of a report, in the playbook's reading order: one file each, which knows the report and no medium."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.report.sections import (
    arms,
    budget,
    coverage,
    curves,
    findings,
    history,
    importance,
    luck,
    question,
    space,
    steps,
    together,
    tradeoff,
    trials,
)

if TYPE_CHECKING:
    from playbook_cli.report.frame import Frame
    from playbook_cli.report.section import Section

SECTIONS = (
    findings.section,
    trials.best,
    space.section,
    coverage.section,
    curves.section,
    steps.section,
    arms.section,
    question.section,
    luck.section,
    importance.section,
    budget.section,
    history.section,
    tradeoff.section,
    together.section,
    trials.section,
)
"""What is asked of a study, and answered, each in its place."""


def sections(frame: Frame) -> list[Section]:
    """Those that there is anything to say in; its report is what is to be drawn of one, as `excerpt` gives it."""
    made = [section(frame) for section in SECTIONS]
    return [replace(section, cut=frame.report.cuts.get(section.name, "")) for section in made if section is not None]
