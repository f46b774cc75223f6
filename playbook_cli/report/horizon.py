"""How a ladder of lengths is drawn: one row per length and point, and the metric and the best rate over steps."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.horizon.answer import number, span
from playbook_cli.report import words
from playbook_cli.report.charts import colour, field, layered, mark, over
from playbook_cli.report.section import Chart, Column, Document, Note, Section, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.horizon.answer import Answer, Point
    from playbook_cli.horizon.surface import Interval
    from playbook_cli.report.section import Part, Spec

HEIGHT = 260
"""Height of the plot area in pixels."""
_ARMS = ("arm0", "arm1", "arm2", "arm3")


def document(answer: Answer) -> Document:
    """The document that shows the ladder."""
    metric = words.shortened(answer.metric.name, 60)
    charts: list[Part] = [
        Chart(
            name="losses",
            title=metric,
            description=f"{metric} of every run, its level at each length, and the prediction beyond.",
            spec=partial(_losses, answer),
        )
    ]
    if any(_known_rates(point) for point in answer.points):
        charts.append(
            Chart(
                name="rates",
                title=f"best {words.shortened(answer.setting.learning_rate or '', 50)}",
                description="Best learning rate at each length, with its interval.",
                spec=partial(_rates, answer),
            )
        )
    points = [
        Section(
            name=f"trial-{point.trial.id}",
            title=point.label,
            heading=point.label,
            aside=words.settings(point.trial.params),
            how=words.settings(point.trial.params),
            parts=[_table(answer, point)],
        )
        for point in answer.points
    ]
    note = Note("each length at its best learning rate; gains are per doubling; intervals and bands are 95%")
    return Document(
        name="horizon",
        study=answer.study,
        kind="how long to train",
        headline=answer.headline,
        sure=answer.verdict != "undecided",
        remarks=answer.remarks,
        command=answer.next,
        sections=[Section(name="charts", parts=charts), *points, Section(name="note", parts=[note])],
    )


def _table(answer: Answer, point: Point) -> Table:
    judged = point.judgement
    columns = [Column(name=name) for name in ("steps", answer.metric.name, "95%", "gain", "95%")]
    columns += [Column(name=name) for name in (("best rate", "95%") if point.rate is not None else ())]
    rows: list[Sequence[str]] = []
    for index, (steps, level) in enumerate(zip(judged.surface.lengths, judged.levels, strict=True)):
        gain = judged.doublings[index - 1].gain if index else None
        gains = ("", "") if gain is None else (number(gain.value), span(gain))
        value = words.number(answer.value(level.value))
        rows.append((f"{steps:,}", value, _ends(answer, level), *gains, *_best_rate(point, steps)))
    for steps in point.predicted if judged.law is not None else ():
        loss = judged.loss(steps)
        if loss is not None:
            value = f"({words.number(answer.value(loss.value))})"
            rows.append((f"{steps:,}", value, _ends(answer, loss), "predicted", "", *_best_rate(point, steps)))
    return Table(columns=columns, rows=rows)


def _ends(answer: Answer, level: Interval) -> str:
    low, high = sorted((answer.value(level.low), answer.value(level.high)))
    return f"{words.number(low)} to {words.number(high)}"


def _best_rate(point: Point, steps: int) -> tuple[str, ...]:
    if point.rate is None:
        return ()
    rate = point.best_rate(steps)
    return ("", "") if rate is None else (number(rate.value), span(rate))


def _losses(answer: Answer, width: int | None) -> Spec:
    """The metric against the steps: every run, the level at the best rate, and the law's band."""
    x, title = _steps(answer), words.shortened(answer.metric.name, 60)
    y = field("value:Q", title=title, scale={"zero": False, "padding": 10})
    labels = [point.label for point in answer.points]
    hues = {"domain": labels, "range": [colour(_hue(i)) for i in range(len(labels))]}
    layers: list[Spec] = []
    for index, point in enumerate(answer.points):
        hue, judged = colour(_hue(index)), point.judgement
        low, high = field("low:Q", title=title), {"field": "high"}
        if judged.law is not None:
            band = _band(answer, point)
            layers.append(over(mark("area", band, color=hue, opacity=0.15), x=x, y=low, y2=high))
            layers.append(over(mark("line", band, color=hue, strokeDash=[4, 3], opacity=0.8), x=x, y=y))
        runs = [
            {"steps": run.steps, "value": answer.value(run.loss)}
            for run in answer.climbed.points[index]
            if run.loss is not None
        ]
        layers.append(over(mark("point", runs, color=hue, opacity=0.45, size=25), x=x, y=y))
        levels = [
            {**_interval(answer, steps, level), "point": point.label}
            for steps, level in zip(judged.surface.lengths, judged.levels, strict=True)
            if math.isfinite(level.low) and math.isfinite(level.high)
        ]
        layers.append(over(mark("rule", levels, color=hue), x=x, y=low, y2=high))
        shown = mark("point", levels, filled=True, opacity=1, size=80)
        layers.append(over(shown, x=x, y=y, color=field("point:N", scale=hues, title=None)))
    now = mark("rule", [{"steps": answer.now}], color=colour("muted"), strokeDash=[6, 3])
    return layered([*layers, over(now, x=x)], width=width, height=HEIGHT)


def _rates(answer: Answer, width: int | None) -> Spec:
    """The best learning rate against the steps with its interval."""
    x, title = _steps(answer), f"best {words.shortened(answer.setting.learning_rate or '', 50)}"
    looks: dict[str, Any] = {"title": title, "scale": {"type": "log", "nice": False, "padding": 14}}
    looks["axis"] = {"format": "~g"}
    layers: list[Spec] = []
    for index, point in enumerate(answer.points):
        hue, known = colour(_hue(index)), _known_rates(point)
        area = mark("area", known, color=hue, opacity=0.15)
        layers.append(over(area, x=x, y=field("low:Q", **looks), y2={"field": "high"}))
        layers.append(over(mark("line", known, color=hue), x=x, y=field("value:Q", **looks)))
        layers.append(over(mark("point", known, color=hue, filled=True, opacity=1), x=x, y=field("value:Q", **looks)))
    return layered(layers, width=width, height=HEIGHT)


def _hue(index: int) -> str:
    return _ARMS[index % len(_ARMS)]


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
    return [_interval(answer, n, x) for n, x in found if x is not None]


def _interval(answer: Answer, steps: int, x: Interval) -> dict[str, float]:
    return {"steps": steps, "value": answer.value(x.value), "low": answer.value(x.low), "high": answer.value(x.high)}


def _steps(answer: Answer) -> Spec:
    shown = sorted({*answer.climbed.lengths, *(n for point in answer.points for n in point.predicted)})
    scale = {"type": "log", "base": 2, "nice": False, "padding": 14}
    return field("steps:Q", title="max_train_steps", scale=scale, axis={"values": shown, "format": "~s", "grid": False})
