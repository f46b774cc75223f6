"""The report as one HTML file that needs nothing else: no network, no server, no other file but the logs it links to.

Whatever a user named is escaped where it enters the page, and data enters as JSON without a single `<`. Should
something slip through all the same, the page's content policy runs no script but the three that it names by their
hashes, and loads nothing from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from playbook_cli.report import evidence, sections, theme, words
from playbook_cli.report.charts.draw import draw
from playbook_cli.report.drawing import drawing
from playbook_cli.report.excerpt import excerpt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.report.charts.frame import Chart
    from playbook_cli.report.rows import Rows, Table
    from playbook_cli.report.value import Report

MANY = 250
"""Trials from which on charts are drawn on a canvas: faster, and less sharp in print."""


def as_html(report: Report) -> str:
    """The whole page; of a study too large for one, an excerpt that says what it leaves out."""
    report = excerpt(report)
    charts, rows = draw(report)
    scripts = [_vega(), _resource("script.js")]
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src 'unsafe-eval' {' '.join(_hash(script) for script in scripts)}"
    )
    title = words.escape(words.shortened(report.study, 80))
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<link rel="icon" href="data:,">',
            f"<title>{title} · Playbook</title>",
            f"<style>{theme.properties()}{_resource('style.css')}</style>",
            "</head>",
            "<body>",
            sections.body(report, charts, rows),
            f'<script type="application/json" id="page-data">{_data(report, charts, rows)}</script>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>",
            "",
        ]
    )


def _data(report: Report, charts: Sequence[Chart], rows: Rows) -> str:
    vl_convert = drawing()

    drawn = []
    for chart in charts:
        spec = vl_convert.vegalite_to_vega(dict(chart.spec))
        sources = [data["name"] for data in spec["data"] if data["name"] in rows.tables and "source" not in data]
        drawn.append({"id": evidence.chart_id(chart), "spec": spec, "tables": sources})
    data = {
        "renderer": "canvas" if len(report.trials) > MANY else "svg",
        "light": theme.LIGHT,
        "dark": theme.DARK,
        "texts": [sections.text_of(report, trial) for trial in (*report.trials, *report.again)],
        "tables": {name: _columns(table) for name, table in rows.tables.items()},
        "charts": drawn,
    }
    return safe_json(data)


def safe_json(data: Any) -> str:
    """`data` as JSON that no HTML parser can mistake for markup."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _columns(table: Table) -> dict[str, Any]:
    columns = list(dict.fromkeys(name for row in table for name in row))
    return {"columns": columns, "rows": [[row.get(name) for name in columns] for row in table]}


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _resource(name: str) -> str:
    return resources.files("playbook_cli.report").joinpath("page", name).read_text(encoding="utf-8")


@cache
def _vega() -> str:
    vl_convert = drawing()

    script: str = vl_convert.javascript_bundle(snippet="window.vegaEmbed = vegaEmbed;")
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
