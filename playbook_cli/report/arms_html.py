"""Arms with spaces of their own, side by side on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.analysis.expected_best import at
from playbook_cli.report import words
from playbook_cli.report.arms import ENDS, budgets, span

if TYPE_CHECKING:
    from playbook_cli.report.value import Arm, Report, Searched


def table(report: Report) -> str:
    """A row an arm: what it searched, with what is known of the ends; its trials; what to expect of so many of them."""
    counts = budgets(report)
    heads = "".join(
        f"<th>{name}</th>" for name in ("trials", "infeasible", *(f"best of {count}, 95%" for count in counts))
    )
    rows = "".join(_row(arm, counts) for arm in report.arms)
    return (
        f'<div class="summary arms"><table><thead><tr><th class="text">arm</th><th class="text">searched</th>{heads}'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(arm: Arm, counts: list[int]) -> str:
    expected = "".join(
        f"<td>{words.number(point.value)}<br><span>{words.span(point.low, point.high)}</span></td>"
        for point in (at(arm.expected_best, count) for count in counts)
    )
    space = "".join(f"<li>{_searched(searched)}</li>" for searched in arm.space)
    return (
        f'<tr><td class="text">{words.escape(words.shortened(arm.label, 80))}</td>'
        f'<td class="text"><ul>{space}</ul></td><td>{arm.ended}</td><td>{arm.infeasible}</td>{expected}</tr>'
    )


def _searched(searched: Searched) -> str:
    said = f"{words.escape(words.shortened(searched.name, 48))} {words.escape(span(searched))}"
    if searched.ends is None:
        return said
    kind = "warning" if searched.ends.endswith("-edge") else searched.ends
    mark = "✓" if searched.ends == "interior" else ENDS[searched.ends]
    return f'{said} <span class="{kind}" title="{ENDS[searched.ends]}">{mark}</span>'
