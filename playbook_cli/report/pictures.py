"""The charts as pictures for papers and slides, drawn without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from playbook_cli import atomic
from playbook_cli.report.charts.draw import draw
from playbook_cli.report.drawing import drawing
from playbook_cli.report.excerpt import excerpt

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.report.value import Report

WIDTH = 480
"""Pixels between the axes of a picture; PNG files have twice as many."""


def write_pictures(report: Report, directory: Path, kind: Literal["png", "svg"] = "png") -> list[Path]:
    """Write one file a chart into `directory`, which is made where it does not exist; the files, in reading order."""
    vl_convert = drawing()

    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in draw(excerpt(report), width=WIDTH)[0]:
        path = directory / f"{chart.name}.{kind}"
        svg = vl_convert.vegalite_to_svg(dict(chart.spec))
        if kind == "svg":
            atomic.write(path, svg)
        else:
            atomic.write(path, vl_convert.svg_to_png(svg, scale=2))
        written.append(path)
    return written
