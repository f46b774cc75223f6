from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import pytest

from playbook_cli.report.build import build
from playbook_cli.report.pictures import write_pictures
from tests.report import studies
from tests.report.drawn import specs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hostile names", "continuous scientific"])
def test_every_chart_is_valid_vega_lite(name: str) -> None:
    for spec in specs(build(studies.ODD[name](), []), width=300).values():
        alt.LayerChart.from_dict(spec)


@pytest.mark.parametrize("width", [None, 300])
def test_no_name_that_a_user_chose_is_part_of_an_expression_or_a_field(width: int | None) -> None:
    def walk(value: object, key: str = "") -> list[str]:
        if isinstance(value, dict):
            return [found for k, v in value.items() if k != "datasets" for found in walk(v, k)]
        if isinstance(value, list):
            return [found for v in value for found in walk(v, key)]
        return [value] if isinstance(value, str) and key in {"expr", "test", "filter", "calculate", "field"} else []

    report = build(studies.ODD["hostile names"](), [])
    code = [text for spec in specs(report, width).values() for text in walk(spec)]
    assert code
    assert [text for text in code if "script" in text or "xxx" in text or "proto" in text] == []


@pytest.mark.slow
def test_a_picture_a_chart_is_written(tmp_path: Path) -> None:
    written = write_pictures(build(studies.digits(12), []), tmp_path / "new" / "svg", kind="svg")
    assert [path.name for path in written] == [
        *(f"axis-{index}.svg" for index in range(5)),
        "coverage.svg",
        "curves-0.svg",
        "curves-1.svg",
        "best-step.svg",
        "isolation-0.svg",
        "expected-best.svg",
        "history.svg",
        "distribution.svg",
    ]
    rate = written[1].read_text()
    assert "learning_rate" in rate
    assert "hidden_layers=2" in rate


@pytest.mark.slow
def test_png_files_are_images(tmp_path: Path) -> None:
    written = write_pictures(build(studies.digits(6, parameters=(studies.RATE,)), []), tmp_path)
    assert written
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


@pytest.mark.parametrize("name", ["nothing started", "no finished trial", "all infeasible", "one trial"])
def test_a_study_with_little_to_draw_makes_few_pictures(name: str, tmp_path: Path) -> None:
    written = write_pictures(build(studies.ODD[name](), []), tmp_path, kind="svg")
    assert all("NaN" not in path.read_text() for path in written)
