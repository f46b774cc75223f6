"""How a learning-rate sweep is drawn: the curve of steps to fit, and a table with one row per learning rate."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli.report import words
from playbook_cli.report.charts import CROSS, colour, field, layered, mark, over
from playbook_cli.report.section import Chart, Column, Document, Note, Section, Table
from playbook_cli.sweep.answer import outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.report.section import Spans, Spec, Tone
    from playbook_cli.sweep.answer import Answer
    from playbook_cli.sweep.points import Point

_FIT, _FASTEST, _SLOWER, _DIVERGED, _CRASHED = "fits", "fastest", "did not fit by this step", "diverged", "crashed"
_LOOKS: dict[str, tuple[str, str, str, Tone]] = {
    _FASTEST: ("fine", "diamond", "@", "good"),
    _FIT: ("arm0", "circle", "o", ""),
    _SLOWER: ("muted", "triangle-up", "^", ""),
    _DIVERGED: ("bad", CROSS, "x", "bad"),
    _CRASHED: ("warn", "square", "!", "bad"),
}
"""Colour, shape, character and tone of each outcome."""
HEIGHT = 300
"""Height of the plot area in pixels."""
LINES, _MARGIN = 9, 10
"""Rows of the curve on a terminal, and columns to its left for the steps."""


def document(answer: Answer) -> Document:
    """The document that shows a sweep."""
    fits = any(point.steps_to_fit for point in answer.points)
    chart = Chart(
        name="lr-sweep",
        description=f"Steps to reach {answer.target}, against {answer.parameter}.",
        spec=partial(_spec, answer),
        characters=partial(_curve, answer) if fits else None,
    )
    columns = [Column(name=answer.parameter), Column(name="steps to fit"), Column(name="", left=True, fold=True)]
    rows = [[words.number(p.learning_rate), words.number(p.steps_to_fit), outcome(p, answer)] for p in answer.points]
    held = f"held fixed: {words.settings(answer.fixed) or 'no other hyperparameter'}"
    section = Section(
        name="grid",
        heading="steps to fit, against the learning rate" if fits else "",
        parts=[chart, Table(columns=columns, rows=rows), Note(held), *map(Note, _effort(answer))],
    )
    return Document(
        name="lr-sweep",
        study=answer.study,
        kind="learning-rate sweep",
        headline=answer.headline,
        sure=answer.max_train_steps is not None,
        remarks=answer.remarks,
        command=answer.next,
        sections=[section],
        picture="png",
    )


def _effort(answer: Answer) -> list[str]:
    """How many steps the answer cost."""
    spent = f"{answer.spent:,} steps spent"
    if answer.full:
        grid = f"{answer.steps:,} steps for each of {len(answer.points)} learning rates, or until it diverges"
        spent += f", {answer.spent / answer.full:.0%} of the full grid's {answer.full:,} ({grid})"
    if answer.found_after is None:
        return [spent]
    return [spent, f"another {answer.found_after:,} steps spent on finding N = {answer.steps:,}"]


def _kind(point: Point, answer: Answer) -> str:
    if point.fit is None:
        return {"completed": _SLOWER, "infeasible": _DIVERGED}.get(point.state, _CRASHED)
    best = answer.judgement.fastest
    return _FASTEST if best is not None and point.fit.step == best.steps_to_fit else _FIT


def _height(point: Point, answer: Answer) -> int:
    """The step count at which it is drawn; crosses are drawn at the top."""
    if point.fit is not None:
        return point.fit.step
    return max(point.last_step, 1) if point.state == "completed" else answer.steps


def _spec(answer: Answer, width: int | None) -> Spec:
    """Steps to fit against the learning rate, both on log scales."""
    rows: list[dict[str, Any]] = [
        {"rate": p.learning_rate, "steps": _height(p, answer), "kind": _kind(p, answer)} for p in answer.points
    ]
    scale = {"type": "log", "nice": False, "padding": 14}
    x = field("rate:Q", title=words.shortened(answer.parameter, 60), scale=scale, axis={"format": "~g", "tickCount": 6})
    title = f"steps to reach {words.shortened(answer.target, 60)}"
    y = field("steps:Q", title=title, scale=scale, axis={"format": "~s", "tickCount": 5, "grid": True})
    fits = [row for row in rows if row["kind"] in (_FIT, _FASTEST)]
    waiting = [row | {"top": answer.steps} for row in rows if row["kind"] == _SLOWER]
    kinds = [kind for kind in _LOOKS if any(row["kind"] == kind for row in rows)]
    hues = {"scale": {"domain": kinds, "range": [colour(_LOOKS[kind][0]) for kind in kinds]}, "title": None}
    shapes = {"scale": {"domain": kinds, "range": [_LOOKS[kind][1] for kind in kinds]}, "title": None}
    unknown = mark("rule", waiting, color=colour("muted"), strokeDash=[2, 4], opacity=0.6)
    layers = [
        over(unknown, x=x, y=y, y2={"field": "top"}),
        over(mark("line", fits, color=colour("arm0"), opacity=0.45), x=x, y=y),
        over(
            mark("point", rows, size=90, strokeWidth=1.8, opacity=1),
            x=x,
            y=y,
            shape=field("kind:N", **shapes),
            fill=field("kind:N", **hues),
            stroke=field("kind:N", **hues),
        ),
    ]
    return layered(layers, width=width, height=HEIGHT)


def _curve(answer: Answer, width: int) -> list[Spans]:
    """The same chart in characters; a dotted line marks where a trial that did not fit may still fit."""
    points = answer.points
    column = max(1, min(9, (width - _MARGIN) // len(points)))
    heights = [_height(point, answer) for point in points]
    low, high = min(heights), max(*heights, answer.steps)
    rows: list[list[tuple[str, Tone]]] = [[(" ", "")] * (column * len(points)) for _ in range(LINES)]
    steps = {0: words.number(answer.steps)}
    kinds = [_kind(point, answer) for point in points]
    for index, (kind, height) in enumerate(zip(kinds, heights, strict=True)):
        share = math.log(height / low) / math.log(high / low) if high > low else 0.0
        row = LINES - 1 - round(share * (LINES - 1))
        at = index * column + column // 2
        for above in range(row if kind == _SLOWER else 0):
            rows[above][at] = (":", "")
        rows[row][at] = _LOOKS[kind][2:]
        if kind in (_FIT, _FASTEST):
            steps[row] = words.number(height)
    lines: list[Spans] = [[(f"{steps.get(n, ''):>{_MARGIN - 2}} |", ""), *cells] for n, cells in enumerate(rows)]
    lines.append([(f"{'':>{_MARGIN - 2}} +{'-' * (column * len(points))}", "")])
    lines.append([(f"{'':>{_MARGIN}}{_labels(points, column)}", "")])
    explained = "   ".join(f"{_LOOKS[kind][2]} {kind}" for kind in _LOOKS if kind in kinds)
    return [*lines, [(f"{'':>{_MARGIN}}{explained}", "soft")]]


def _labels(points: Sequence[Point], column: int) -> str:
    """As many learning rates as fit below their columns."""
    labels = [words.number(point.learning_rate) for point in points]
    each = -(-(max(map(len, labels)) + 1) // column)
    line = ""
    for index in range(0, len(points), each):
        start = index * column + column // 2 - len(labels[index]) // 2
        line = f"{line:<{max(start, 0)}}{labels[index]}"
    return line
