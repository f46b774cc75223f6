"""The ledger as a Markdown table, a row a study."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playbook_cli.report import log_words

if TYPE_CHECKING:
    from playbook_cli.ledger.rows import Log, Row

_HEADS = ("study", "goal", "trials", "best", "repeats", "notes", "command", "commit")


def as_markdown(log: Log) -> str:
    """The table; links are relative to the folder of all studies."""
    lines = [_line(_HEADS), _line(["---"] * len(_HEADS)), *(_row(row) for row in log.rows)]
    return "\n".join(lines) + "\n"


def _row(row: Row) -> str:
    name = f"[{_text(row.name)}]({_path(row.spec)})"
    report = f" ([report]({_path(row.report)}))" if row.report else ""
    notes = "<br>".join(_text(note) for note in log_words.notes(row))
    return _line(
        [
            f"{name}{report}",
            _text(row.goal),
            _text(log_words.trials(row)),
            _text(log_words.result(row)),
            _text(log_words.repeats(row)),
            notes,
            _code(log_words.command(row.run)),
            _text(log_words.commit(row.run)),
        ]
    )


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """`text` as one line in which nothing is markup."""
    line = _one_line(text)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", line)


def _code(text: str) -> str:
    """`text` as code, which in a table may hold no bar and no back-tick."""
    line = _one_line(text)
    return _text(line) if "`" in line or "|" in line else f"`{line}`"


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() or char.isspace() else " " for char in text).split())


def _path(path: str) -> str:
    """A relative link's target; without a scheme it can only lead to a file."""
    from urllib.parse import quote

    return f"./{quote(path)}"
