"""Commas and dots in numbers: read by those that are clear, or refused."""

from __future__ import annotations

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.following.printed import Printed
from playbook_cli.formats.marks import Marks
from playbook_cli.formats.tables import CsvRows, number, read_csv


def column(text, name="loss"):
    return [row[name] for row in read_csv(text.encode()).rows]


@pytest.mark.parametrize(
    ("table", "cells"),
    [
        ("lr;loss\n0,00051;0,152\n0,1;0,5\n", ["0.152", "0.5"]),
        ("lr;loss\n0,1;1,234\n0,2;0,152\n", ["1.234", "0.152"]),
        ("lr;loss\n1;1,234\n2;2,345\n", ["1.234", "2.345"]),  # with semicolons a comma is the decimal mark
        ("lr\tloss\n0,1\t1,234\n", ["1.234"]),  # another column tells
        ("lr;loss\n0,1;1.234,5\n0,2;0,5\n", ["1234.5", "0.5"]),
        ('lr,loss\n1,"0,152"\n2,"1,5"\n', ["0.152", "1.5"]),
        ("lr;loss\n0.1;0.5\n", ["0.5"]),
        ("lr;loss\n0.1;\n0.2;nan\n", ["", "nan"]),
    ],
)
def test_a_decimal_comma_is_told_by_the_columns_own_numbers(table, cells):
    assert column(table) == cells


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ('lr,loss\n0.1,"1,024.5"\n', 1024.5),
        ('lr,loss\n0.1,"1,024"\n', 1024),
        ("lr;loss\n0.5;1,024\n", 1024),  # dots are decimal marks here
    ],
)
def test_thousands_are_read_where_dots_are_decimal_marks(table, value):
    assert number(column(table)[0]) == value


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ("lr\tloss\n1\t1,234\n", "loss is '1,234', which could mean 1234 or 1.234"),
        ("lr;loss\n1;0,5\n2;0.5\n", "loss has both 0.5 and 0,5"),
        ("lr;loss\n0,5;1.234\n", "loss is '1.234', which could mean 1234 or 1.234"),
        ('lr,loss\n"0,5","1,234"\n', "loss is '1,234', which could mean 1234 or 1.234"),
        ("lr,acc\n1,98%\n2,0.97\n", "acc has both 98% and 0.97, so it is unclear whether it is a percentage"),
    ],
)
def test_what_can_be_read_two_ways_is_refused(table, what):
    with pytest.raises(PlaybookError) as refused:
        read_csv(table.encode())
    assert what in str(refused.value)


def test_lists_between_commas_stay_text():
    assert column('hidden,loss\n"64,64",0.5\n"64,128",0.25\n', "hidden") == ["64,64", "64,128"]


def test_per_cent_alone_is_a_number():
    assert [number(cell) for cell in column("lr,acc\n1,98%\n2,0%\n", "acc")] == [98, 0]


def test_a_table_that_grows_reads_decimal_commas_as_the_whole_one():
    rows = CsvRows()
    assert rows.feed(b"step;loss\n100;0,812\n200;1,345\n") == [
        {"step": "100", "loss": "0.812"},
        {"step": "200", "loss": "1.345"},
    ]
    assert rows.problems == []


def test_a_number_that_can_be_read_two_ways_is_a_problem_of_a_table_that_grows():
    rows = CsvRows()
    rows.feed(b"step\tloss\n100\t1,345\n")
    assert rows.problems == ["line 2: loss is '1,345', which could mean 1345 or 1.345"]


PATTERN = [r"step (?P<step>\S+): loss (?P<loss>\S+)(?: \((?P<speed>\S+)/s\))?"]


def test_what_is_printed_with_decimal_commas_is_read_as_it_is():
    text = b"step 1,000: loss 0,812\nstep 2,000: loss 0,35\nstep 3,000: loss 1,345\nstep 4,000: loss 0,3\n"
    readings = Printed(PATTERN).feed(text)
    assert readings == [(1000, {"loss": 0.812}), (2000, {"loss": 0.35}), (3000, {"loss": 1.345}), (4000, {"loss": 0.3})]


def test_thousands_are_printed_besides_decimal_dots():
    assert Printed(PATTERN).feed(b"step 1: loss 0.5 (12,345/s)\n") == [(1, {"loss": 0.5, "speed": 12345})]


def test_what_is_printed_and_can_be_read_two_ways_is_told():
    printed = Printed(PATTERN)
    printed.feed(b"step 1: loss 1,345\n")
    assert printed.unclear == (
        "loss is '1,345', which could mean 1345 or 1.345; print it with a dot, in the line\n    step 1: loss 1,345"
    )


def test_marks_never_touch_text():
    assert Marks(comma=True).read({"note": "a,b", "loss": "0,5"}, "step") == {"note": "a,b", "loss": "0.5"}


@pytest.mark.parametrize("cell", ["0,152", "1_000", "1,2", "0,152,000"])
def test_a_cell_by_itself_is_no_number_where_it_can_be_another_one(cell):
    assert number(cell) is None
