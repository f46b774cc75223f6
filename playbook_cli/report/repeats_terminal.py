"""Repeats as a table on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from playbook_cli.report import strips, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from playbook_cli.report.value import Repeats

_LEFT_OUT = ("repeats", "sd", "arm", "infeasible", "95%")
"""Columns that a narrow terminal does without, the first one first."""
_ARM = 24
"""Characters of an arm."""


def render(repeats: Sequence[Repeats], console: Console) -> None:
    """Print the table, indented, with as many columns as fit; nothing where there are no repeats."""
    if not repeats:
        return
    columns = _columns(repeats)
    left_out = iter(_LEFT_OUT)
    plain = not console.encoding.lower().startswith("utf")
    padded = _padded(columns, plain=plain)
    unlimited = console.options.update(max_width=10_000)
    while Measurement.get(console, unlimited, padded).maximum > console.width:
        narrower = next(left_out, None)
        if narrower is None:
            break
        columns.pop(narrower, None)
        padded = _padded(columns, plain=plain)
    console.print(padded)


def _columns(repeats: Sequence[Repeats]) -> dict[str, list[str]]:
    """Cells by name of the column; arms and divergence only where there are any."""
    columns = {
        "trial": [str(one.trial) for one in repeats],
        "arm": [words.shortened(words.printable(one.arm), _ARM) for one in repeats],
        "selected": [words.number(one.selected) for one in repeats],
        "mean": [words.number(one.mean) for one in repeats],
        "sd": [words.NOTHING if one.sd is None else f"{one.sd:.3g}" for one in repeats],
        "95%": [words.NOTHING if one.interval is None else words.span(*one.interval) for one in repeats],
        "luck": [words.luck(one.luck) for one in repeats],
        "repeats": [str(len(one.values)) for one in repeats],
        "infeasible": [str(one.infeasible) for one in repeats],
    }
    if not any(columns["arm"]):
        del columns["arm"]
    if not any(one.infeasible for one in repeats):
        del columns["infeasible"]
    return columns


def _padded(columns: dict[str, list[str]], *, plain: bool) -> Padding:
    lines, gap = (None, 2) if plain else (box.SIMPLE_HEAD, 1)
    table = Table(box=lines, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0))
    for column in columns:
        table.add_column(column, justify="left" if column in {"trial", "arm"} else "right", no_wrap=True)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(Text(strips.plain(cell) if plain else cell) for cell in row))
    return Padding(table, (0, 0, 0, 2))
