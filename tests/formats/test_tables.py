"""CSV and JSON-lines files as rows."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import MAX_LINE, CsvRows, JsonRows, number, read_csv, read_json_lines, whole_number

CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).map(str.strip)


@pytest.mark.slow
@given(st.lists(st.lists(CELL | st.floats().map(repr), min_size=2, max_size=2), max_size=8), st.data())
def test_what_the_csv_module_writes_is_read_however_it_is_cut(rows, data):
    rows = [row for row in rows if any(row) and number(row[0]) is not None]
    text = io.StringIO()
    csv.writer(text).writerows([["step", "note"], *rows])
    content = text.getvalue().encode()
    reader = CsvRows()
    cut = data.draw(st.integers(0, len(content)))
    assert reader.feed(content[:cut]) + reader.feed(content[cut:]) == [
        {"step": step, "note": note} for step, note in rows
    ]
    assert reader.problems == []


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.text(max_size=5), st.floats() | st.text() | st.booleans() | st.none())), st.data())
def test_what_json_writes_is_read_however_it_is_cut(objects, data):
    content = "".join(json.dumps(each) + "\n" for each in objects).encode()
    reader = JsonRows()
    cut = data.draw(st.integers(0, len(content)))
    assert repr(reader.feed(content[:cut]) + reader.feed(content[cut:])) == repr(objects)


def test_nested_objects_are_flattened_and_lists_left_out():
    assert read_json_lines(b'{"eval": {"loss": 1, "all": [1, 2]}, "x": null}').rows == [{"eval.loss": 1, "x": None}]


def test_lines_that_are_no_object_are_passed_over_and_told():
    table = read_json_lines(b'{"a": 1}\n[1]\nhello\n\n{"a": 2}\n{"a": 3')
    assert table.rows == [{"a": 1}, {"a": 2}]
    assert table.problems == ["line 2 is not a JSON object: [1]", "line 3 is not a JSON object: hello"]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"", []),
        (b"step,loss\n", []),
        (b"\xef\xbb\xbfstep,loss\r\n1,2\r\n", [{"step": "1", "loss": "2"}]),
        (b"step;loss\n1;0,5\n", [{"step": "1", "loss": "0.5"}]),
        (b"step\tloss\n1\t2", [{"step": "1", "loss": "2"}]),
        (b"step, loss\n\n 1 , 2 \n,\n", [{"step": "1", "loss": "2"}]),
        (b'step,"a, b"\n1,"x\ny"\n', [{"step": "1", "a, b": "x\ny"}]),
    ],
)
def test_many_dialects_of_csv_are_read(content, rows):
    table = read_csv(content)
    assert (table.rows, table.problems) == (rows, [])


def test_a_header_that_comes_again_is_passed_over_and_a_new_one_holds_from_there_on():
    content = b"step,loss\n1,2\nstep,loss\n2,3\nstep,loss,acc\n3,4,5\n"
    assert read_csv(content).rows[1:] == [{"step": "2", "loss": "3"}, {"step": "3", "loss": "4", "acc": "5"}]


def test_a_row_that_does_not_fit_its_header_is_told_with_its_line():
    table = read_csv(b"step,loss\n1,2\n2,3,4\n3,5\n")
    assert table.rows == [{"step": "1", "loss": "2"}, {"step": "3", "loss": "5"}]
    assert table.problems == ["line 3 has 3 cells, but the header has 2: step, loss"]


def test_a_cut_last_row_never_happened():
    assert read_csv(b"step,loss,x\n1,2,3\n2,").rows == [{"step": "1", "loss": "2", "x": "3"}]


def test_an_endless_line_takes_no_memory_and_the_next_one_is_read():
    reader = CsvRows()
    reader.feed(b"step,loss\n")
    for _ in range(5):
        assert reader.feed(b"x" * (MAX_LINE // 2)) == []
        assert len(reader._lines._rest) <= MAX_LINE
    assert reader.feed(b"\n1,2\n") == [{"step": "1", "loss": "2"}]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("0.5", 0.5), ("1e-3", 1e-3), (" 3.2, ", 3.2), ("98%", 98.0), ("1,024.5", 1024.5), ("-inf", -math.inf), (7, 7.0)],
)
def test_numbers_are_read_as_people_write_them(cell, value):
    assert number(cell) == value


@pytest.mark.parametrize("cell", ["", "x", None, True, "1,2", "0x1", [1], 10**400])
def test_what_is_no_number_is_none(cell):
    assert number(cell) is None


def test_steps_are_whole():
    assert [whole_number(cell) for cell in ("12", "12.0", "1,000", 5, 5.0)] == [12, 12, 1000, 5, 5]
    assert [whole_number(cell) for cell in ("0.5", "-1", -1, "nan", True, "", 2**63)] == [None] * 7


def test_columns_of_one_name_are_one_where_they_hold_the_same():
    assert read_csv(b"lr,loss,loss\n0.1,1,1\n0.2,2,2\n").rows == [
        {"lr": "0.1", "loss": "1"},
        {"lr": "0.2", "loss": "2"},
    ]


def test_columns_of_one_name_that_differ_are_left_out_and_told():
    table = read_csv(b"lr,loss,loss\n0.1,1,1\n0.2,2,3\n")
    assert table.rows == [{"lr": "0.1"}, {"lr": "0.2"}]
    assert (table.differing, table.problems) == (["loss"], ["line 3: several columns named loss have different values"])


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["12ms", "7.5ms", ""], ["12", "7.5", ""]),
        (["1.2 GB", "900 GB"], ["1.2", "900"]),
        (["1,5 ms", "2,25 ms"], ["1.5", "2.25"]),
        (["98%", "97.5%"], ["98%", "97.5%"]),  # as numbers: 98 and 97.5
        (["12ms", "fast"], ["12ms", "fast"]),
        (["resnet50", "vit"], ["resnet50", "vit"]),
        (["7B", "13B"], ["7B", "13B"]),
    ],
)
def test_a_unit_that_a_whole_column_has_is_taken_from_its_numbers(cells, read):
    content = "".join(f"{cell};\n" for cell in ["x", *cells, "nan"]).replace(";\n", ";1\n").encode()
    assert [row["x"] for row in read_csv(content).rows] == [*read, "nan"]


@pytest.mark.parametrize("cells", [["12ms", "1.2s"], ["900 MB", "1.2 GB"], ["12", "12ms"]])
def test_a_column_in_several_units_is_refused(cells):
    content = "".join(f"{cell},1\n" for cell in ["x", *cells]).encode()
    with pytest.raises(PlaybookError, match=r"x has both .* so its unit is unclear"):
        read_csv(content)
