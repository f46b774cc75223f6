"""A probe for instability on a terminal: the answer, a line a run with its loss as a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from playbook_cli.instability.answer import outcome
from playbook_cli.report import words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from playbook_cli.instability.answer import Answer
    from playbook_cli.instability.runs import Run

BARS = "▁▂▃▄▅▆▇█"
CURVE = 24
"""Columns of a curve, which all have the same scale."""


def render(answer: Answer, console: Console) -> None:
    """Print the whole answer; narrow terminals and pipes get the same content."""
    seen = answer.seen
    stable = seen.verdict == "stable"
    console.print(Text(f"{'' if stable else '! '}{answer.headline}", style="bold green" if stable else "bold yellow"))
    for remark in answer.remarks:
        console.print(Text(f"  {remark}", style="dim" if stable else ""))
    if answer.next is not None:
        console.print(Text(f"  -> {answer.next}"), soft_wrap=True)
    console.print()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("trial", answer.setting.names.learning_rate, "", "warm-up", "clip"):
        table.add_column(Text(name), justify="right", no_wrap=True)
    table.add_column(Text(f"{seen.loss} ({words.number(_top(answer))} at the top)"), no_wrap=True)
    table.add_column("", overflow="fold")
    for run in seen.runs:
        table.add_row(*row(run, answer), curve(run, answer), Text(outcome(run, answer)))
    console.print(Padding(table, (0, 0, 0, 2)))
    console.print()
    console.print(Text(effort(answer), style="dim"))


def row(run: Run, answer: Answer) -> tuple[str, ...]:
    """Number, learning rate, its multiple of the best one, warm-up and clipping of a run, as text."""
    point = run.point
    multiple = point.learning_rate / answer.setting.rate
    warmup = answer.setting.warmup if point.warmup is None else point.warmup
    clip = words.NOTHING if point.clip is None else words.number(point.clip)
    return str(run.trial), words.number(point.learning_rate), f"{multiple:.3g}x", str(warmup), clip


def curve(run: Run, answer: Answer) -> Text:
    """The loss of a run over its steps, each column the highest of its evaluations; x where it is not finite."""
    low, high = _bottom(answer), _top(answer)
    last = max((other.last_step for other in answer.seen.runs), default=1)
    cells: list[float | None] = [None] * CURVE
    for step, value in zip(run.losses.steps, run.losses.values, strict=True):
        at = min(int(CURVE * (step - 1) / max(last, 1)), CURVE - 1)
        cells[at] = max(float(value), cells[at] if cells[at] is not None else float(value))  # type: ignore[type-var]
    text = Text()
    for value in cells:
        if value is None:
            continue
        share = (min(value, high) - low) / (high - low) if high > low else 0.0
        text.append(BARS[round(share * (len(BARS) - 1))], style="red" if value > high else "")
    if run.losses.diverged:
        text.append("x", style="red")
    return text


def effort(answer: Answer) -> str:
    """What was trained, and from which point."""
    setting = answer.setting
    varied = (setting.names.learning_rate, setting.names.warmup, setting.names.clip)
    held = words.settings({name: value for name, value in setting.base.items() if name not in varied})
    spent = f"{answer.spent:,} steps spent, {setting.steps} for each run or three times its warm-up"
    return f"the point of trial {setting.trial.id}: {held or 'no other hyperparameter'}; {spent}"


def _losses(answer: Answer) -> Iterable[float]:
    return (float(value) for run in answer.seen.multiples.values() for value in run.losses.values)


def _bottom(answer: Answer) -> float:
    return min(_losses(answer), default=0.0)


def _top(answer: Answer) -> float:
    """Where the scale ends: the loss before training, and a third of the drop above it."""
    best = answer.seen.multiples.get(1.0)
    start = float(best.losses.values[0]) if best is not None and best.losses.values.size else 1.0
    return start + (start - _bottom(answer)) / 3
