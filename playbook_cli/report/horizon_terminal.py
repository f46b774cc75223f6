"""A ladder of lengths on a terminal: the answer, and a line a length for each point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from playbook_cli.horizon.answer import number, span
from playbook_cli.report import words

if TYPE_CHECKING:
    from rich.console import Console

    from playbook_cli.horizon.answer import Answer, Point


def render(answer: Answer, console: Console) -> None:
    """Print the whole answer; narrow terminals and pipes get the same content."""
    sure = answer.verdict != "undecided"
    console.print(Text(f"{'' if sure else '! '}{answer.headline}", style="bold green" if sure else "bold yellow"))
    for remark in answer.remarks:
        console.print(Text(f"  {remark}"))
    if answer.next is not None:
        console.print(Text(f"  -> {answer.next}"), soft_wrap=True)
    for point in answer.points:
        console.print()
        console.print(Text(f"{point.label}: {words.settings(point.trial.params)}", style="dim"))
        console.print(Padding(_table(answer, point), (0, 0, 0, 2)))
    console.print(Text("each length at its best learning rate; gains are per doubling; intervals of 95%", style="dim"))


def _table(answer: Answer, point: Point) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("steps", answer.metric.name, "95%", "gain", "95%"):
        table.add_column(Text(name), justify="right", overflow="fold")
    if point.rate is not None:
        table.add_column(Text("best rate"), justify="right", overflow="fold")
        table.add_column(Text("95%"), justify="right", overflow="fold")
    judged = point.judgement
    for index, (steps, level) in enumerate(zip(judged.surface.lengths, judged.levels, strict=True)):
        gain = judged.doublings[index - 1].gain if index else None
        ends = sorted((answer.value(level.low), answer.value(level.high)))
        table.add_row(
            f"{steps:,}",
            words.number(answer.value(level.value)),
            f"{words.number(ends[0])} to {words.number(ends[1])}",
            "" if gain is None else number(gain.value),
            "" if gain is None else span(gain),
            *_rates(point, steps),
        )
    for steps in point.predicted if judged.law is not None else ():
        loss = judged.loss(steps)
        if loss is not None:
            ends = sorted((answer.value(loss.low), answer.value(loss.high)))
            table.add_row(
                f"{steps:,}",
                f"({words.number(answer.value(loss.value))})",
                f"{words.number(ends[0])} to {words.number(ends[1])}",
                "predicted",
                "",
                *_rates(point, steps),
                style="dim",
            )
    return table


def _rates(point: Point, steps: int) -> tuple[str, ...]:
    if point.rate is None:
        return ()
    rate = point.best_rate(steps)
    return ("", "") if rate is None else (number(rate.value), span(rate))
