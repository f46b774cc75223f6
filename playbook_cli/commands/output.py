"""Where verbs print: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import math
import os
import sys
from typing import TYPE_CHECKING, Any

from playbook_cli.wording import STEERING, visible

if TYPE_CHECKING:
    from rich.console import Console


_UNWRAPPED = 10_000
"""Columns of a pipe or a file."""


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; without one, nothing is wrapped. User text is never read as markup."""
    from playbook_cli.commands.screen import Screen

    stream = sys.stderr if stderr else sys.stdout
    known = stream.isatty() or "COLUMNS" in os.environ
    return Screen(stderr=stderr, highlight=False, markup=False, width=None if known else _UNWRAPPED)


def unwritten(files: str, error: OSError) -> None:
    """Warn that these files could not be written, though the answer has been printed."""
    why = (
        "there is a file where the folder should be" if isinstance(error, FileExistsError) else error.strerror or error
    )
    print(visible(f"playbook: {files} were not written: {error.filename}: {why}"), file=sys.stderr)


def tell(text: str) -> None:
    """Print a note about a run; it also works while the live view is shown."""
    print(visible(f"note: {text}"), file=sys.stderr)


def advise(out: Console, text: object) -> None:
    """Print what to do next on one line, since a command that is wrapped at the terminal's width can't be pasted."""
    out.print(f"-> {text}", soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one strict JSON object; numbers that are not finite become null."""
    ascii_only = not (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(_finite(value), ensure_ascii=ascii_only, indent=2)
    print(STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
