"""What each pattern, or the files, of `metrics:` gave in one trial, and what was seen in place of what gave nothing."""

from __future__ import annotations

import difflib
import glob
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.files import containment
from playbook_cli.following.limited import TooSlowError, limited
from playbook_cli.following.nearest import nearest
from playbook_cli.following.printed import LONGEST_LINE, Printed
from playbook_cli.following.process import source_of

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_BYTES = 1 << 24
"""Of a log; a short trial prints less."""
SEARCHED = 400
"""Lines among which the nearest one is looked for."""
SHOWN_CHARACTERS = 120
SHOWN_NAMES = 12
_BREAK = re.compile(r"[\r\n]+")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, kw_only=True)
class Match:
    """One pattern, or the files of a kind."""

    where: str
    """The pattern, or the glob of the files."""
    count: int
    """Lines that match, or files."""
    lines: Sequence[str]
    """The first and the last line that match; the files."""
    names: Sequence[str]
    """The metrics that it gives, by the program's names."""
    problem: str | None = None
    """Why it gives nothing, or not what it should."""


def matches(task: dict[str, Any], cwd: Path) -> list[Match]:
    """By pattern, or one for the files that `task` names, from the program's `cwd`: see `launch.command.following`."""
    if task["kind"] == "stdout":
        return [_pattern(pattern, task["step"], _lines(task["log"])) for pattern in task["patterns"]]
    source = source_of({**task, "files": str(Path(glob.escape(str(cwd))) / task["files"])}, resuming=True)
    for _ in source.poll():
        pass
    source.finish()
    problem = source.problem
    wanted = task["names"].get(task["metric"], task["metric"])
    if not source.files:
        problem = source.silence()
    elif problem is None and wanted not in source.names:
        near = difflib.get_close_matches(wanted, source.names, n=1, cutoff=0.5)
        shown = ", ".join(source.names[:SHOWN_NAMES]) or "nothing"
        problem = f"there is no {wanted}, but {shown}"
        problem += f": did you mean {near[0]}? Write names: {{{task['metric']}: {near[0]}}}" if near else ""
    return [
        Match(where=task["files"], count=len(source.files), lines=source.files, names=source.names, problem=problem)
    ]


def _pattern(pattern: str, step: str, lines: Sequence[str]) -> Match:
    compiled = re.compile(pattern)
    found: list[str] = []
    try:
        with limited() as limit:
            found = [line for line in lines if limit(compiled.search, line)]
    except TooSlowError:
        problem: str | None = "it takes too long to match"
    else:
        problem = _wrong(pattern, step, found) if found else _missed(pattern, lines)
    ends = dict.fromkeys([*found[:1], *found[-1:]])
    names = [name for name in compiled.groupindex if name != step]
    return Match(
        where=pattern,
        count=len(found),
        lines=[line.strip()[:SHOWN_CHARACTERS] for line in ends],
        names=names,
        problem=problem,
    )


def _wrong(pattern: str, step: str, found: Sequence[str]) -> str | None:
    """Why what a pattern matches is no evaluation."""
    printed = Printed([pattern], step)
    printed.feed("\n".join([*found, ""]).encode())
    return printed.unclear or (printed.problems[0] if printed.problems else None)


def _missed(pattern: str, lines: Sequence[str]) -> str:
    if not lines:
        return "the program printed nothing"
    near = nearest(pattern, [*lines[: SEARCHED // 2], *lines[SEARCHED // 2 :][-SEARCHED // 2 :]])
    return f"no line matches{f': {near}' if near else ''}"


def _lines(log: str | Path) -> list[str]:
    try:
        with containment.opened(Path(log)) as file:
            text = file.read(READ_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line[:LONGEST_LINE] for line in _BREAK.split(_COLOUR.sub("", text)) if line.strip()]
