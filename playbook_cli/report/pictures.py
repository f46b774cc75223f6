"""The charts as pictures for papers and slides, drawn without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from playbook_cli.files import atomic
from playbook_cli.report.drawing import drawing
from playbook_cli.report.excerpt import excerpt
from playbook_cli.report.frame import Frame
from playbook_cli.report.sections import sections

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
    for chart in [chart for section in sections(Frame(excerpt(report))) for chart in section.charts]:
        assert chart.spec is not None
        path = directory / f"{chart.name}.{kind}"
        svg = vl_convert.vegalite_to_svg(chart.spec(WIDTH))
        atomic.write(path, svg if kind == "svg" else vl_convert.svg_to_png(svg, scale=2))
        written.append(path)
    return written
