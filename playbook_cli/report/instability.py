"""How an instability probe is drawn: one row per run with its loss as a sparkline, and the loss curves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.instability.answer import outcome
from playbook_cli.report import words
from playbook_cli.report.charts import CROSS, colour, field, finished, mark, over
from playbook_cli.report.section import Cell, Chart, Column, Document, Note, Section, Table
from playbook_cli.report.strips import level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.instability.answer import Answer
    from playbook_cli.instability.runs import Run
    from playbook_cli.report.section import Content, Spans, Spec, Tone

WIDTH, HEIGHT = 560, 200
"""Size of the plot area of one chart, in pixels."""
POINTS = 400
"""Maximal points of a curve; of the evaluations that share a point, the highest is drawn."""
HUES = ("arm0", "arm1", "arm2", "arm3", "arm4", "arm5")
CURVE = 24
"""Characters of a sparkline; all have the same scale."""


def document(answer: Answer) -> Document:
    """The document that shows the probe."""
    seen = answer.seen
    low, high = _scale(answer)
    columns = [
        *(Column(name=name) for name in ("trial", answer.setting.names.learning_rate, "", "warmup", "clip")),
        Column(name=f"{seen.loss}, {words.number(high)} at top", left=True, only="terminal"),
        Column(name="", left=True, fold=True),
    ]
    rows: list[list[Content]] = [
        [*_row(run, answer), Cell(_curve(run, answer, low, high)), outcome(run, answer)] for run in seen.runs
    ]
    chart = Chart(
        name="instability",
        description=f"{words.shortened(seen.loss, 50)} of every run over its steps.",
        spec=partial(_spec, answer),
    )
    return Document(
        name="instability",
        study=answer.setting.study.name,
        kind="instability",
        headline=answer.headline,
        sure=seen.verdict == "stable",
        remarks=answer.remarks,
        command=answer.next,
        sections=[Section(name="runs", parts=[chart, Table(columns=columns, rows=rows), Note(_effort(answer))])],
    )


def _row(run: Run, answer: Answer) -> tuple[str, ...]:
    """Number, learning rate, its multiple of the best one, warmup and clipping of a run, as text."""
    point = run.point
    multiple = point.learning_rate / answer.setting.rate
    warmup = answer.setting.warmup if point.warmup is None else point.warmup
    clip = words.NOTHING if point.clip is None else words.number(point.clip)
    return str(run.trial), words.number(point.learning_rate), f"{multiple:.3g}x", str(warmup), clip


def _effort(answer: Answer) -> str:
    """What was trained, from which point, and for how many steps."""
    setting = answer.setting
    varied = (setting.names.learning_rate, setting.names.warmup, setting.names.clip)
    held = words.settings({name: value for name, value in setting.base.items() if name not in varied})
    spent = f"{answer.spent:,} steps spent: {setting.steps} per run, or three times its warmup if that is more"
    return f"held fixed, from trial {setting.trial.id}: {held or 'no other hyperparameter'}; {spent}"


def _scale(answer: Answer) -> tuple[float, float]:
    """From the lowest loss to a third of the drop above the loss before training."""
    losses = [float(value) for run in answer.seen.multiples.values() for value in run.losses.values]
    best, low = answer.seen.multiples.get(1.0), min(losses, default=0.0)
    start = float(best.losses.values[0]) if best is not None and best.losses.values.size else 1.0
    return low, start + (start - low) / 3


def _curve(run: Run, answer: Answer, low: float, high: float) -> Spans:
    """The loss of a run over its steps; each character is the highest of its evaluations, x is NaN or infinite."""
    last = max((other.last_step for other in answer.seen.runs), default=1)
    highest: dict[int, float] = {}
    for step, value in zip(run.losses.steps, run.losses.values, strict=True):
        at = min(int(CURVE * (step - 1) / max(last, 1)), CURVE - 1)
        highest[at] = max(float(value), highest.get(at, float(value)))
    spans: list[tuple[str, Tone]] = []
    for _, value in sorted(highest.items()):
        share = (min(value, high) - low) / (high - low) if high > low else 0.0
        spans.append((level(share), "bad" if value > high else ""))
    return [*spans, ("x", "bad")] if run.losses.diverged else spans


def _spec(answer: Answer, width: int | None) -> Spec:
    """Losses without and with a fix, and gradient norms, over the steps."""
    seen = answer.seen
    loss, probes = words.shortened(seen.loss, 50), list(seen.multiples.values())
    panels = [_panel(probes, answer, f"{loss}, without fix")]
    repairs = [*seen.rungs, *([seen.clipping.run] if seen.clipping is not None and seen.clipping.run else [])]
    if repairs:
        panels.append(_panel(repairs, answer, f"{loss}, with fix"))
    if any(run.norms is not None for run in probes):
        panels.append(_norms(probes, answer))
    return finished({"vconcat": panels, "resolve": {"scale": {"color": "independent"}}}, width or WIDTH)


def _panel(runs: Sequence[Run], answer: Answer, title: str) -> Spec:
    rows, ends = [], []
    for run in runs:
        points = _thinned(run.losses.steps, run.losses.values)
        rows += [{"step": step, "value": value, "run": _label(run, answer)} for step, value in points]
        if run.losses.diverged and points:
            ends.append({"step": points[-1][0], "value": points[-1][1]})
    where = _channels(runs, rows, answer, title)
    crosses = mark("point", ends, shape=CROSS, size=90, strokeWidth=2, color=colour("bad"))
    return _sized(
        over(mark("line", rows, strokeWidth=1.4, clip=True), **where), over(crosses, x=where["x"], y=where["y"])
    )


def _norms(runs: Sequence[Run], answer: Answer) -> Spec:
    rows = [
        {"step": step, "value": value, "run": _label(run, answer)}
        for run in runs
        if run.norms is not None
        for step, value in _thinned(run.norm_steps, run.norms)
        if value > 0
    ]
    found = answer.seen.clipping
    limits = [] if found is None else [{"value": found.threshold, "said": f"clip at {found.threshold:g}"}]
    y, text = field("value:Q"), field("said:N")
    said = mark("text", limits, align="right", dy=-6, color=colour("ink"))
    return _sized(
        over(mark("line", rows, strokeWidth=1.2), **_channels(runs, rows, answer, "gradient norm, unclipped")),
        over(mark("rule", limits, color=colour("ink"), strokeDash=[4, 3]), y=y),
        over(said, x={"value": WIDTH}, y=y, text=text),
    )


def _sized(*layers: Spec) -> Spec:
    return {"layer": list(layers), "width": WIDTH, "height": HEIGHT}


def _channels(runs: Sequence[Run], rows: Sequence[dict[str, Any]], answer: Answer, title: str) -> dict[str, Spec]:
    labels = [_label(run, answer) for run in runs]
    hues = [colour(HUES[number % len(HUES)]) for number in range(len(labels))]
    kind = "log" if rows and min(row["value"] for row in rows) > 0 else "linear"
    scale = {"type": kind, "nice": False, "zero": False, "padding": 6}
    side_by_side = {"columns": 3, "columnPadding": 18}
    return {
        "x": field("step:Q", title="step", scale={"nice": False}),
        "y": field("value:Q", title=title, scale=scale, axis={"format": "~g", "tickCount": 5, "grid": True}),
        "color": field("run:N", title=None, scale={"domain": labels, "range": hues}, legend=side_by_side),
    }


def _label(run: Run, answer: Answer) -> str:
    _, rate, multiple, _, _ = _row(run, answer)
    warmup = "" if run.point.warmup is None else f", warmup {run.point.warmup}"
    clip = "" if run.point.clip is None else f", clipped at {run.point.clip:g}"
    return f"{rate} ({multiple}){warmup}{clip}"


def _thinned(steps: Any, values: Any) -> list[tuple[int, float]]:
    """At most POINTS points of a curve, each the highest of those that it represents."""
    together = -(-len(values) // POINTS) or 1
    parts = (slice(start, start + together) for start in range(0, len(values), together))
    highest = (part.start + int(np.argmax(np.nan_to_num(values[part], nan=-np.inf))) for part in parts)
    return [(int(steps[at]), float(values[at])) for at in highest if np.isfinite(values[at])]
