"""A file is written whole, or what was there stays and nothing else is left behind."""

from __future__ import annotations

import errno
import os

import pytest

from playbook_cli import atomic


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


@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_a_full_disk_leaves_the_old_file_and_no_temporary(tmp_path, monkeypatch, call):
    path = tmp_path / "a.json"
    path.write_text("before")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        with pytest.raises(OSError, match="No space left") as error:
            atomic.write(path, "after", durable=True)
    assert error.value.errno == errno.ENOSPC
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


def test_there_is_nothing_to_sync_where_there_is_no_file(tmp_path):
    atomic.sync(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    atomic.sync(tmp_path / "pipe")
