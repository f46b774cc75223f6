"""A learning-rate sweep as a picture, and as a page of HTML that runs no script and loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli import atomic
from playbook_cli.report import theme, words
from playbook_cli.report.drawing import drawing
from playbook_cli.report.page import coloured, figures, page
from playbook_cli.report.sweep_terminal import effort
from playbook_cli.sweep.answer import outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from playbook_cli.sweep.answer import Answer
    from playbook_cli.sweep.points import Point

_CROSS = "M-1,-1L1,1M1,-1L-1,1"
WIDTH, HEIGHT = 620, 300
"""Pixels between the axes; PNG files have three times as many."""
_FIT, _FASTEST, _SLOWER, _DIVERGED, _CRASHED = "fits", "fastest", "did not fit up to here", "diverged", "crashed"


def write(answer: Answer, directory: Path) -> list[Path]:
    """Write lr-sweep.html and lr-sweep.png into `directory`, which is made where it does not exist."""
    vl_convert = drawing()

    directory.mkdir(parents=True, exist_ok=True)
    html, picture = directory / "lr-sweep.html", directory / "lr-sweep.png"
    for path, content in (
        (html, as_html(answer)),
        (picture, vl_convert.vegalite_to_png(chart(answer, theme.LIGHT), scale=3)),
    ):
        atomic.write(path, content)
    return [html, picture]


def as_html(answer: Answer) -> str:
    """The whole page; the chart is drawn twice, for light and for dark screens."""
    vl_convert = drawing()

    light, dark = (vl_convert.vegalite_to_svg(chart(answer, colours)) for colours in (theme.LIGHT, theme.DARK))
    rows = "".join(
        f"<tr><td>{words.number(point.learning_rate)}<td>{words.number(point.steps_to_fit)}"
        f"<td>{words.escape(outcome(point, answer))}"
        for point in answer.points
    )
    held = words.escape(words.settings(answer.fixed) or "no other hyperparameter")
    body = f"""{figures(light, dark)}
<table><tr><th>{words.escape(answer.parameter)}<th>steps to fit<th></tr>{rows}</table>
<p class="fine">With {held}.<br>{"<br>".join(map(words.escape, effort(answer)))}.</p>"""
    kind = "learning-rate sweep"
    return page(answer.study, kind, answer.headline, remarks=answer.remarks, command=answer.next, body=body)


def chart(answer: Answer, colours: Mapping[str, str]) -> dict[str, Any]:
    """Steps to fit against the learning rate, both on log scales, as Vega-Lite with its data inside."""
    import altair as alt

    rows = [_row(point, answer) for point in answer.points]
    fits = [row for row in rows if row["kind"] in (_FIT, _FASTEST)]
    kinds = [kind for kind in (_FASTEST, _FIT, _SLOWER, _DIVERGED, _CRASHED) if any(r["kind"] == kind for r in rows)]
    hue = {_FASTEST: "fine", _FIT: "arm0", _SLOWER: "muted", _DIVERGED: "bad", _CRASHED: "warn"}
    shapes = {_FASTEST: "diamond", _FIT: "circle", _SLOWER: "triangle-up", _DIVERGED: _CROSS, _CRASHED: "square"}
    x = alt.X(
        "rate:Q",
        title=words.shortened(answer.parameter, 60),
        scale=alt.Scale(type="log", nice=False, padding=14),
        axis=alt.Axis(format="~g", tickCount=6),
    )
    y = alt.Y(
        "steps:Q",
        title=f"steps until {words.shortened(answer.target, 60)}",
        scale=alt.Scale(type="log", nice=False, padding=14),
        axis=alt.Axis(format="~s", tickCount=5, grid=True),
    )
    line = alt.Chart(alt.InlineData(values=fits)).mark_line(color=colours["arm0"], opacity=0.45).encode(x=x, y=y)
    waiting = [row | {"top": answer.steps} for row in rows if row["kind"] == _SLOWER]
    unknown = (
        alt.Chart(alt.InlineData(values=waiting))
        .mark_rule(color=colours["muted"], strokeDash=[2, 4], opacity=0.6)
        .encode(x=x, y=y, y2="top")
    )
    marks = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_point(size=90, strokeWidth=1.8, opacity=1)
        .encode(
            x=x,
            y=y,
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=[shapes[k] for k in kinds]), title=None),
            fill=alt.Fill("kind:N", scale=alt.Scale(domain=kinds, range=[colours[hue[k]] for k in kinds]), title=None),
            stroke=alt.Stroke(
                "kind:N", scale=alt.Scale(domain=kinds, range=[colours[hue[k]] for k in kinds]), title=None
            ),
        )
    )
    return coloured(alt.layer(unknown, line, marks).properties(width=WIDTH, height=HEIGHT), colours)


def _row(point: Point, answer: Answer) -> dict[str, Any]:
    best = answer.judgement.fastest
    if point.fit is not None:
        fastest = best is not None and point.fit.step == best.steps_to_fit
        return {"rate": point.learning_rate, "steps": point.fit.step, "kind": _FASTEST if fastest else _FIT}
    if point.state == "completed":
        return {"rate": point.learning_rate, "steps": max(point.last_step, 1), "kind": _SLOWER}
    return {
        "rate": point.learning_rate,
        "steps": answer.steps,
        "kind": _DIVERGED if point.state == "infeasible" else _CRASHED,
    }
