"""Text in the cells of CSV files that spreadsheet programs would run as a formula.

A leading apostrophe marks it as text. An apostrophe that already stands before such text gets another one, so that
reading returns what was written.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")
"""First characters of a cell that is taken for a formula (the last four are the same signs in full width)."""


def escaped(text: str) -> str:
    """A text as the cell that shows it."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescaped(cell: str) -> str:
    """The text that a cell shows."""
    return cell[1:] if is_escaped(cell) else cell


def is_escaped(cell: str) -> bool:
    """Whether an apostrophe marks this cell as text."""
    return cell.startswith("'") and _FORMULA.match(cell) is not None
