"""Which files below a folder belong to the same trial: those for which the wildcards of two patterns match the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Key = tuple[str, ...]
"""What the wildcards of a pattern matched, in order."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """A file that a pattern matched."""

    path: Path
    key: Key


def find(folder: Path, pattern: str, option: str) -> list[Match]:
    """The files below `folder` that `pattern` matches, in natural order (trial_2 before trial_10).

    PlaybookError, naming the command line's `option`, if the pattern leaves the folder or matches nothing.
    """
    if not pattern or PurePath(pattern).is_absolute() or ".." in PurePath(pattern).parts:
        raise PlaybookError(
            f"{option} {pattern!r} is not a pattern below {folder}",
            hint=f"make it relative to the source: {option} 'study_*/trial_*/hparams.json'",
        )
    try:
        expression = re.compile(_expression(pattern))
        paths = [path for path in folder.glob(pattern) if path.is_file()]
    except (re.error, ValueError) as error:
        raise PlaybookError(f"{option} {pattern!r} is not a valid pattern: {error}") from None
    matched = ((path, expression.fullmatch(path.relative_to(folder).as_posix())) for path in paths)
    matches = [Match(path=path, key=found.groups()) for path, found in matched if found]
    if not matches:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:8])
        raise PlaybookError(
            f"{option} {pattern!r} matches no file", where=str(folder), hint=f"the folder contains {there or 'nothing'}"
        )
    return sorted(matches, key=lambda match: (natural(match.key), natural((match.path.as_posix(),))))


def tie(keys: Sequence[Key], metrics: Sequence[Match]) -> tuple[dict[Key, list[Path]], list[Match]]:
    """The metrics files of every trial, by key, and the metrics files that belong to none.

    A metrics pattern may have further wildcards after those of the params pattern; all files that they match belong to
    the trial.
    """
    tied: dict[Key, list[Path]] = {key: [] for key in keys}
    left = []
    for match in metrics:
        owner = next((match.key[:n] for n in range(len(match.key), -1, -1) if match.key[:n] in tied), None)
        if owner is None:
            left.append(match)
        else:
            tied[owner].append(match.path)
    return tied, left


def natural(key: Key) -> list[list[tuple[bool, int, str]]]:
    """A sort key that puts trial_10 after trial_2."""
    parts = ([(piece.isdecimal(), piece) for piece in re.split(r"(\d+)", part)] for part in key)
    return [[(number, int(piece) if number else 0, piece) for number, piece in part] for part in parts]


def _expression(pattern: str) -> str:
    """The pattern as a regular expression with a group for every wildcard."""
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\])", PurePath(pattern).as_posix())
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: str) -> str:
    match piece:
        case "**/":
            return "(.*/|)"
        case "**":
            return "(.*)"
        case "*":
            return "([^/]*)"
        case "?":
            return "([^/])"
    if len(piece) > 1 and piece[0] == "[" and piece[-1] == "]":
        inner = piece[1:-1].replace("\\", r"\\").replace("^", r"\^")
        return f"([^{inner[1:]}])" if inner.startswith("!") else f"([{inner}])"
    return re.escape(piece)
