"""The line that comes nearest to a pattern which matched none, and where the two part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.following.limited import TooSlowError, limited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.following.limited import Limit

SHORTEST = 3
"""Characters, spaces aside, that a line must share with a pattern to be near it."""
SHOWN = 40
_TOKENS = re.compile(r"\(\?P<\w+>|\(\?[:=!]|\(\?<[=!]|\\.|\[(?:\\.|[^\]\\])+\]|\{\d*,?\d*\}|.", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Near:
    """A near miss."""

    line: str
    agrees: str
    """The part of the line that the beginning of the pattern matches."""
    wanted: str
    """How the pattern goes on."""
    found: str
    """How the line goes on."""

    def __str__(self) -> str:
        if self.agrees == self.line.strip() and not self.wanted:
            return f"the line '{self.line.strip()[:SHOWN]}' differs in upper and lower case"
        text = re.split(r"(?<=\S)\s*\d", self.found)[0]  # trials that fail alike say the same
        found = f"the line has '{text[:SHOWN]}'" if self.found else "the line ends"
        return f"after '{self.agrees[-SHOWN:]}' the pattern expects '{self.wanted[:SHOWN]}', but {found}"


def nearest(pattern: str, lines: Sequence[str]) -> Near | None:
    """The near miss of a pattern that matches none of these lines; None where nothing comes near, or it is too slow."""
    try:
        with limited() as limit:
            return _nearest(pattern, lines, limit)
    except (TooSlowError, re.error, RecursionError, OverflowError):
        return None


def _nearest(pattern: str, lines: Sequence[str], limit: Limit) -> Near | None:
    loose = re.compile(pattern, re.IGNORECASE)
    for line in lines:
        if found := limit(loose.search, line):
            return Near(line=line, agrees=line.strip(), wanted="", found="")
    tokens = _TOKENS.findall(pattern)
    best: tuple[int, Near] | None = None
    for count in range(len(tokens) - 1, 0, -1):
        beginning = _compiled(tokens[:count])
        if beginning is None:
            continue
        for line in lines:
            found = limit(beginning.search, line)
            if found is None or len("".join(found[0].split())) < SHORTEST:
                continue
            near = Near(
                line=line, agrees=found[0], wanted="".join(tokens[count:]), found=line[found.end() :].rstrip("\r\n")
            )
            if best is None or len(found[0]) > best[0]:
                best = (len(found[0]), near)
        if best is not None:
            return best[1]
    return None


def _compiled(tokens: Sequence[str]) -> re.Pattern[str] | None:
    """The beginning of a pattern, its open groups closed; None where it can't be cut there."""
    depth = sum(token.startswith("(") for token in tokens) - tokens.count(")")
    text = "".join(tokens) + ")" * max(depth, 0)
    if text.endswith(("(", "|")) or re.search(r"\((\?P<\w+>|\?:)?\)+\Z", text):
        return None
    try:
        return re.compile(text)
    except re.error:
        return None
