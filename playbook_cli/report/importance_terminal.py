"""What mattered, on a terminal: a bar a hyperparameter, and where chance ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.report import words
from playbook_cli.wording import p_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playbook_cli.analysis.importance import Importance

LEGEND = "share of the variation in rank that each explains; ┊ is what chance reaches"
_BAR, _WIDEST = 10, 40
SHOWN = 12
"""Hyperparameters with a bar."""


def bars(importance: Importance, width: int, name: int) -> Iterator[tuple[str, str, str, str]]:
    """A row a hyperparameter: its label, a bar with the mark of chance, the share, the p-value.

    `width` is that of the terminal, `name` that of the longest label to be shown.
    """
    cells = min(max(width - name - 20, _BAR), _WIDEST)
    for effect in importance.effects[:SHOWN]:
        filled, mark = round(effect.share * cells), min(round(effect.needed * cells), cells - 1)
        drawn = "".join("┊" if at == mark else "█" if at < filled else " " for at in range(cells))
        yield effect.label, drawn.rstrip(), words.share(round(1000 * effect.share), 1000), p_text(effect.p_value)
