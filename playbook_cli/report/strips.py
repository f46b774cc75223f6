"""Small pictures made of characters: where trials lie on an axis, and when they were at their best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.report.value import BINS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.report.section import Spans
    from playbook_cli.report.value import Axis, BestSteps, Trial

GOOD, OTHER, INFEASIBLE, FAILED = "●", "·", "x", "!"
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def level(share: float) -> str:
    """A share, from 0 to 1, as a bar of one character."""
    return _EIGHTHS[1 + round(share * 7)]


def axis_strip(axis: Axis, trials: Mapping[int, Trial], zone: float, room: int) -> Spans:
    """A range in `room` characters: good trials hide infeasible ones, those failed ones, and these others."""
    width = room - 2
    cells = [" "] * width
    if axis.zones is not None:
        for edge in (round(width * zone), width - 1 - round(width * zone)):
            cells[edge] = "┊"
    order = {mark: place for place, mark in enumerate((OTHER, FAILED, INFEASIBLE, GOOD))}
    marks = ((_mark(trials[point.trial]), point.unit) for point in axis.points)
    for mark, unit in sorted(marks, key=lambda pair: order[pair[0]]):
        cells[min(int(unit * width), width - 1)] = mark
    return [(f"|{''.join(cells)}|", "")]


def choice_strip(here: Mapping[str, int], room: int) -> Spans:
    """The trials of one choice, a mark each; their numbers where they are too many."""
    marks = "".join(mark * count for mark, count in here.items())
    return [
        (marks if len(marks) <= room else "  ".join(f"{count} {mark}" for mark, count in here.items() if count), "")
    ]


def histogram(best_steps: BestSteps, height: int = 4) -> list[str]:
    """Bars of two characters and a gap, one a stretch of training, as lines from top to bottom; zones marked below."""
    top = max(1, *best_steps.bins)
    levels = [round(8 * height * count / top) or int(count > 0) for count in best_steps.bins]
    digits = len(str(top))
    rows = []
    for row in range(height, 0, -1):
        bars = " ".join(_EIGHTHS[min(max(level - 8 * (row - 1), 0), 8)] * 2 for level in levels)
        rows.append(f"{top if row == height else '':>{digits}} {bars}")
    early, late = "first 10%", "last 25%"
    left, middle, right = (_under(bars) for bars in (BINS // 10, BINS * 13 // 20, BINS // 4))
    rows.append(f"{'0':>{digits}} {'─' * left} {' ' * middle} {'─' * right}")
    rows.append(f"{'':>{digits}} {early}{late:>{_under(BINS) - len(early)}}")
    return rows


def _under(bars: int) -> int:
    """Characters below that many bars."""
    return 3 * bars - 1


def _mark(trial: Trial) -> str:
    if trial.good:
        return GOOD
    return {"infeasible": INFEASIBLE, "failed": FAILED}.get(trial.state, OTHER)


def counted(axis: Axis, trials: Sequence[Trial]) -> list[tuple[str, dict[str, int]]]:
    """For every choice of an axis: its name, and its trials by their mark."""
    marks = {trial.id: _mark(trial) for trial in trials}
    counts = [dict.fromkeys((GOOD, OTHER, INFEASIBLE, FAILED), 0) for _ in axis.choices]
    for point in axis.points:
        counts[min(int(point.unit * len(counts)), len(counts) - 1)][marks[point.trial]] += 1
    return list(zip(axis.choices, counts, strict=True))
