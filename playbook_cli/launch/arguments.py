"""Hyperparameters as program arguments, from which the program reads the same types and values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.records import Value
    from playbook_cli.spec.program import Arguments

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
"""Text that Hydra reads literally, unless it is one of the words below."""
_WORDS = frozenset({"true", "false", "null", "nan", "inf"})


def arguments(params: Mapping[str, Value], how: Arguments) -> list[str]:
    """The arguments of all hyperparameters, in order; each may have none, one or several."""
    words = []
    for name, value in params.items():
        if name not in how.omit and not (value is None and how.none == "omit"):
            words += _argument(how.names.get(name, name), value, how)
    return words


def _argument(name: str, value: Value, how: Arguments) -> list[str]:
    if how.style in ("name=value", "+name=value"):
        return [f"{how.style[:-10]}{name}={_hydra(value, how)}"]
    option = name if name.startswith("-") else f"--{name}"
    if isinstance(value, bool) and how.booleans in ("flag", "no-flag"):
        if value:
            return [option]
        return [f"--no-{option.lstrip('-')}"] if how.booleans == "no-flag" else []
    if isinstance(value, tuple) and how.lists == "words":
        return [option, *(_text(item, how) for item in value)]
    if isinstance(value, tuple) and how.lists == "repeat":
        return [word for item in value for word in _argument(name, item, how)]
    text = _text(value, how)
    # A value that begins with a hyphen would be read as an option if it were a separate word.
    return [option, text] if how.style == "--name value" and not text.startswith("-") else [f"{option}={text}"]


def _text(value: Value, how: Arguments) -> str:
    """`value` as Python prints it: a float keeps its point or exponent, an integer has none."""
    if isinstance(value, tuple):
        return ",".join(_text(item, how) for item in value) if how.lists == "commas" else str(list(value))
    if isinstance(value, bool):
        return str(value).lower() if how.booleans == "lower" else str(value)
    return (how.none or "None") if value is None else str(value)


def _hydra(value: Value, how: Arguments) -> str:
    """`value` in the grammar of Hydra's overrides."""
    if isinstance(value, str):
        return value if _BARE.fullmatch(value) and value.lower() not in _WORDS else _quoted(value)
    if isinstance(value, tuple):
        return f"[{','.join(_hydra(item, how) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return (how.none or "null") if value is None else str(value)


def _quoted(text: str) -> str:
    """Text between single quotes: backslashes count only before a quote, and before what would be interpolated."""
    text = re.sub(r"(\\*)\$\{", lambda found: f"{found[1] * 2}\\${{", text)
    text = re.sub(r"(\\*)'", lambda found: f"{found[1] * 2}\\'", text)
    text = re.sub(r"(\\+)\Z", lambda found: found[1] * 2, text)
    return f"'{text}'"
