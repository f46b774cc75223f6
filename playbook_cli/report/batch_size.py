"""How probes of batch sizes are drawn: one row per size, and steps to a target if they were measured."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.batch_size.answer import amount, gains, outcome
from playbook_cli.report import words
from playbook_cli.report.charts import colour, field, layered, mark, over
from playbook_cli.report.section import Cell, Chart, Column, Document, Note, Section, Sentence, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.batch_size.answer import Answer
    from playbook_cli.batch_size.scaling import Scaling
    from playbook_cli.batch_size.sizes import Size
    from playbook_cli.report.section import Content, Spans, Spec, Tone

HEIGHT = 280
"""Height of the plot area in pixels."""
_KINDS = {"recommended": "fine", "fits": "arm0"}
_AT_BEST, _AT_EDGE = "best of its trials", "best learning rate at the edge"


def document(answer: Answer) -> Document:
    """The document that shows the probes."""
    chart = Chart(
        name="batch-size",
        description=f"Examples per second, against {answer.parameter}.",
        spec=partial(_spec, answer),
    )
    notes = [
        Note(f"held fixed: {words.settings(answer.held) or 'no other hyperparameter'}"),
        Note(f"doubling counts as worthwhile at x{answer.gain:g} or more"),
    ]
    usable = [chart] if any(size.usable for size in answer.sizes) else []
    sections = [Section(name="sizes", parts=[*usable, _table(answer), *notes])]
    return Document(
        name="batch-size",
        study=answer.study,
        kind="batch size",
        headline=answer.headline,
        sure=answer.judgement.best is not None,
        remarks=answer.remarks,
        command=answer.next,
        sections=sections if answer.scaling is None else [*sections, _scaling(answer.scaling)],
    )


def _table(answer: Answer) -> Table:
    ratios = gains(answer.sizes)
    most = max((size.examples_per_second or 0.0 for size in answer.sizes if size.usable), default=0.0)
    on_gpu = any(size.gpu_peak_bytes is not None for size in answer.sizes)
    columns = [
        *(Column(name=name) for name in (answer.parameter, "ms/step", "±", "examples/s", "doubling", "memory")),
        *([Column(name="GPU memory")] if on_gpu else []),
        Column(name="", room=(8, 20), only="terminal"),
        Column(name="", left=True, fold=True),
    ]

    def row(size: Size) -> list[Content]:
        timing, rate = size.timing, size.examples_per_second or 0.0
        tone: Tone = "good" if size.batch_size == answer.batch_size else "accent"
        return [
            str(size.batch_size),
            words.number(1000 * timing.seconds) if timing else words.NOTHING,
            f"{timing.error / timing.seconds:.0%}" if timing else "",
            f"{rate:,.0f}" if rate else words.NOTHING,
            f"x{ratios[size.batch_size]:.2f}" if size.batch_size in ratios else "",
            amount(size.peak_bytes),
            *([amount(size.gpu_peak_bytes)] if on_gpu else []),
            partial(_bar, rate / most if most and size.usable else 0.0, tone),
            outcome(size, answer),
        ]

    return Table(columns=columns, rows=[row(size) for size in answer.sizes])


def _bar(share: float, tone: Tone, room: int) -> Spans:
    return [("█" * round(room * share), tone)]


def _spec(answer: Answer, width: int | None) -> Spec:
    """Examples per second against the batch size on log scales, and the line of perfect scaling."""
    rows: list[dict[str, Any]] = [
        {
            "size": size.batch_size,
            "rate": size.examples_per_second,
            "low": size.batch_size / size.timing.high,
            "high": size.batch_size / size.timing.low,
            "kind": "recommended" if size.batch_size == answer.batch_size else "fits",
        }
        for size in answer.sizes
        if size.usable and size.timing is not None
    ]
    x, y = _axis("size:Q", answer.parameter), _axis("rate:Q", "examples per second")
    first: Mapping[str, Any] = rows[0] if rows else {"size": 1, "rate": 1.0}
    most = max((row["high"] for row in rows), default=1.0)
    doubling = [
        {"size": row["size"], "rate": rate}
        for row in rows
        if (rate := first["rate"] * row["size"] / first["size"]) <= 1.5 * most
    ]
    gone = [{"size": size.batch_size} for size in answer.sizes if size.state == "out-of-memory"]
    layers = [
        _dashed(doubling, x, y),
        over(mark("line", rows, color=colour("arm0"), opacity=0.45), x=x, y=y),
        _errors(rows, x, opacity=0.8),
        _points(rows, x, y, _KINDS, strokeWidth=1.8),
        *(_wall(gone, x, "out of memory", "bad", align="right", dx=-6) if gone else []),
    ]
    return layered(layers, width=width, height=HEIGHT)


def _scaling(scaling: Scaling) -> Section:
    noisy = any(point.noise_scale is not None for point in scaling.points)
    columns = [
        *(Column(name=name) for name in (scaling.parameter, "steps", "90%")),
        Column(name="examples", only="page"),
        Column(name="slope"),
        Column(name="regime", left=True, fold=True),
        *(Column(name=name) for name in (scaling.rate_name, *(["noise scale"] if noisy else []))),
        Column(name="", left=True, fold=True),
    ]
    rows: list[list[Content]] = [
        [
            str(point.batch_size),
            words.number(point.steps),
            "" if point.interval is None else f"{point.interval[0]:.0f} to {point.interval[1]:.0f}",
            "" if point.steps is None else f"{point.steps * point.batch_size:,}",
            "" if point.exponent is None else f"{point.exponent:.2f}",
            point.regime or "",
            words.number(point.learning_rate),
            *([words.number(point.noise_scale)] if noisy else []),
            Cell(point.note),
        ]
        for point in scaling.points
    ]
    chart = Chart(
        name="steps-to-target",
        description=f"Steps to {scaling.target}, against {scaling.parameter}.",
        spec=partial(_scaling_spec, scaling),
    )
    return Section(
        name="scaling",
        title=f"Steps to {scaling.target}",
        heading=f"Steps to {scaling.target}",
        parts=[
            Sentence(text=scaling.headline, tone="strong"),
            *(Sentence(text=remark) for remark in scaling.remarks),
            *([chart] if any(point.steps for point in scaling.points) else []),
            Table(columns=columns, rows=rows),
            Note("slope 1: doubling the batch size halves the steps; slope 0: it saves no steps"),
            Note("The dashed line is perfect scaling.", only="page"),
        ],
    )


def _scaling_spec(scaling: Scaling, width: int | None) -> Spec:
    """Steps to the target against the batch size, both on log scales, with the fitted curve and perfect scaling."""
    points = [point for point in scaling.points if point.steps is not None]
    rows: list[dict[str, Any]] = [
        {
            "size": point.batch_size,
            "steps": point.steps,
            "low": max(1.0, min(point.interval[0], point.steps or 1) if point.interval else point.steps or 1),
            "high": max(point.interval[1], point.steps or 1) if point.interval else point.steps,
            "kind": _AT_EDGE if point.edge else _AT_BEST,
        }
        for point in points
    ]
    x, y = _axis("size:Q", scaling.parameter), _axis("steps:Q", f"steps to {scaling.target}")
    layers, curve = [], scaling.curve
    if curve is not None and points:
        sizes = [float(size) for size in np.geomspace(points[0].batch_size, points[-1].batch_size, 60)]
        fitted = [{"size": size, "steps": curve.steps(size)} for size in sizes]
        layers.append(over(mark("line", fitted, color=colour("arm0"), opacity=0.5), x=x, y=y))
        lowest = min(row["low"] for row in rows)
        halving = [{"size": size, "steps": fitted[0]["steps"] * sizes[0] / size} for size in sizes]
        layers.append(_dashed([row for row in halving if row["steps"] >= 0.7 * lowest], x, y))
        if points[0].batch_size <= curve.critical <= points[-1].batch_size:
            layers += _wall([{"size": curve.critical}], x, "B_crit", "fine", align="left", dx=6)
    layers += [_errors(rows, x), _points(rows, x, y, {_AT_BEST: "arm0", _AT_EDGE: "warn"})]
    return layered(layers, width=width, height=HEIGHT)


def _axis(name: str, title: str) -> Spec:
    sized = name.startswith("size")
    scale = {"type": "log", "base": 2 if sized else 10, "nice": False, "padding": 14}
    axis = {"format": "~s", "tickCount": 8, "grid": not sized}
    return field(name, title=words.shortened(title, 60), scale=scale, axis=axis)


def _dashed(rows: Sequence[Mapping[str, Any]], x: Spec, y: Spec) -> Spec:
    return over(mark("line", rows, color=colour("muted"), strokeDash=[3, 4], opacity=0.7), x=x, y=y)


def _errors(rows: Sequence[Mapping[str, Any]], x: Spec, **looks: Any) -> Spec:
    return over(mark("rule", rows, color=colour("arm0"), **looks), x=x, y=field("low:Q"), y2={"field": "high"})


def _points(rows: Sequence[Mapping[str, Any]], x: Spec, y: Spec, hues: Mapping[str, str], **looks: Any) -> Spec:
    kinds = [kind for kind in hues if any(row["kind"] == kind for row in rows)]
    scale = {"domain": kinds, "range": [colour(hues[kind]) for kind in kinds]}
    dots = mark("point", rows, size=90, opacity=1, filled=True, **looks)
    return over(dots, x=x, y=y, color=field("kind:N", scale=scale, title=None))


def _wall(rows: Sequence[Mapping[str, Any]], x: Spec, text: str, hue: str, **looks: Any) -> list[Spec]:
    """A vertical line with a label."""
    said = mark("text", rows, color=colour(hue), baseline="top", y=4, **looks)
    return [over(mark("rule", rows, color=colour(hue), strokeDash=[6, 3]), x=x), over(said, x=x, text={"value": text})]
