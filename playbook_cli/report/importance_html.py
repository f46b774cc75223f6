"""What mattered, as parts of the page: the table below the charts, and what their marks mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.report import words
from playbook_cli.report.excerpt import ARMS
from playbook_cli.wording import p_text

if TYPE_CHECKING:
    from playbook_cli.analysis.importance import Importance
    from playbook_cli.report.importance_rows import Map


def legend(drawn: Map | None, metric: str) -> list[tuple[str, str]]:
    """Marks and what they mean."""
    marks = [('<i class="chance"></i>', "what chance reaches")]
    if drawn is None:
        return marks
    marks += [('<i class="dot"></i>', "one of the best trials"), ('<i class="ring"></i>', "another trial")]
    if drawn.levels is None:
        return marks
    best, worst = map(words.number, drawn.levels)
    return [
        *marks,
        ('<i style="background:var(--arm0)"></i>', f"typical {words.shortened(metric, 40)} {best}"),
        ('<i class="band"></i>', f"typical {words.shortened(metric, 40)} {worst}"),
    ]


def table(importance: Importance) -> str:
    """A row a hyperparameter, the largest share first."""
    fails = any(effect.infeasible_p_value is not None for effect in importance.effects)
    names = ("share", "chance reaches", "p", *(["p of deciding what is infeasible"] if fails else []), "trials")
    heads = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        f'<tr><td class="text">{words.escape(words.shortened(effect.label, 80))}</td>'
        f"<td>{effect.share:.1%}</td><td>{effect.needed:.1%}</td>{_p_value(effect.p_value)}"
        f"{_p_value(effect.infeasible_p_value) if fails else ''}<td>{effect.trials}</td></tr>"
        for place, effect in enumerate(importance.effects)
        if place < ARMS or effect.matters
    )
    return (
        f'<div class="summary"><table><thead><tr><th class="text">hyperparameter</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _p_value(p_value: float | None) -> str:
    return f"<td>{words.NOTHING if p_value is None else words.escape(p_text(p_value).removeprefix('p = '))}</td>"
