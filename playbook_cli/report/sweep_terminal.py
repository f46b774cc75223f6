"""A learning-rate sweep on a terminal: the answer, the curve of steps to fit, a line a learning rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from playbook_cli.report import words
from playbook_cli.sweep.answer import outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from playbook_cli.sweep.answer import Answer
    from playbook_cli.sweep.points import Point

HEIGHT = 9
"""Rows of the curve."""
FIT, FASTEST, SLOWER, DIVERGED, CRASHED = "o", "@", "^", "x", "!"
UNKNOWN = ":"
"""Above a trial that did not fit for as long as it trained: somewhere there it may."""
_STYLES = {FASTEST: "bold green", DIVERGED: "red", CRASHED: "red"}
_MARGIN = 10
"""Columns left of the curve, for its steps."""


def render(answer: Answer, console: Console) -> None:
    """Print the whole answer; narrow terminals and pipes get the same content."""
    mark, style = ("", "bold green") if answer.max_train_steps else ("! ", "bold yellow")
    console.print(Text(f"{mark}{answer.headline}", style=style))
    for remark in answer.remarks:
        console.print(Text(f"  {remark}", style="dim" if answer.max_train_steps else ""))
    if answer.next is not None:
        console.print(Text(f"  -> {answer.next}"), soft_wrap=True)
    console.print()
    if any(point.steps_to_fit for point in answer.points):
        console.print(Text("steps to fit, against the learning rate", style="bold"))
        for row in curve(answer, console.width):
            console.print(row, no_wrap=True, overflow="crop")
        console.print()
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(Text(answer.parameter), justify="right", no_wrap=True)
    table.add_column("steps", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for point in answer.points:
        table.add_row(words.number(point.learning_rate), words.number(point.steps_to_fit), Text(outcome(point, answer)))
    console.print(Padding(table, (0, 0, 0, 2)))
    console.print()
    console.print(Text(f"with {words.settings(answer.fixed) or 'no other hyperparameter'}", style="dim"))
    for line in effort(answer):
        console.print(Text(line, style="dim"))


def effort(answer: Answer) -> list[str]:
    """What the answer cost."""
    share = f" ({answer.spent / answer.full:.0%})" if answer.full else ""
    grid = f"{answer.steps:,} steps for each of {len(answer.points)} learning rates or until it diverges"
    spent = f"{answer.spent:,} steps spent; the full grid, {grid}, takes {answer.full:,}{share}"
    if answer.found_after is None:
        return [spent]
    return [spent, f"{answer.found_after:,} steps before that, to find N = {answer.steps:,}"]


def curve(answer: Answer, width: int) -> list[Text]:
    """Steps to fit on a log scale against the learning rates side by side, in lines of at most `width` columns."""
    points = answer.points
    column = max(1, min(9, (width - _MARGIN) // len(points)))
    heights = [_height(point, answer) for point in points]
    low, high = min(heights), max(*heights, answer.steps)
    rows: list[list[str]] = [[" "] * (column * len(points)) for _ in range(HEIGHT)]
    steps = dict.fromkeys(range(HEIGHT), "")
    steps[0] = words.number(answer.steps)
    for index, (point, height) in enumerate(zip(points, heights, strict=True)):
        share = math.log(height / low) / math.log(high / low) if high > low else 0.0
        row = HEIGHT - 1 - round(share * (HEIGHT - 1))
        mark = _mark(point, answer)
        at = index * column + column // 2
        for above in range(row if mark == SLOWER else 0):
            rows[above][at] = UNKNOWN
        rows[row][at] = mark
        if mark in (FIT, FASTEST):
            steps[row] = words.number(round(height))
    lines = [_row(f"{steps[number]:>{_MARGIN - 2}} |", cells) for number, cells in enumerate(rows)]
    lines.append(Text(f"{'':>{_MARGIN - 2}} +{'-' * (column * len(points))}"))
    lines.append(Text(f"{'':>{_MARGIN}}{_labels(points, column)}"))
    marks = {_mark(point, answer) for point in points}
    legend = {
        FASTEST: "fastest",
        FIT: "fits",
        SLOWER: "did not fit up to here",
        DIVERGED: "diverged",
        CRASHED: "crashed",
    }
    explained = "   ".join(f"{mark} {meaning}" for mark, meaning in legend.items() if mark in marks)
    lines.append(Text(f"{'':>{_MARGIN}}{explained}", style="dim"))
    return lines


def _mark(point: Point, answer: Answer) -> str:
    if point.state == "infeasible":
        return DIVERGED
    if point.state == "failed":
        return CRASHED
    if point.fit is None:
        return SLOWER
    best = answer.judgement.fastest
    return FASTEST if best is not None and point.fit.step == best.steps_to_fit else FIT


def _height(point: Point, answer: Answer) -> float:
    if point.fit is not None:
        return float(point.fit.step)
    return float(max(point.last_step, 1) if point.state == "completed" else answer.steps)  # crosses stand at the top


def _row(start: str, cells: Sequence[str]) -> Text:
    line = Text(start)
    for cell in cells:
        line.append(cell, style=_STYLES.get(cell, ""))
    return line


def _labels(points: Sequence[Point], column: int) -> str:
    """As many learning rates as have room below their columns."""
    labels = [words.number(point.learning_rate) for point in points]
    each = -(-(max(map(len, labels)) + 1) // column)
    line = ""
    for index in range(0, len(points), each):
        start = index * column + column // 2 - len(labels[index]) // 2
        line = f"{line:<{max(start, 0)}}{labels[index]}"
    return line
