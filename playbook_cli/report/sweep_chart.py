"""A learning-rate sweep as a picture, and as a page of HTML that runs no script and loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.report import theme, words
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
    import vl_convert

    directory.mkdir(parents=True, exist_ok=True)
    page, picture = directory / "lr-sweep.html", directory / "lr-sweep.png"
    for path, content in (
        (page, as_html(answer).encode()),
        (picture, vl_convert.vegalite_to_png(chart(answer, theme.LIGHT), scale=3)),
    ):
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(content)
        temporary.replace(path)
    return [page, picture]


def as_html(answer: Answer) -> str:
    """The whole page; the chart is drawn twice, for light and for dark screens."""
    import vl_convert

    light, dark = (vl_convert.vegalite_to_svg(chart(answer, colours)) for colours in (theme.LIGHT, theme.DARK))
    rows = "".join(
        f"<tr><td>{words.number(point.learning_rate)}<td>{words.number(point.steps_to_fit)}"
        f"<td>{words.escape(outcome(point, answer))}"
        for point in answer.points
    )
    remarks = "".join(f"<p>{words.escape(remark)}" for remark in answer.remarks)
    command = f"<pre>{words.escape(answer.next)}</pre>" if answer.next else ""
    held = words.escape(words.settings(answer.fixed) or "no other hyperparameter")
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{words.escape(words.shortened(answer.study, 80))}: learning-rate sweep</title>
<style>
:root {{ color-scheme: light dark; {_properties(theme.LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_properties(theme.DARK)} }} .light {{ display: none }} }}
@media not (prefers-color-scheme: dark) {{ .dark {{ display: none }} }}
body {{ margin: 2.5rem auto; max-width: 46rem; padding: 0 1.2rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 {theme.FONT}; overflow-wrap: anywhere }}
h1 {{ font-size: 1rem; font-weight: normal; color: var(--muted); margin: 0 }}
.answer {{ font-size: 1.45rem; line-height: 1.3; font-weight: 600; margin: .3rem 0 1.2rem }}
figure {{ margin: 2rem 0; overflow-x: auto }}
svg {{ width: 100%; min-width: 26rem; height: auto }}
pre {{ background: var(--panel); padding: .7rem .9rem; overflow-x: auto }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }}
th, td {{ padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--grid); text-align: right; vertical-align: top;
  white-space: nowrap }}
th:last-child, td:last-child {{ text-align: left; width: 99%; white-space: normal }}
th {{ font-weight: normal; color: var(--muted) }}
.fine {{ color: var(--muted); font-size: .9rem }}
</style>
<h1>{words.escape(answer.study)}: learning-rate sweep</h1>
<p class="answer">{words.escape(answer.headline)}</p>
{remarks}{command}
<figure class="light">{light}</figure><figure class="dark">{dark}</figure>
<table><tr><th>{words.escape(answer.parameter)}<th>steps to fit<th></tr>{rows}</table>
<p class="fine">With {held}.<br>{"<br>".join(map(words.escape, effort(answer)))}.</p>
</html>
"""


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
    sized = alt.layer(unknown, line, marks).properties(width=WIDTH, height=HEIGHT)
    spec: dict[str, Any] = sized.to_dict()
    spec["config"] = _plain(theme.config(), colours) | {"background": colours["paper"]}
    return spec


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


def _properties(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


def _plain(config: Any, colours: Mapping[str, str]) -> Any:
    """The theme's configuration with colours in place of signals."""
    if isinstance(config, dict):
        if config.keys() == {"expr"}:
            return colours[config["expr"]]
        return {key: _plain(value, colours) for key, value in config.items()}
    return config
