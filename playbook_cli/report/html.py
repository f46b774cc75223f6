"""Answers as HTML files that need nothing else: no network, no server, no other file. A live page is the same, with
a script that asks the server it came from for newer content.

Whatever a user named is escaped where it enters the page, and data enters as JSON without a single `<`. Should
something slip through all the same, the page's content policy runs no script but those that it names by their hashes,
and loads nothing from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from functools import partial
from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from playbook_cli.files import atomic
from playbook_cli.report import facts, theme, vega, words
from playbook_cli.report.charts import with_colours
from playbook_cli.report.drawing import drawing
from playbook_cli.report.excerpt import excerpt
from playbook_cli.report.frame import Frame
from playbook_cli.report.section import Chart, Folded, Legend, Note, Sentence, Table, cells, for_medium, meant, plain
from playbook_cli.report.sections import sections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from playbook_cli.records import Value
    from playbook_cli.report.measured import Measured
    from playbook_cli.report.section import Cell, Column, Content, Control, Document, Part, Section
    from playbook_cli.report.value import Report

MANY = 250
"""Trials from which on charts are drawn on a canvas: faster, and less sharp in print."""
WIDTH = 620
"""Pixels between the axes of a chart that is drawn once and for all; PNG files have three times as many."""
_MARKS = {"warning": "!", "info": "i", "ok": "✓"}
_LONG = 160
"""Characters from which on the answer is set smaller."""
_HOVER = 24
"""Characters from which on a cell may be cut, so that it is whole on hover."""
_ON_PAPER = 40
"""Trials that the style prints."""
_NAME, _HEAD = 33, 28
"""Characters of a name in a table, and above a column that sorts; the style cuts what is longer."""
_LOOKS = {"cross": "&times;", "cross failed": "&times;"}
_TOOLS = (
    '<div class="controls tools"><label class="find">filter <input type="search" data-find spellcheck="false" '
    'placeholder="val_error &lt; 0.02 and layers == 1, or any text" aria-label="filter trials"></label>'
    '<span data-count role="status"></span><details><summary>columns</summary><div data-columns></div></details>'
    '<button type="button" data-save>save as CSV</button></div>'
)
"""What a reader does with a table of trials."""
_OVERLAYS = (
    '<div id="chosen" role="status" hidden><div><b></b><p class="mono"></p><p>log: <a class="mono"></a></p>'
    "<table hidden></table></div>"
    '<button type="button" data-add aria-pressed="false" title="the next trials join this one">compare</button>'
    '<button type="button" data-clear aria-label="choose no trial">✕</button></div><div id="tip" hidden></div>'
)
_LIVE = (
    '<div id="live"><p><i></i><b></b> <span></span>{up}</p><p class="soft" role="status">Reading the records ...</p>'
    '<ul aria-label="running trials"></ul></div><div id="page"></div>'
)
"""How a study that runs is going, above its report; a live page's script fills both."""


def as_html(report: Report) -> str:
    """The whole page of a report; of a study too large for one, an excerpt that says what it leaves out."""
    return _page(report.study, report_body(report), [vega.script(), _resource("script.js")])


def report_body(report: Report) -> str:
    """What a page of a report says, with its data, and without the scripts that draw it."""
    frame = Frame(excerpt(report))
    report = frame.report
    shown = [section for section in sections(frame) if meant(section, "page")]
    nav = "".join(f'<a href="#{section.name}">{section.title}</a>' for section in shown)
    return (
        f"<header>{_head(report)}<nav>{nav}</nav></header>\n<main>{_sections(shown, _placed)}</main>\n"
        f"<footer><p>{words.escape(facts.conditions(report))}</p></footer>{_OVERLAYS}"
        f'<script type="application/json" id="page-data">{_data(frame, shown)}</script>'
    )


def live(title: str, *, drawing: bool, up: bool = False) -> str:
    """A page that shows what its server says at `state` and `body`, beside its own address; with or without charts.

    With `up`, it links to the page above.
    """
    scripts = [vega.script(), _resource("script.js")] if drawing else []
    link = ' <a href="../">all studies</a>' if up else ""
    return _page(title, _LIVE.format(up=link), [*scripts, _resource("live.js")], asks="'self'")


def document(given: Document) -> str:
    """The whole page of an answer, which runs no script; each chart is in it twice, for light and for dark screens."""
    return _page(f"{given.study}: {given.kind}" if given.study else given.kind, document_body(given), [])


def document_body(given: Document) -> str:
    """What the page of an answer says."""
    where = "Run it in the same directory as the command that made this page."
    following = f'{_command(str(given.command), copy="")}<p class="how">{where}</p>' if given.command else ""
    said = "".join(f"<p>{words.escape(remark)}</p>" for remark in given.remarks)
    name = f"{given.study}: {given.kind}" if given.study else given.kind
    return (
        f'<header><p class="study">{words.escape(name)}</p>{_answer(given.headline)}{said}{following}</header>\n'
        f"<main>{_sections([s for s in given.sections if meant(s, 'page')], _drawn)}</main>\n"
        + (f"<footer><p>{words.escape(given.footer)}</p></footer>" if given.footer else "")
    )


def write(given: Document, directory: Path) -> list[Path]:
    """Write the page and its first chart as a picture into `directory`, which is made where it does not exist."""
    directory.mkdir(parents=True, exist_ok=True)
    written = {directory / f"{given.name}.html": document(given)}
    for chart in [chart for section in given.sections for chart in section.charts][:1]:
        svg = _svg(chart, theme.LIGHT)
        picture = svg if given.picture == "svg" else drawing().svg_to_png(svg, scale=3)
        written[directory / f"{given.name}.{given.picture}"] = picture
    for path, content in written.items():
        atomic.write(path, content)
    return list(written)


def safe_json(data: Any) -> str:
    """`data` as JSON that no HTML parser can mistake for markup."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _page(title: str, body: str, scripts: Sequence[str], asks: str = "") -> str:
    allowed = f"; script-src 'unsafe-eval' {' '.join(map(_hash, scripts))}" if scripts else ""
    allowed += f"; connect-src {asks}" if asks else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
base-uri 'none'; form-action 'none'{allowed}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{words.escape(words.shortened(title, 80))} · Playbook</title>
<style>{theme.properties()}{_resource("style.css")}</style>
</head>
<body>
{body}
{"".join(f"<script>{script}</script>" for script in scripts)}
</body>
</html>
"""


def _head(report: Report) -> str:
    states = {state: count for state, count in report.counts.items() if count and state != "planned"}
    share = max(report.counts["planned"], 1)
    bar = "".join(
        f'<i class="{state}" style="width:{100 * count / share:.2f}%"></i>'
        for state, count in states.items()
        if state != "pending"
    )
    listed = "".join(
        f"<div><dt>{words.escape(name)}</dt><dd>{value}{f' <small>{aside}</small>' if aside else ''}</dd></div>"
        for name, value, aside in facts.figures(report)
    )
    varied = facts.varied(report, report.best.params) if report.best is not None else ""
    settings = f'<p class="settings mono">{words.escape(varied)}</p>' if varied else ""
    return (
        f'<p class="study">{words.escape(report.study)}</p><h1>{words.escape(report.goal)}</h1>{_box(report)}'
        f'<dl class="facts">{listed}</dl>{settings}<div class="bar" aria-hidden="true">{bar}</div>'
        f'<p class="states">{", ".join([*words.states(report.counts), *facts.repeats(report)])}</p>'
    )


def _box(report: Report) -> str:
    """The answer, how sure it is, and what to do next."""
    said = report.answer
    sure = f'<p class="sure">{words.escape(said.sure)}</p>' if said.sure else ""
    why = f'<p class="do"><b>Do this next</b>: {words.escape(said.why)}</p>' if said.command else ""
    following = _command(said.command) if said.command else ""
    return f'<div class="box" role="group" aria-label="answer">{_answer(said.text)}{sure}{why}{following}</div>'


def _answer(text: str) -> str:
    return f'<p class="answer{" long" if len(text) > _LONG else ""}">{words.escape(text)}</p>'


def _sections(shown: Sequence[Section], draw: Callable[[Chart], str]) -> str:
    return "\n".join(
        f'<section id="{s.name}">{f"<h2>{words.escape(s.title)}</h2>" if s.title else ""}'
        f"{_how(s.cut)}{_content(s, draw)}</section>"
        for s in shown
    )


def _how(text: str) -> str:
    return f'<p class="how">{words.escape(text)}</p>' if text else ""


def _content(section: Section, draw: Callable[[Chart], str]) -> str:
    parts = [part for part in section.parts if meant(part, "page")]
    drawn = "".join(_group(list(group), section, draw) for _, group in groupby(parts, key=_kind))
    return f"{_how(section.how)}{drawn}" if drawn or section.how else _how("Nothing to show yet.")


def _kind(part: Part) -> str:
    """Neighbours of one kind share an element."""
    return "said" if isinstance(part, Sentence) and not (part.mark or part.command) else type(part).__name__


def _group(parts: Sequence[Any], section: Section, draw: Callable[[Chart], str]) -> str:
    match parts[0]:
        case Chart():
            charts = [part for part in parts if part.spec is not None and part.only != "picture"]
            size = "small" if section.small else "wide" if len(charts) > 1 else "one"
            figures = "".join(_figure(chart, draw) for chart in charts)
            return f'<div class="grid {size}">{figures}</div>' if charts else ""
        case Table():
            return "".join(map(_table, parts))
        case Folded():
            return "".join(map(_folded, parts))
        case Note():
            return "".join(_how(part.text) for part in parts)
        case Legend():
            return "".join(map(_legend, parts))
        case Sentence(mark="", command=""):
            return f'<ul class="said">{"".join(f"<li>{_said(part)}</li>" for part in parts)}</ul>'
        case _:
            return "".join(map(_finding, parts))


def _figure(chart: Chart, draw: Callable[[Chart], str]) -> str:
    title = words.escape(words.shortened(chart.title, 90))
    caption = f'<figcaption title="{words.escape(chart.title)}">{title}</figcaption>' if title else ""
    controls = "".join(map(_control, chart.controls))
    bar = f'<div class="controls" data-for="{chart.name}">{controls}</div>' if controls else ""
    return f"<figure>{caption}{bar}{draw(chart)}</figure>"


def _control(control: Control) -> str:
    name = f'data-control="{control.name}"'
    if control.kind == "choice":
        options = "".join(
            f'<option value="{words.escape(value)}">{words.escape(words.shortened(text, 60))}</option>'
            for value, text in control.choices
        )
        return f"<label>{words.escape(control.label)} <select {name}>{options}</select></label>"
    kind = 'type="range" min="0" max="0.98" step="0.02" value="0"' if control.kind == "range" else 'type="checkbox"'
    return f"<label>{words.escape(control.label)} <input {kind} {name}></label>"


def _placed(chart: Chart) -> str:
    """Where the page's script draws a chart."""
    about = words.escape(chart.description)
    picture = f'<button type="button" class="picture" data-picture="chart-{chart.name}">save as SVG</button>'
    return f'<div class="chart" id="chart-{chart.name}" role="img" aria-label="{about}"></div>{picture}'


def _drawn(chart: Chart) -> str:
    shades = (("light", theme.LIGHT), ("dark", theme.DARK))
    about = f'role="img" aria-label="{words.escape(chart.description)}"'
    return "".join(f'<div class="drawn {name}" {about}>{_svg(chart, colours)}</div>' for name, colours in shades)


def _svg(chart: Chart, colours: dict[str, str]) -> str:
    assert chart.spec is not None
    svg: str = drawing().vegalite_to_svg(with_colours(chart.spec(WIDTH), colours))
    return svg


def _legend(legend: Legend) -> str:
    def mark(kind: str) -> str:
        plain = kind.startswith("arm") or kind == "muted"
        look = f'style="background:var(--{kind})"' if plain else f'class="{kind}"'
        return f"<i {look}>{_LOOKS.get(kind, '')}</i>"

    def key(kind: str, name: str) -> str:
        about = f' title="{words.escape(legend.whole[name])}"' if legend.whole.get(name, name) != name else ""
        if name not in legend.arms:
            return f"<li{about}>{mark(kind)}{words.escape(name)}</li>"
        switch = f'<button type="button" data-arm="{legend.arms[name]}" aria-pressed="true"{about}>'
        return f"<li>{switch}{mark(kind)}{words.escape(name)}</button></li>"

    keys = "".join(key(kind, name) for kind, name in legend.marks)
    return f'<ul class="legend">{keys}</ul>' if keys else ""


def _finding(said: Sentence) -> str:
    evidence = "".join(
        f"<div><dt>{words.escape(name)}</dt><dd>{words.escape(value)}</dd></div>"
        for name, value in said.evidence.items()
    )
    further = "".join(f"<p>{words.escape(text)}</p>" for text in said.further)
    about = f"{len(said.further)} more like it, and the numbers" if further else "numbers"
    folded = f'{further}<dl class="evidence">{evidence}</dl>'
    listed = f'<details class="numbers"><summary>{about}</summary>{folded}</details>' if evidence or further else ""
    quoted = f'<p class="mono">{words.escape(words.shortened(said.quote, 300))}</p>' if said.quote else ""
    if said.log is not None:
        path, file = map(words.escape, said.log)
        quoted += f'<p>full log: <a class="mono" data-file="{file}">{path}</a></p>'
    return (
        f'<div class="finding {said.mark}"><span class="mark" title="{said.mark}">{_MARKS.get(said.mark, "")}</span>'
        f"<div><p>{_said(said)}</p>{quoted}{_command(said.command) if said.command else ''}{listed}</div></div>"
    )


def _said(said: Sentence) -> str:
    """Its title, or where it has none all of it, links to what shows the evidence."""
    first, rest = (said.title, f". {said.text}") if said.title else (said.text, "")
    linked = f'<a class="subject" href="#{said.shown}">{words.escape(first)}</a>' if said.shown else words.escape(first)
    return linked + words.escape(rest)


def _command(command: str, copy: str = '<button type="button" data-copy>copy</button>') -> str:
    return f'<div class="next"><code>{words.escape(command)}</code>{copy}</div>'


def _folded(folded: Folded) -> str:
    items = "".join(f"<li>{words.escape(item)}</li>" for item in folded.items)
    return f'<details class="{folded.mark}"><summary>{words.escape(folded.title)}</summary><ul>{items}</ul></details>'


def _table(given: Table) -> str:
    table = for_medium("page", given)
    sortable = table.trials is not None
    names = words.apart((column.name for column in table.columns), _HEAD if sortable else 80)
    heads = "".join(_head_cell(column, names[column.name], table, sortable=sortable) for column in table.columns)
    shown = [_names(table, place) for place in range(len(table.columns))]
    starts = [f'<tr data-trial="{trial}" tabindex="0">' for trial in table.trials or ()] or ["<tr>"] * len(table.rows)
    link = "data-file" if sortable else "href"  # of a trial, to its log: see `atHome` in script.js
    rows = "".join(
        f"{start}{''.join(map(partial(_cells, link=link), row, table.columns, shown))}</tr>"
        for start, row in zip(starts, table.rows, strict=True)
    )
    title = f"<figcaption>{words.escape(table.title)}</figcaption>" if table.title else ""
    around = f'{_TOOLS}<div class="scroll" tabindex="0">' if sortable else '<div class="summary">'
    if sortable and len(table.rows) > _ON_PAPER:
        cut = f"The first {_ON_PAPER} of {len(table.rows):,} trials; the page has them all."
        around = f'<p class="how paper">{cut}</p>{around}'
    return f"{around}{title}<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"


def _names(table: Table, place: int) -> dict[str, str]:
    """What is shown of the texts of a column that would be cut: none like another."""
    column = table.columns[place]
    if not column.left or column.fold:
        return {}
    texts = [plain(lines[0]) for row in table.rows if len(lines := cells(row[place])) == 1]
    return words.apart(texts, _NAME) if max(map(len, texts), default=0) > _NAME else {}


def _head_cell(column: Column, name: str, table: Table, *, sortable: bool) -> str:
    name = words.escape(name)
    way = f' aria-sort="{table.by[1]}"' if table.by is not None and table.by[0] == column.name else ""
    if sortable:
        name = f'<button type="button" data-sort title="{words.escape(column.name)}">{name}</button>'
    return f'<th class="{_class(column)}"{way}>{name}</th>'


def _class(column: Column) -> str:
    return " ".join([*(["text"] if column.left else []), *(["fold"] if column.fold else [])])


def _cells(content: Content, column: Column, shown: Mapping[str, str], *, link: str) -> str:
    lines = cells(content)
    if len(lines) > 1 or column.fold:
        paragraphs = "".join(f"<p{_looks(cell)}>{_cell(cell, {}, 600, link)}</p>" for cell in lines if cell.text)
        return f'<td class="{_class(column)}">{paragraphs}</td>'
    cell = lines[0]
    key = "" if cell.key is None else f' data-key="{cell.key!r}"'
    return f"<td{_looks(cell, _class(column))}{key}>{_cell(cell, shown, 80, link)}</td>"


def _looks(cell: Cell, own: str = "") -> str:
    classes = " ".join(filter(None, [own, cell.tone]))
    about = f' title="{words.escape(words.shortened(cell.about, 300))}"' if cell.about else ""
    return (f' class="{classes}"' if classes else "") + about


def _cell(cell: Cell, names: Mapping[str, str], most: int, link: str) -> str:
    text = plain(cell)
    shown = words.escape(names.get(text) or words.shortened(text, most))
    if not cell.about and len(text) > _HOVER:
        shown = f'<span title="{words.escape(text)}">{shown}</span>'
    if cell.link:
        shown = f'<a {link}="{words.escape(quote(cell.link))}">{shown}</a>'
    return " ".join([shown, *(f'<span class="tag {tag}">{words.escape(tag)}</span>' for tag in cell.tags)])


def _data(frame: Frame, shown: Iterable[Section]) -> str:
    report = frame.report
    tables: dict[str, list[dict[str, Any]]] = {}
    drawn = []
    parts = [part for section in shown for part in section.parts if isinstance(part, Chart) and part.only != "picture"]
    for chart in parts:
        if chart.spec is None:
            continue
        spec = chart.spec(None)
        own = spec.pop("datasets", {})
        tables |= own
        compiled = drawing().vegalite_to_vega(spec)
        sources = [data["name"] for data in compiled["data"] if data["name"] in own and "source" not in data]
        drawn.append({"id": f"chart-{chart.name}", "spec": compiled, "tables": sources})
    data = {
        "study": report.study,
        "folder": str(report.folder),
        "renderer": "canvas" if len(report.trials) > MANY else "svg",
        "light": theme.LIGHT,
        "dark": theme.DARK,
        "texts": [facts.text_of(report, trial) for trial in (*report.trials, *report.again)],
        "trials": _trials(report, frame.measured),
        "curves": _curves(report),
        "tables": {name: _columns(table) for name, table in tables.items()},
        "charts": drawn,
    }
    return safe_json(data)


def _trials(report: Report, more: Sequence[Measured]) -> dict[str, Any]:
    """What a reader can search for, and save: a row a trial."""
    names = report.hyperparameters
    goals = {report.metric.name: report.metric.goal, "step": "minimize"}
    return {
        "columns": ["trial", "state", report.metric.name, "step", *names, *(one.name for one in more)],
        "goals": goals | {one.name: one.goal for one in more if one.goal is not None},
        "arms": [trial.arm for trial in (*report.trials, *report.again)],
        "rows": [
            [
                trial.id,
                trial.state,
                trial.value if trial.stopped is None and math.isfinite(trial.value or 0.0) else None,
                trial.step,
                *(_plain(trial.params.get(name)) for name in names),
                *(one.values.get(trial.id) for one in more),
            ]
            for trial in (*report.trials, *report.again)
        ],
    }


def _plain(value: Value) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return words.setting(value) if isinstance(value, tuple | bool) else value


def _curves(report: Report) -> dict[str, Any]:
    """All curves: metric by metric of each trial, as 32-bit numbers one after the other."""
    curves = report.curves
    return {
        "metrics": curves.metrics,
        "partners": {str(at): mate for at, mate in curves.partners.items()},
        "steps": curves.steps,
        "trials": curves.trials,
        "best": curves.best,
        "goal": report.metric.goal,
        "length": report.max_train_steps,
        "values": base64.b64encode(curves.values.astype("<f4").tobytes()).decode(),
    }


def _columns(table: Sequence[dict[str, Any]]) -> dict[str, Any]:
    columns = list(dict.fromkeys(name for row in table for name in row))
    return {"columns": columns, "rows": [[row.get(name) for name in columns] for row in table]}


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _resource(name: str) -> str:
    return resources.files("playbook_cli.report").joinpath("page", name).read_text(encoding="utf-8")
