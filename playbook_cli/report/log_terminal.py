"""The ledger on a terminal: a row a study, with fewer columns where there is little room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.acts import run
from playbook_cli.report import log_words, words

if TYPE_CHECKING:
    from rich.console import Console

    from playbook_cli.ledger.rows import Log, Row

_WIDE, _MIDDLE, _NARROW = 120, 84, 56
"""Columns of a terminal from which on there is room for command and commit, for notes, and for trials."""


def render(log: Log, out: Console) -> None:
    """Print the table, and the studies that are the baseline now below it."""
    from rich.table import Table
    from rich.text import Text

    if not log.rows:
        out.print(f"no study in {log.runs} yet\n-> {run('STUDY.YAML', log.runs)}", soft_wrap=True)
        return
    room = out.width
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("study", overflow="fold", max_width=max(12, room // 4))
    if room >= _NARROW:
        table.add_column("trials", overflow="fold", max_width=22)
    table.add_column("best", overflow="fold", max_width=34)
    if room >= _MIDDLE:
        table.add_column("notes", overflow="fold", ratio=1)
    if room >= _WIDE:
        table.add_column("command, commit", overflow="fold", max_width=34)
    for row in log.rows:
        table.add_row(*(Text(cell) for cell in _cells(row, room)))
    out.print(table)
    standing = [row for row in log.rows if row.adopted is not None]
    if standing:
        out.print("")
    for row in standing:
        assert row.adopted is not None
        said = log_words.adoption(row.adopted, stands=True, noted=room < _MIDDLE)  # the table has the notes
        out.print(f"{_one_line(row.name, 60)}: {said}")


def _cells(row: Row, room: int) -> list[str]:
    mark = "* " if row.adopted is not None else ""
    kind = "" if row.kind == "study" else f" ({row.kind})"
    notes = "\n".join(_one_line(note, 240) for note in log_words.notes(row))
    result = "\n".join(part for part in (log_words.result(row), log_words.repeats(row)) if part)
    cells = [f"{mark}{_one_line(row.name, 80)}{kind}"]
    if room >= _NARROW:
        cells.append(log_words.trials(row))
    cells.append("cannot be read" if row.problem and room < _MIDDLE else result)
    if room >= _MIDDLE:
        cells.append(notes or _one_line(row.goal, 160))
    if room >= _WIDE:
        cells.append(f"{_one_line(log_words.command(row.run), 120)}\n{log_words.commit(row.run)}")
    return cells


def _one_line(text: str, length: int) -> str:
    """Printable characters alone: what a user wrote moves no cursor."""
    return words.shortened("".join(char if char.isprintable() or char.isspace() else " " for char in text), length)
