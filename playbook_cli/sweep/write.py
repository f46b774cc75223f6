"""The user's study file with another max_train_steps, and an eval_every that suits it; nothing else changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playbook_cli.advice.evaluations import finer
from playbook_cli.errors import StudyError

if TYPE_CHECKING:
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Source


def with_steps(text: bytes, spec: StudySpec, source: Source, steps: int, comment: str) -> tuple[bytes, dict[str, int]]:
    """The text with another line of max_train_steps, whose comment says where the number comes from; the keys changed.

    If the study's eval_every is too coarse for that number of steps, its line is replaced too. StudyError if a line
    holds more than its key.
    """
    written, comments = {"max_train_steps": steps}, {"max_train_steps": comment}
    every = finer(spec, steps)
    if every is None and spec.eval_every is not None and spec.eval_every > steps:
        every = 1
    if every is not None:
        written["eval_every"] = every
        comments["eval_every"] = f"was {spec.eval_every}, too coarse for {steps} steps"
    lines = text.splitlines(keepends=True)
    for key, value in written.items():
        _replace(lines, key, value, comments[key], source)
    return b"".join(lines), written


def _replace(lines: list[bytes], key: str, value: int, comment: str, source: Source) -> None:
    index = source.lines[(key,)] - 1
    found = re.fullmatch(
        rb"(\xef\xbb\xbf)?(['\"]?" + key.encode() + rb"['\"]?[ \t]*:[ \t]*)[0-9][0-9_.eE+]*[ \t]*(#[^\r\n]*)?(\r?\n)?",
        lines[index],
    )
    if found is None:
        raise StudyError(
            f"{key} is not on a line of its own; nothing was written",
            where=source.where((key,)),
            hint=f"write {key}: {value} on its own line",
        )
    mark, before, _, end = (part or b"" for part in found.groups())
    lines[index] = mark + before + f"{value}  # {comment}".encode() + end
