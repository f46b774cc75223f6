"""Probes of batch sizes as a picture, and as a page of HTML that runs no script and loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli import atomic
from playbook_cli.batch_size.answer import amount, gains, outcome
from playbook_cli.report import theme, words
from playbook_cli.report.drawing import drawing
from playbook_cli.report.page import coloured, figures, page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from playbook_cli.batch_size.answer import Answer
    from playbook_cli.batch_size.scaling import Scaling

WIDTH, HEIGHT = 620, 280
"""Pixels between the axes; PNG files have three times as many."""
_KINDS = {"recommended": "fine", "fits": "arm0"}


def write(answer: Answer, directory: Path) -> list[Path]:
    """Write batch-size.html and batch-size.svg into `directory`, which is made where it does not exist."""
    vl_convert = drawing()

    directory.mkdir(parents=True, exist_ok=True)
    html, picture = directory / "batch-size.html", directory / "batch-size.svg"
    for path, content in ((html, as_html(answer)), (picture, vl_convert.vegalite_to_svg(chart(answer, theme.LIGHT)))):
        atomic.write(path, content)
    return [html, picture]


def as_html(answer: Answer) -> str:
    """The whole page; each chart is drawn twice, for light and for dark screens."""
    held = words.escape(words.settings(answer.held) or "no other hyperparameter")
    scaling = "" if answer.scaling is None else _scaling(answer.scaling)
    body = f"""{_figures(lambda colours: chart(answer, colours)) if any(size.usable for size in answer.sizes) else ""}
<div class="wide">{_table(answer)}</div>
<p class="fine">With {held}.<br>A doubling pays from x{answer.gain:g} on.</p>
{scaling}"""
    return page(answer.study, "batch size", answer.headline, remarks=answer.remarks, command=answer.next, body=body)


def chart(answer: Answer, colours: Mapping[str, str]) -> dict[str, Any]:
    """Examples per second against the batch size on log scales, and what perfect doubling would give, as Vega-Lite."""
    import altair as alt

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
    x, y = _axis(alt.X, "size:Q", answer.parameter), _axis(alt.Y, "rate:Q", "examples per second")
    first: dict[str, Any] = rows[0] if rows else {"size": 1, "rate": 1.0}
    most = max((row["high"] for row in rows), default=1.0)
    doubling = [
        {"size": row["size"], "rate": rate}
        for row in rows
        if (rate := first["rate"] * row["size"] / first["size"]) <= 1.5 * most
    ]
    ideal = (
        alt.Chart(alt.InlineData(values=doubling))
        .mark_line(color=colours["muted"], strokeDash=[3, 4], opacity=0.7)
        .encode(x=x, y=y)
    )
    data = alt.InlineData(values=rows)
    line = alt.Chart(data).mark_line(color=colours["arm0"], opacity=0.45).encode(x=x, y=y)
    errors = alt.Chart(data).mark_rule(color=colours["arm0"], opacity=0.8).encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
    kinds = [kind for kind in _KINDS if any(row["kind"] == kind for row in rows)]
    scale = alt.Scale(domain=kinds, range=[colours[_KINDS[kind]] for kind in kinds])
    marks = (
        alt.Chart(data)
        .mark_point(size=90, strokeWidth=1.8, opacity=1, filled=True)
        .encode(x=x, y=y, color=alt.Color("kind:N", scale=scale, title=None))
    )
    gone = [{"size": size.batch_size} for size in answer.sizes if size.state == "out-of-memory"]
    wall = alt.Chart(alt.InlineData(values=gone)).mark_rule(color=colours["bad"], strokeDash=[6, 3]).encode(x=x)
    text = (
        alt.Chart(alt.InlineData(values=gone))
        .mark_text(color=colours["bad"], align="right", dx=-6, baseline="top", y=4)
        .encode(x=x, text=alt.value("out of memory"))
    )
    return _finished(alt.layer(ideal, line, errors, marks, *([wall, text] if gone else [])), colours)


def scaling_chart(scaling: Scaling, colours: Mapping[str, str]) -> dict[str, Any]:
    """Steps to the target against the batch size, both on log scales, with the fitted curve and perfect scaling."""
    import altair as alt

    points = [point for point in scaling.points if point.steps is not None]
    rows: list[dict[str, Any]] = [
        {
            "size": point.batch_size,
            "steps": point.steps,
            "low": max(1.0, min(point.interval[0], point.steps or 1) if point.interval else point.steps or 1),
            "high": max(point.interval[1], point.steps or 1) if point.interval else point.steps,
            "kind": "best learning rate at the edge" if point.edge else "best of its trials",
        }
        for point in points
    ]
    x, y = _axis(alt.X, "size:Q", scaling.parameter), _axis(alt.Y, "steps:Q", f"steps to {scaling.target}")
    layers = []
    if scaling.curve is not None and points:
        sizes = np.geomspace(points[0].batch_size, points[-1].batch_size, 60)
        fitted: list[dict[str, float]] = [
            {"size": float(size), "steps": scaling.curve.steps(float(size))} for size in sizes
        ]
        layers.append(
            alt.Chart(alt.InlineData(values=fitted)).mark_line(color=colours["arm0"], opacity=0.5).encode(x=x, y=y)
        )
        lowest = min(row["low"] for row in rows)
        halving = [
            {"size": float(size), "steps": steps}
            for size in sizes
            if (steps := fitted[0]["steps"] * sizes[0] / float(size)) >= 0.7 * lowest
        ]
        layers.append(
            alt.Chart(alt.InlineData(values=halving))
            .mark_line(color=colours["muted"], strokeDash=[3, 4], opacity=0.7)
            .encode(x=x, y=y)
        )
        if points[0].batch_size <= scaling.curve.critical <= points[-1].batch_size:
            at = alt.InlineData(values=[{"size": scaling.curve.critical}])
            layers.append(alt.Chart(at).mark_rule(color=colours["fine"], strokeDash=[6, 3]).encode(x=x))
            layers.append(
                alt.Chart(at)
                .mark_text(color=colours["fine"], align="left", dx=6, baseline="top", y=4)
                .encode(x=x, text=alt.value("B_crit"))
            )
    data = alt.InlineData(values=rows)
    layers.append(alt.Chart(data).mark_rule(color=colours["arm0"]).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"))
    kinds = [k for k in ("best of its trials", "best learning rate at the edge") if any(r["kind"] == k for r in rows)]
    scale = alt.Scale(domain=kinds, range=[colours["arm0" if kind.endswith("trials") else "warn"] for kind in kinds])
    layers.append(
        alt.Chart(data)
        .mark_point(size=90, filled=True, opacity=1)
        .encode(x=x, y=y, color=alt.Color("kind:N", scale=scale, title=None))
    )
    return _finished(alt.layer(*layers), colours)


def _axis(kind: Any, field: str, title: str) -> Any:
    import altair as alt

    return kind(
        field,
        title=words.shortened(title, 60),
        scale=alt.Scale(type="log", base=2 if field.startswith("size") else 10, nice=False, padding=14),
        axis=alt.Axis(format="~s", tickCount=8, grid=not field.startswith("size")),
    )


def _finished(layered: Any, colours: Mapping[str, str]) -> dict[str, Any]:
    return coloured(layered.properties(width=WIDTH, height=HEIGHT), colours)


def _figures(draw: Any) -> str:
    vl_convert = drawing()

    light, dark = (vl_convert.vegalite_to_svg(draw(colours)) for colours in (theme.LIGHT, theme.DARK))
    return figures(light, dark)


def _table(answer: Answer) -> str:
    ratios = gains(answer.sizes)
    on_gpu = any(size.gpu_peak_bytes is not None for size in answer.sizes)
    head = (answer.parameter, "ms/step", "±", "examples/s", "doubling", "memory", *(["GPU memory"] * on_gpu), "")
    rows = [
        (
            str(size.batch_size),
            words.number(1000 * size.timing.seconds) if size.timing else words.NOTHING,
            f"{size.timing.error / size.timing.seconds:.0%}" if size.timing else "",
            f"{size.examples_per_second:,.0f}" if size.examples_per_second else words.NOTHING,
            f"x{ratios[size.batch_size]:.2f}" if size.batch_size in ratios else "",
            amount(size.peak_bytes),
            *([amount(size.gpu_peak_bytes)] if on_gpu else []),
            outcome(size, answer),
        )
        for size in answer.sizes
    ]
    return _as_table(head, rows)


def _scaling(scaling: Scaling) -> str:
    head = (scaling.parameter, "steps", "90%", "examples", "slope", "regime", scaling.rate_name, "noise scale", "")
    rows = [
        (
            str(point.batch_size),
            words.number(point.steps),
            "" if point.interval is None else f"{point.interval[0]:.0f} to {point.interval[1]:.0f}",
            "" if point.steps is None else f"{point.steps * point.batch_size:,}",
            "" if point.exponent is None else f"{point.exponent:.2f}",
            point.regime or "",
            words.number(point.learning_rate),
            words.number(point.noise_scale),
            point.note,
        )
        for point in scaling.points
    ]
    remarks = "".join(f"<p>{words.escape(remark)}" for remark in scaling.remarks)
    drawn = _figures(lambda colours: scaling_chart(scaling, colours)) if any(p.steps for p in scaling.points) else ""
    return (
        f"<h2>Steps to {words.escape(scaling.target)}</h2><p><b>{words.escape(scaling.headline)}</b></p>{remarks}"
        f'{drawn}<div class="wide">{_as_table(head, rows)}</div>\n'
        '<p class="fine">Slope: with which power the steps fall from the size before; 1 is halving with a doubling. '
        "The dashed line is perfect scaling.</p>\n"
    )


def _as_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<tr>{''.join(f'<td>{words.escape(cell)}' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{words.escape(name)}' for name in head)}</tr>{cells}</table>"
