"""A file is written whole, or what was there stays and nothing else is left behind."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys

import pytest

from playbook_cli.files import atomic


def test_it_replaces_what_was_there(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("before")
    atomic.write(path, "naïve")
    assert path.read_bytes() == "naïve".encode()
    atomic.write(path, b"bytes", durable=True)
    assert path.read_bytes() == b"bytes"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_the_file_gets_the_rights_of_any_other_new_file(tmp_path):
    atomic.write(tmp_path / "a", "x")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "far").write_text("theirs")
    (tmp_path / "near").symlink_to("far")
    atomic.write(tmp_path / "near", "ours")
    assert (tmp_path / "far").read_text() == "theirs"
    assert (tmp_path / "near").read_text() == "ours"
    assert not (tmp_path / "near").is_symlink()


def test_a_folder_in_its_place_is_an_error_that_names_it(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError) as error:
        atomic.write(tmp_path / "a", "x")
    assert error.value.filename == str(tmp_path / "a")
    assert error.value.filename2 is None
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_missing_folder_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        atomic.write(tmp_path / "no" / "a", "x")
    assert error.value.filename == str(tmp_path / "no" / "a")


@pytest.fixture
def full(monkeypatch):
    """A disk that takes no more than 1,000 bytes of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [2_000, 2_000_000])
def test_a_full_disk_leaves_the_old_file_and_no_temporary(tmp_path, full, size):
    path = tmp_path / "a.json"
    path.write_text("before")
    with pytest.raises(OSError, match="too large") as error:
        atomic.write(path, "x" * size)
    assert error.value.errno == errno.EFBIG
    assert error.value.filename == str(path)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_short_write_goes_on_where_it_ended(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    atomic.write(tmp_path / "a", "0123456789")
    assert (tmp_path / "a").read_text() == "0123456789"


@pytest.mark.parametrize("cannot", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_is_no_error(tmp_path, monkeypatch, cannot):
    def refused(_):
        raise OSError(cannot, os.strerror(cannot))

    monkeypatch.setattr(os, "fsync", refused)
    atomic.write(tmp_path / "a", "x", durable=True)
    atomic.sync(tmp_path / "a")
    atomic.sync_folder(tmp_path)
    assert (tmp_path / "a").read_text() == "x"


def test_an_error_of_the_disk_names_the_file_that_was_synced(tmp_path, monkeypatch):
    def broken(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "a").touch()
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output error") as error:
        atomic.sync(tmp_path / "a")
    assert error.value.filename == str(tmp_path / "a")
    with pytest.raises(OSError, match="Input/output error") as error:
        atomic.sync_folder(tmp_path)
    assert error.value.filename == str(tmp_path)


def test_there_is_nothing_to_sync_where_there_is_no_file(tmp_path):
    atomic.sync(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    atomic.sync(tmp_path / "pipe")


def test_a_disk_that_can_not_sync_leaves_the_old_file_and_no_temporary(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("before")

    def broken(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output error") as error:
        atomic.write(path, "after", durable=True)
    assert error.value.filename == str(path)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_new_file_is_never_written_over_another(tmp_path):
    atomic.create(tmp_path / "a", "mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("a", "link"):
        with pytest.raises(FileExistsError):
            atomic.create(tmp_path / name, "theirs")
    assert (tmp_path / "a").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_new_file_is_never_there_without_its_content(tmp_path):
    watching = """
import os, sys
from playbook_cli.files import atomic
def look(event, arguments):
    if os.path.lexists("new") and os.stat("new").st_size == 0:
        os._exit(9)  # as one that is killed here
sys.addaudithook(look)
atomic.create("new", "whole")
"""
    assert subprocess.run([sys.executable, "-c", watching], cwd=tmp_path, check=False).returncode == 0
    assert [file.name for file in tmp_path.iterdir()] == ["new"]


def test_a_new_file_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path, full):
    with pytest.raises(OSError, match="too large") as error:
        atomic.create(tmp_path / "a", "x" * 2000)
    assert error.value.filename == str(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_file_keeps_the_rights_that_are_asked_for(tmp_path):
    atomic.write(tmp_path / "a", "x", mode=0o100640)
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o640


def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "output").symlink_to("/dev/null")
    for name in ("pipe", "output"):
        with pytest.raises(OSError, match=r"not a file") as error:
            atomic.write(tmp_path / name, "x")
        assert error.value.filename == str(tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "output"}
    assert (tmp_path / "output").is_symlink()
