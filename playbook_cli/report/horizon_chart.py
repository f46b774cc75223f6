"""A ladder of lengths as pictures, and as a page of HTML that runs no script and loads nothing."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli import atomic
from playbook_cli.horizon.answer import number, span
from playbook_cli.report import theme, words
from playbook_cli.report.drawing import drawing
from playbook_cli.report.page import coloured, figures, page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from playbook_cli.horizon.answer import Answer, Point

WIDTH, HEIGHT = 620, 260
"""Pixels between the axes."""
_ARMS = ("arm0", "arm1", "arm2", "arm3")


def write(answer: Answer, content: Mapping[str, Any], directory: Path) -> list[Path]:
    """Write horizon.json, horizon.html and horizon.svg into `directory`, which is made where it does not exist."""
    directory.mkdir(parents=True, exist_ok=True)
    kept, html, picture = (directory / f"horizon.{kind}" for kind in ("json", "html", "svg"))
    atomic.write(kept, json.dumps(content, indent=1))  # first: the rules of the report read it
    vl_convert = drawing()
    atomic.write(html, as_html(answer))
    atomic.write(picture, vl_convert.vegalite_to_svg(losses(answer, theme.LIGHT)))
    return [html, picture]


def as_html(answer: Answer) -> str:
    """The whole page; each chart is drawn twice, for light and for dark screens."""
    charts = [losses] + ([rates] if any(_known_rates(point) for point in answer.points) else [])
    drawn = "".join(_figures(draw, answer) for draw in charts)
    tables = "".join(
        f"<h2>{words.escape(point.label)}</h2>"
        f'<div class="wide">{_table(answer, point)}</div>'
        f'<p class="fine">{words.escape(words.settings(point.trial.params))}'
        for point in answer.points
    )
    fine = '<p class="fine">Each length at its best learning rate; intervals and bands of 95%.</p>'
    return page(
        answer.study,
        "how long to train",
        answer.headline,
        remarks=answer.remarks,
        command=answer.next,
        body=f"{drawn}{tables}{fine}",
    )


def losses(answer: Answer, colours: Mapping[str, str]) -> dict[str, Any]:
    """The metric against the steps: every run, the level at the best rate, and the law's band, as Vega-Lite."""
    import altair as alt

    x = _steps(answer)
    y = alt.Y("value:Q", title=words.shortened(answer.metric.name, 60), scale=alt.Scale(zero=False, padding=10))
    layers = []
    labels = [point.label for point in answer.points]
    scale = alt.Scale(domain=labels, range=[colours[_ARMS[i % len(_ARMS)]] for i in range(len(labels))])
    for index, point in enumerate(answer.points):
        colour, judged = colours[_ARMS[index % len(_ARMS)]], point.judgement
        if judged.law is not None:
            band = alt.Chart(alt.InlineData(values=_band(answer, point)))
            layers.append(band.mark_area(color=colour, opacity=0.15).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"))
            layers.append(band.mark_line(color=colour, strokeDash=[4, 3], opacity=0.8).encode(x=x, y=y))
        runs = [
            {"steps": run.steps, "value": answer.value(run.loss)}
            for run in answer.climbed.points[index]
            if run.loss is not None
        ]
        layers.append(
            alt.Chart(alt.InlineData(values=runs)).mark_point(color=colour, opacity=0.45, size=25).encode(x=x, y=y)
        )
        levels = [
            {
                "steps": steps,
                "value": answer.value(level.value),
                "low": answer.value(level.low),
                "high": answer.value(level.high),
                "point": point.label,
            }
            for steps, level in zip(judged.surface.lengths, judged.levels, strict=True)
            if math.isfinite(level.low) and math.isfinite(level.high)
        ]
        data = alt.InlineData(values=levels)
        layers.append(alt.Chart(data).mark_rule(color=colour).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"))
        mark = alt.Chart(data).mark_point(filled=True, opacity=1, size=80)
        layers.append(mark.encode(x=x, y=y, color=alt.Color("point:N", scale=scale, title=None)))
    own = alt.Chart(alt.InlineData(values=[{"steps": answer.now}]))
    layers.append(own.mark_rule(color=colours["muted"], strokeDash=[6, 3]).encode(x=x))
    return coloured(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT), colours)


def rates(answer: Answer, colours: Mapping[str, str]) -> dict[str, Any]:
    """The best learning rate against the steps with its interval, as Vega-Lite."""
    import altair as alt

    x = _steps(answer)
    title = f"best {words.shortened(answer.setting.learning_rate or '', 50)}"
    y = alt.Y("value:Q", title=title, scale=alt.Scale(type="log", nice=False, padding=14), axis=alt.Axis(format="~g"))
    layers = []
    for index, point in enumerate(answer.points):
        colour, data = colours[_ARMS[index % len(_ARMS)]], alt.InlineData(values=_known_rates(point))
        chart = alt.Chart(data)
        layers.append(chart.mark_area(color=colour, opacity=0.15).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"))
        layers.append(chart.mark_line(color=colour, point=True).encode(x=x, y=y))
    return coloured(alt.layer(*layers).properties(width=WIDTH, height=HEIGHT), colours)


def _known_rates(point: Point) -> list[dict[str, float]]:
    steps = [*point.judgement.surface.lengths, *(point.predicted if point.judgement.drift.word == "drifts" else ())]
    found = [(n, point.best_rate(n)) for n in steps]
    return [
        {"steps": n, "value": rate.value, "low": rate.low, "high": rate.high}
        for n, rate in found
        if rate is not None and 0.0 < rate.low and rate.high < 1e6 * rate.value  # noqa: SIM300
    ]


def _band(answer: Answer, point: Point) -> list[dict[str, float]]:
    ends = (point.judgement.surface.lengths[0], point.predicted[-1])
    found = [(int(n), point.judgement.loss(int(n))) for n in np.geomspace(*ends, 40).round()]
    return [
        {"steps": n, "value": answer.value(x.value), "low": answer.value(x.low), "high": answer.value(x.high)}
        for n, x in found
        if x is not None
    ]


def _steps(answer: Answer) -> Any:
    import altair as alt

    shown = sorted({*answer.climbed.lengths, *(n for point in answer.points for n in point.predicted)})
    return alt.X(
        "steps:Q",
        title="max_train_steps",
        scale=alt.Scale(type="log", base=2, nice=False, padding=14),
        axis=alt.Axis(values=shown, format="~s", grid=False),
    )


def _figures(draw: Any, answer: Answer) -> str:
    vl_convert = drawing()
    light, dark = (vl_convert.vegalite_to_svg(draw(answer, colours)) for colours in (theme.LIGHT, theme.DARK))
    return figures(light, dark)


def _table(answer: Answer, point: Point) -> str:
    head = ["steps", answer.metric.name, "gain of a doubling", "95%", "best learning rate", "95%"]
    rows = []
    judged = point.judgement
    for index, (steps, level) in enumerate(zip(judged.surface.lengths, judged.levels, strict=True)):
        gain, rate = judged.doublings[index - 1].gain if index else None, point.best_rate(steps)
        rows.append(
            (
                f"{steps:,}",
                words.number(answer.value(level.value)),
                "" if gain is None else number(gain.value),
                "" if gain is None else span(gain),
                "" if rate is None else number(rate.value),
                "" if rate is None else span(rate),
            )
        )
    return _as_table(head, rows)


def _as_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<tr>{''.join(f'<td>{words.escape(cell)}' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{words.escape(name)}' for name in head)}</tr>{cells}</table>"
