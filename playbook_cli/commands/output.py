"""Where verbs print: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

from playbook_cli.wording import STEERING, visible

if TYPE_CHECKING:
    from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """A console of the width of the terminal, 100 columns where there is none; user text is never taken for markup."""
    from playbook_cli.commands.screen import Screen

    stream = sys.stderr if stderr else sys.stdout
    return Screen(stderr=stderr, highlight=False, markup=False, width=None if stream.isatty() else 100)


def unwritten(files: str, error: OSError) -> None:
    """Warn that these files could not be written, where the answer that they show has been printed."""
    why = "a file stands where their folder belongs" if isinstance(error, FileExistsError) else error.strerror or error
    print(visible(f"playbook: {files} were not written: {error.filename}: {why}"), file=sys.stderr)


def tell(text: str) -> None:
    """Tell the user something about a run, also while its live view is shown."""
    print(visible(f"note: {text}"), file=sys.stderr)


def advise(out: Console, text: object) -> None:
    """Print what to do next on one line: a command that is broken at the terminal's width can't be pasted."""
    out.print(f"-> {text}", soft_wrap=True)


def print_json(value: Any) -> None:
    """One strict JSON object on stdout: what is not finite is null."""
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
