"""Tables as Markdown, in which nothing that a user wrote is markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from playbook_cli.report.section import cells, for_medium, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.report.section import Cell, Table


def as_markdown(table: Table) -> str:
    """The table, a line a row; links are quoted, so that they can only lead to files."""
    table = for_medium("markdown", table)
    rows = [["<br>".join(map(_cell, cells(content))) for content in row] for row in table.rows]
    return "\n".join(map(_line, [[c.name for c in table.columns], ["---"] * len(table.columns), *rows])) + "\n"


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _cell(cell: Cell) -> str:
    line = " ".join("".join(char if char.isprintable() or char.isspace() else " " for char in plain(cell)).split())
    if cell.tone == "code" and "`" not in line and "|" not in line:  # which no code in a table may hold
        return f"`{line}`"
    escaped = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"([\\`*_\[\]|~])", r"\\\1", escaped)
    return f"[{escaped}]({quote(cell.link)})" if cell.link else escaped
