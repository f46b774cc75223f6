from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from playbook_cli.report import files, words
from playbook_cli.report.build import build
from tests.report import studies

if TYPE_CHECKING:
    from pathlib import Path


def test_both_files_are_written_and_nothing_else_stays(tmp_path: Path) -> None:
    for _ in range(2):
        files.write(build(studies.digits(4), []), tmp_path / "report")
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["index.html", "report.json"]
    assert json.loads((tmp_path / "report" / "report.json").read_text())["study"] == "digits-depth"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, words.NOTHING),
        (7, "7"),
        (0.016666, "0.01667"),
        (1e-7, "1e-7"),
        (123456.0, "123456"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert words.number(value) == text


def test_settings_read_as_in_a_study_file() -> None:
    made = words.settings({"a": True, "b": None, "c": 0.1, "d": "x"})
    assert made == "a=true, b=null, c=0.1, d=x"


def test_a_long_name_keeps_both_ends() -> None:
    assert words.shortened("abcdefghij\nklmnop", 8) == "abcde…op"
