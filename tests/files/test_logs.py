"""The end of a trial's log."""

from __future__ import annotations

import pytest

from playbook_cli.files.logs import LENGTH, last_lines


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"a\nb\nc\n", ["b", "c"]),
        (b"a\nb\n\n\n", ["a", "b"]),
        (b"a\r\nb", ["a", "b"]),
        (b"\xff\n", ["\ufffd"]),
    ],
)
def test_the_last_lines_with_anything_in_them(tmp_path, content, lines):
    log = tmp_path / "stdout.log"
    log.write_bytes(content)
    assert last_lines(log, 2) == lines


def test_a_long_line_is_shown_by_its_head(tmp_path):
    log = tmp_path / "stdout.log"
    log.write_text(f"first\nValueError: {'x' * 500_000}\nlast\n")
    error, last = last_lines(log, 2)
    assert error.startswith("ValueError: xxx")
    assert (len(error), last) == (LENGTH, "last")


def test_what_was_printed_before_counts_for_nothing(tmp_path):
    log = tmp_path / "stdout.log"
    log.write_text("first\nsecond\n")
    assert last_lines(log, 5, start=6) == ["second"]
    assert last_lines(log, 5, start=13) == []
    assert last_lines(log, 5, start=99) == []


def test_a_log_that_is_not_there_has_none(tmp_path):
    assert last_lines(tmp_path / "stdout.log", 5) == []
