"""Arms with spaces of their own, side by side on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from playbook_cli.report import strips, words
from playbook_cli.report.arms import ENDS, at, budgets, span

if TYPE_CHECKING:
    from rich.console import Console

    from playbook_cli.report.value import Report

_NAME = 32
_BUDGET = 27
"""Characters of one expected best with its band."""


def render(report: Report, console: Console) -> None:
    """Print the space of every arm, and what to expect of so many trials in each; indented."""
    plain = not console.encoding.lower().startswith("utf")
    for table in (_spaces(report, plain=plain), _budgets(report, console.width, plain=plain)):
        if table.row_count:
            console.print(Padding(table, (0, 0, 0, 2)))


def _spaces(report: Report, *, plain: bool) -> Table:
    table = _table("arm", "searched", "over", "range", plain=plain)
    for arm in report.arms:
        head = arm.label
        for searched in arm.space:
            ends = ENDS.get(searched.ends or "", words.NOTHING)
            cells = (head, searched.name, span(searched), ends)
            style = "bold yellow" if (searched.ends or "").endswith("-edge") else ""
            table.add_row(*(_cell(cell, plain=plain) for cell in cells), style=style)
            head = ""
    return table


def _budgets(report: Report, width: int, *, plain: bool) -> Table:
    taken = min(max(len(arm.label) for arm in report.arms), _NAME) + len("  trials  infeasible  ")
    counts = budgets(report)[-max((width - taken) // _BUDGET, 1) :]
    table = _table("arm", "trials", "infeasible", *(f"best of {count} (95%)" for count in counts), plain=plain)
    for arm in report.arms if counts else ():
        expected = [at(arm.expected_best, count) for count in counts]
        cells = (arm.label, str(arm.ended), str(arm.infeasible), *expected)
        table.add_row(*(_cell(cell, plain=plain) for cell in cells))
    return table


def _table(*columns: str, plain: bool) -> Table:
    lines, gap = (None, 2) if plain else (box.SIMPLE_HEAD, 1)
    table = Table(box=lines, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    return table


def _cell(text: str, *, plain: bool) -> Text:
    short = words.shortened(words.printable(text), _NAME)
    return Text(strips.plain(short) if plain else short, no_wrap=True)
