"""A probe for instability as a picture, and as a page of HTML that runs no script and loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli import atomic
from playbook_cli.instability.answer import outcome
from playbook_cli.report import theme, words
from playbook_cli.report.drawing import drawing
from playbook_cli.report.instability_terminal import effort, row
from playbook_cli.report.page import coloured, figures, page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from playbook_cli.instability.answer import Answer
    from playbook_cli.instability.runs import Run

WIDTH, HEIGHT = 560, 200
"""Pixels between the axes of one chart."""
LEGEND = 3
"""Runs side by side in a legend."""
POINTS = 400
"""Of a curve; of so many evaluations that come together the highest is drawn."""
HUES = ("arm0", "arm1", "arm2", "arm3", "arm4", "arm5")


def write(answer: Answer, directory: Path) -> list[Path]:
    """Write instability.html and instability.svg into `directory`, which is made where it does not exist."""
    vl_convert = drawing()

    directory.mkdir(parents=True, exist_ok=True)
    html, picture = directory / "instability.html", directory / "instability.svg"
    svg = vl_convert.vegalite_to_svg(chart(answer, theme.LIGHT))
    dark = vl_convert.vegalite_to_svg(chart(answer, theme.DARK))
    for path, content in ((html, as_html(answer, svg, dark)), (picture, svg)):
        atomic.write(path, content)
    return [html, picture]


def as_html(answer: Answer, light: str, dark: str) -> str:
    """The whole page; the charts are there twice, as SVG for light and for dark screens."""
    cells = ((*row(run, answer), outcome(run, answer)) for run in answer.seen.runs)
    rows = "".join(f"<tr>{''.join(f'<td>{words.escape(cell)}' for cell in line)}" for line in cells)
    rate = words.escape(answer.setting.names.learning_rate)
    body = f"""{figures(light, dark)}
<table><tr><th>trial<th>{rate}<th><th>warm-up<th>clip<th></tr>{rows}</table>
<p class="fine">{words.escape(effort(answer))}.</p>"""
    study, headline = answer.setting.study.name, answer.headline
    return page(study, "instability", headline, remarks=answer.remarks, command=answer.next, body=body)


def chart(answer: Answer, colours: Mapping[str, str]) -> dict[str, Any]:
    """Losses of the probe and of the ladder, and gradient norms, over the steps, as Vega-Lite with its data inside."""
    import altair as alt

    seen = answer.seen
    probes = list(seen.multiples.values())
    panels = [_panel(probes, answer, colours, title=f"{words.shortened(seen.loss, 50)}, without a repair")]
    repairs = [*seen.rungs, *([seen.clipping.run] if seen.clipping is not None and seen.clipping.run else [])]
    if repairs:
        panels.append(_panel(repairs, answer, colours, title=f"{words.shortened(seen.loss, 50)}, with a repair"))
    if any(run.norms is not None for run in probes):
        panels.append(_norms(probes, answer, colours))
    return coloured(alt.vconcat(*panels).resolve_scale(color="independent"), colours)


def _panel(runs: Sequence[Run], answer: Answer, colours: Mapping[str, str], *, title: str) -> Any:
    import altair as alt

    rows, ends = [], []
    for run in runs:
        points = _thinned(run.losses.steps, run.losses.values)
        rows += [{"step": step, "value": value, "run": _label(run, answer)} for step, value in points]
        if run.losses.diverged and points:
            ends.append({"step": points[-1][0], "value": points[-1][1]})
    encoding = _encoding(runs, rows, answer, colours, title)
    lines = alt.Chart(alt.InlineData(values=rows)).mark_line(strokeWidth=1.4, clip=True).encode(**encoding)
    crosses = (
        alt.Chart(alt.InlineData(values=ends))
        .mark_point(shape="M-1,-1L1,1M1,-1L-1,1", size=90, strokeWidth=2, color=colours["bad"])
        .encode(x=encoding["x"], y=encoding["y"])
    )
    return alt.layer(lines, crosses).properties(width=WIDTH, height=HEIGHT)


def _norms(runs: Sequence[Run], answer: Answer, colours: Mapping[str, str]) -> Any:
    import altair as alt

    rows = [
        {"step": step, "value": value, "run": _label(run, answer)}
        for run in runs
        if run.norms is not None
        for step, value in _thinned(run.norm_steps, run.norms)
        if value > 0
    ]
    encoding = _encoding(runs, rows, answer, colours, "gradient norm, unclipped")
    lines = alt.Chart(alt.InlineData(values=rows)).mark_line(strokeWidth=1.2).encode(**encoding)
    found = answer.seen.clipping
    limits = [] if found is None else [{"value": found.threshold, "said": f"clip at {found.threshold:g}"}]
    limit = alt.Chart(alt.InlineData(values=limits))
    rule = limit.mark_rule(color=colours["ink"], strokeDash=[4, 3]).encode(y="value:Q")
    said = limit.mark_text(align="right", dy=-6, color=colours["ink"]).encode(
        x=alt.value(WIDTH), y="value:Q", text="said:N"
    )
    return alt.layer(lines, rule, said).properties(width=WIDTH, height=HEIGHT)


def _encoding(
    runs: Sequence[Run], rows: Sequence[Mapping[str, Any]], answer: Answer, colours: Mapping[str, str], title: str
) -> dict[str, Any]:
    import altair as alt

    labels = [_label(run, answer) for run in runs]
    hues = [colours[HUES[number % len(HUES)]] for number in range(len(labels))]
    positive = bool(rows) and min(line["value"] for line in rows) > 0
    return {
        "x": alt.X("step:Q", title="step", scale=alt.Scale(nice=False)),
        "y": alt.Y(
            "value:Q",
            title=title,
            scale=alt.Scale(type="log" if positive else "linear", nice=False, zero=False, padding=6),
            axis=alt.Axis(format="~g", tickCount=5, grid=True),
        ),
        "color": alt.Color(
            "run:N",
            title=None,
            scale=alt.Scale(domain=labels, range=hues),
            legend=alt.Legend(columns=LEGEND, columnPadding=18),
        ),
    }


def _label(run: Run, answer: Answer) -> str:
    _, rate, multiple, _, _ = row(run, answer)
    warmup = "" if run.point.warmup is None else f", warm-up {run.point.warmup}"
    clip = "" if run.point.clip is None else f", clipped at {run.point.clip:g}"
    return f"{rate} ({multiple}){warmup}{clip}"


def _thinned(steps: Any, values: Any) -> list[tuple[int, float]]:
    """At most POINTS of a curve, each the highest of those that it stands for."""
    together = -(-len(values) // POINTS) or 1
    parts = (slice(start, start + together) for start in range(0, len(values), together))
    highest = (part.start + int(np.argmax(np.nan_to_num(values[part], nan=-np.inf))) for part in parts)
    return [(int(steps[at]), float(values[at])) for at in highest if np.isfinite(values[at])]
