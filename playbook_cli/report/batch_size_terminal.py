"""Probes of batch sizes on a terminal: the answer, a line a size, and steps to a target where there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from playbook_cli.batch_size.answer import amount, gains, outcome
from playbook_cli.report import words

if TYPE_CHECKING:
    from rich.console import Console

    from playbook_cli.batch_size.answer import Answer
    from playbook_cli.batch_size.scaling import Scaling

BAR = 20
"""Columns of the longest bar."""


def render(answer: Answer, console: Console) -> None:
    """Print the whole answer; narrow terminals and pipes get the same content."""
    sure = answer.judgement.best is not None
    console.print(Text(f"{'' if sure else '! '}{answer.headline}", style="bold green" if sure else "bold yellow"))
    for remark in answer.remarks:
        console.print(Text(f"  {remark}", style="dim" if sure else ""))
    if answer.next is not None:
        console.print(Text(f"  -> {answer.next}"), soft_wrap=True)
    console.print()
    console.print(Padding(_table(answer), (0, 0, 0, 2)))
    console.print()
    console.print(Text(f"with {words.settings(answer.held) or 'no other hyperparameter'}", style="dim"))
    console.print(Text(f"a doubling pays from x{answer.gain:g} on", style="dim"))
    if answer.scaling is not None:
        _scaling(answer.scaling, console)


def _table(answer: Answer) -> Table:
    ratios = gains(answer.sizes)
    most = max((size.examples_per_second or 0.0 for size in answer.sizes if size.usable), default=0.0)
    on_gpu = any(size.gpu_peak_bytes is not None for size in answer.sizes)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in (answer.parameter, "ms/step", "±", "examples/s", "doubling", "memory", *(["GPU memory"] * on_gpu)):
        table.add_column(Text(name), justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    for size in answer.sizes:
        timing = size.timing
        ratio = ratios.get(size.batch_size)
        share = (size.examples_per_second or 0.0) / most if most and size.usable else 0.0
        table.add_row(
            str(size.batch_size),
            f"{1000 * timing.seconds:.4g}" if timing else words.NOTHING,
            f"{timing.error / timing.seconds:.0%}" if timing else "",
            f"{size.examples_per_second:,.0f}" if size.examples_per_second else words.NOTHING,
            f"x{ratio:.2f}" if ratio else "",
            amount(size.peak_bytes),
            *([amount(size.gpu_peak_bytes)] if on_gpu else []),
            Text("█" * round(BAR * share), style="green" if size.batch_size == answer.batch_size else "blue"),
            Text(outcome(size, answer)),
        )
    return table


def _scaling(scaling: Scaling, console: Console) -> None:
    console.print()
    console.print(Text(f"Steps to {scaling.target}", style="bold"))
    console.print(Text(f"  {scaling.headline}"))
    for remark in scaling.remarks:
        console.print(Text(f"  {remark}", style="dim"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    with_noise = any(point.noise_scale is not None for point in scaling.points)
    columns = (scaling.parameter, "steps", "90%", "slope", "regime", scaling.rate_name, "reached")
    for name in (*columns, *(["noise scale"] * with_noise)):
        table.add_column(Text(name), justify="right", overflow="fold")
    for point in scaling.points:
        table.add_row(
            str(point.batch_size),
            words.number(point.steps),
            "" if point.interval is None else f"{point.interval[0]:.0f} to {point.interval[1]:.0f}",
            "" if point.exponent is None else f"{point.exponent:.2f}",
            "/".join(name.split()[0] for name in (point.regime or "").split(" or ") if name),
            words.number(point.learning_rate) + (f" ({point.edge})" if point.edge else ""),
            f"{point.reached} of {point.trials}",
            *([words.number(point.noise_scale)] if with_noise else []),
        )
    console.print()
    console.print(Padding(table, (0, 0, 0, 2)))
    console.print(Text("slope 1: the steps halve where the size doubles; 0: they stay", style="dim"))
