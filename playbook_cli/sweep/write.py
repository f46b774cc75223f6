"""max_train_steps goes into the user's study file; every other byte of it stays."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from playbook_cli.errors import StudyError

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Source


def write_steps(file: Path, spec: StudySpec, source: Source, steps: int, comment: str) -> None:
    """Replace the line of max_train_steps, with a comment on where the number comes from.

    StudyError, and nothing written, where that would make the file wrong, or the line holds more than that key.
    """
    where = source.where(("max_train_steps",))
    if spec.eval_every is not None and spec.eval_every > steps:
        raise StudyError(
            f"eval_every is {spec.eval_every}, more than max_train_steps = {steps} would be; nothing was written",
            where=source.where(("eval_every",)),
            hint=f"write eval_every: {max(1, steps // 50)} first",
        )
    path = file.resolve()
    lines = path.read_bytes().splitlines(keepends=True)
    index = source.lines[("max_train_steps",)] - 1
    found = re.fullmatch(
        rb"(\xef\xbb\xbf)?(['\"]?max_train_steps['\"]?[ \t]*:[ \t]*)[0-9][0-9_.eE+]*[ \t]*(#[^\r\n]*)?(\r?\n)?",
        lines[index],
    )
    if found is None:
        raise StudyError(
            "max_train_steps does not stand on a line of its own; nothing was written",
            where=where,
            hint=f"write max_train_steps: {steps}",
        )
    mark, key, _, end = (part or b"" for part in found.groups())
    lines[index] = mark + key + f"{steps}  # {comment}".encode() + end
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(b"".join(lines))
    shutil.copymode(path, temporary)
    temporary.replace(path)
