"""Which of a program's commands trains."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.starting.argument import Argument

TRAINS = re.compile(r"(^|_)(train|training|fit|finetune)(_|$)")


def trains(
    commands: Mapping[str, Sequence[Argument]], *, grouped: bool = False
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The function that trains, the words that call it on the command line, and what is not certain."""
    if not commands:
        return "", (), ()
    names = [name for name in commands if TRAINS.search(name)] or list(commands)
    chosen = max(names, key=lambda name: len(commands[name]))
    if len(commands) == 1 and not grouped:
        return chosen, (), ()
    word = chosen.replace("_", "-")
    unread = (
        () if len(names) == 1 else (f"guess: of its commands ({', '.join(commands)}), {word} is the one that trains",)
    )
    return chosen, (word,), unread
