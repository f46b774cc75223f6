"""What a person gives a program on its command line: they know where the data is, the source does not say it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.starting.argument import with_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.starting.argument import Argument, Declared

_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def handed(table: Declared, words: Sequence[str], folder: Path) -> tuple[Declared, tuple[str, ...]]:
    """The options with what is given in place of their defaults, and the words that no option explains.

    Paths that exist are written as `folder` sees them, where the trials run.
    """
    left = [argument for argument in table.arguments if argument.option is None and argument.given == "argument"]
    named = {argument.option: argument for argument in table.arguments if argument.option is not None}
    given: dict[str, Argument] = {}
    rest: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name, equals, text = word.partition("=")
        argument = named.get(name) if word.startswith("-") or equals else None
        if argument is None and not word.startswith("-") and not equals and left:
            argument, equals, text = left.pop(0), "=", word
        if argument is None:
            rest.append(word)
        elif argument.kind == "bool" and argument.switch != "python" and not equals:
            given[argument.name] = _with(argument, "true", folder)
        elif equals or waiting:
            given[argument.name] = _with(argument, text if equals else waiting.pop(0), folder)
        else:
            rest.append(word)
    arguments = [given.get(argument.name, argument) for argument in table.arguments]
    return replace(table, arguments=arguments), tuple(rest)


def _with(argument: Argument, text: str, folder: Path) -> Argument:
    value: object = text
    if argument.kind == "bool":
        value = _WORDS.get(text.lower(), text)
    elif argument.kind in ("int", "float", "other"):
        value = _number(text)
    if value == text:
        path = Path(text).expanduser() if text.startswith("~") else Path(text)
        value = os.path.relpath(path, folder) if not path.is_absolute() and path.exists() else text
        value = str(path) if text.startswith("~") else value
    return replace(with_value(argument, value, infer=True), required=False, handed=True)


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def word(argument: Argument) -> str:
    """An option with its value, as one word of the command line."""
    if argument.kind == "bool" and argument.switch != "python":
        return str(argument.option)
    return str(argument.default) if argument.option is None else f"{argument.option}={argument.default}"
