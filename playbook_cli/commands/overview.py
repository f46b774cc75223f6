"""`playbook --help`: the verbs at a glance, drawn like the help of each verb but without its heavy imports."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

from playbook_cli.commands.verbs import VERBS, Commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WIDTH = 100
"""Largest width, in columns."""
NARROW = 40
BOX = "╭─╮│╰╯"
ASCII = "+-+|++"
BOLD, NAME, DIM, END = "\x1b[1m", "\x1b[1;36m", "\x1b[2m", "\x1b[0m"


class Overview(TyperGroup):
    """The group of all verbs."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, without importing them."""
        del ctx
        return list(VERBS)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print usage, options and verbs, as wide as the terminal; typer expects drawn help to be printed."""
        del formatter
        options = [record for param in self.get_params(ctx) if (record := param.get_help_record(ctx))]
        verbs = [(name, verb.purpose) for name, verb in VERBS.items()]
        width = min(shutil.get_terminal_size().columns, WIDTH)
        usage = self.get_usage(ctx)
        print("\n".join(drawn(usage, self.help or "", {"Options": options, "Commands": verbs}, width)))


def drawn(usage: str, purpose: str, panels: dict[str, list[tuple[str, str]]], width: int) -> Iterator[str]:
    """The lines of a help screen with two-column panels, in colour if stdout is a terminal that wants it."""
    inside = max(width - 4, NARROW)
    yield ""
    yield from (f" {_styled(line, BOLD)}" for line in textwrap.wrap(usage, inside))
    yield ""
    yield from (f" {line}" for line in textwrap.wrap(purpose, inside))
    yield ""
    for title, rows in panels.items():
        yield from _panel(title, rows, inside)
    yield f" {_styled('Run playbook COMMAND --help for details.', DIM)}"


def _panel(title: str, rows: Iterable[tuple[str, str]], inside: int) -> Iterator[str]:
    box = BOX if _can_write(BOX) else ASCII
    left = max(len(name) for name, _ in rows)
    side = _styled(box[3], DIM)
    yield _styled(f"{box[0]}{box[1]} {title} {box[1] * (inside - len(title) - 1)}{box[2]}", DIM)
    for name, text in rows:
        for number, line in enumerate(textwrap.wrap(text, inside - left - 2, break_on_hyphens=False)):
            shown = name if number == 0 else ""
            yield f"{side} {_styled(shown, NAME)}{' ' * (left - len(shown))}  {line:<{inside - left - 2}} {side}"
    yield _styled(f"{box[4]}{box[1] * (inside + 2)}{box[5]}", DIM)


def _styled(text: str, style: str) -> str:
    wanted = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"{style}{text}{END}" if wanted and text else text


def _can_write(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
