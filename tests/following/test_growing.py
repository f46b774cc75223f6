"""Files that other processes write."""

from __future__ import annotations

import pytest

from playbook_cli.following.growing import CHUNK, Growing


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log"


def test_a_file_gives_what_it_gains(path):
    file = Growing(path=str(path))
    assert file.read() == (b"", False)
    path.write_bytes(b"ab")
    assert file.read() == (b"ab", False)
    assert file.read() == (b"", False)
    with path.open("ab") as more:
        more.write(b"c")
    assert file.read() == (b"c", False)


def test_a_large_file_comes_in_parts(path):
    path.write_bytes(b"x" * (CHUNK + 5))
    file = Growing(path=str(path))
    assert [len(file.read()[0]) for _ in range(3)] == [CHUNK, 5, 0]


def test_a_file_can_be_read_from_where_it_ends(path):
    path.write_bytes(b"old")
    file = Growing(path=str(path), start=3)
    assert file.read() == (b"", False)
    path.write_bytes(b"oldnew")
    assert file.read() == (b"new", False)


@pytest.mark.parametrize("content", [b"x", b"another, and longer than the first"])
def test_a_file_that_was_written_anew_is_read_anew(path, content):
    path.write_bytes(b"first one\n")
    file = Growing(path=str(path))
    file.read()
    path.write_bytes(content)
    assert file.read() == (content, True)
    assert file.read() == (b"", False)


def test_a_file_that_was_replaced_is_read_anew(path, tmp_path):
    path.write_bytes(b"same\n")
    file = Growing(path=str(path))
    file.read()
    (tmp_path / "new").write_bytes(b"same\nand more\n")
    (tmp_path / "new").replace(path)
    assert file.read() == (b"same\nand more\n", True)


def test_a_file_that_is_gone_or_a_folder_gives_nothing(path):
    path.write_bytes(b"a")
    file = Growing(path=str(path))
    file.read()
    path.unlink()
    assert file.read() == (b"", False)
    path.mkdir()
    assert file.read()[0] == b""
