"""Text that a spreadsheet program would run as a formula."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.importing.cells import escaped, unescaped


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "''@", "\uff1d1"])
def test_what_would_be_a_formula_is_text_by_an_apostrophe(text):
    assert escaped(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a", "1e-3", "it's", "'quoted'", "x=1", "a@b", "[1, 2]", "''", "sgd-nesterov"])
def test_other_text_stays_as_it_is(text):
    assert escaped(text) == text
    assert unescaped(text) == text


@given(st.text(alphabet="'=+-@\t\ra1", max_size=6) | st.text())
def test_what_was_written_is_read_back(text):
    assert unescaped(escaped(text)) == text
