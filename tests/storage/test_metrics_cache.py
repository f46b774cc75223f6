"""What a study's trials measured is read once, and never from a file that is not to be trusted."""

from __future__ import annotations

import json
import math
import os
import threading

import numpy as np
import pytest

from playbook_cli.storage.metrics import measure
from playbook_cli.storage.metrics_cache import Columns

LONG_AGO = 1_700_000_000


@pytest.fixture
def files(tmp_path):
    """Metrics files of four trials that ended long ago."""
    paths = [tmp_path / f"{n}.jsonl" for n in range(4)]
    write(paths[0], {"step": 1, "loss": 0.1, "ü": 2}, {"step": 2, "loss": 1 / 3})
    write(paths[1], {"step": 1, "loss": 1.0}, {"step": 2, "loss": math.nan})
    write(paths[2], {"step": 0, "infeasible": "no room"})
    write(paths[3], *({"step": step, "a": step / 7, "b": -step} for step in range(1000)))
    return paths


def write(path, *records, changed=LONG_AGO):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    os.utime(path, (changed, changed))


@pytest.fixture
def kept(tmp_path, files):
    """Where all that they measured is kept."""
    path = tmp_path / "report" / "columns.bin"
    columns = Columns(path)
    read_all(columns, files)
    columns.keep(range(4))
    assert path.exists()
    return path


def read_all(columns, files):
    return [columns.measured(trial, path) for trial, path in enumerate(files)]


def same(a, b):
    assert (a.infeasible, a.damaged, a.curve is None) == (b.infeasible, b.damaged, b.curve is None)
    if a.curve is not None:
        np.testing.assert_array_equal(a.curve.steps, b.curve.steps)
        np.testing.assert_equal(dict(a.curve.values), dict(b.curve.values))
        assert list(a.curve.values) == list(b.curve.values)
    return True


def swap(path, *records):
    """Other evaluations of the same size, at the same time: only who does not read the file misses them."""
    size = path.stat().st_size
    write(path, *records)
    path.write_bytes(path.read_bytes().ljust(size, b" ")[:size])
    os.utime(path, (LONG_AGO, LONG_AGO))


def test_what_was_kept_is_what_was_measured(kept, files):
    expected = [measure(path) for path in files]
    for path in files:
        swap(path)
    for found, known in zip(read_all(Columns(kept), files), expected, strict=True):
        assert same(found, known)


def test_a_file_of_another_size_or_time_is_read_again(kept, files):
    write(files[0], {"step": 1, "loss": 0.5})
    write(files[3], *({"step": step, "a": step / 7, "b": -step} for step in range(1000)), changed=LONG_AGO + 1)
    for found, path in zip(read_all(Columns(kept), files), files, strict=True):
        assert same(found, measure(path))


def test_within_one_process_a_file_that_did_not_change_is_read_once(tmp_path, files):
    columns = Columns(tmp_path / "none")
    before = read_all(columns, files)
    for path in files:
        swap(path)
    assert all(a is b for a, b in zip(read_all(columns, files), before, strict=True))
    write(files[0], {"step": 1, "loss": 0.5})
    assert columns.measured(0, files[0]).curve.values["loss"].tolist() == [0.5]


def test_a_file_that_is_gone_measured_nothing(kept, files):
    files[0].unlink()
    assert Columns(kept).measured(0, files[0]).curve is None


@pytest.mark.parametrize("end", [0, 1, 15, 16, 24, 31, 40, -1])
def test_a_truncated_file_counts_as_none(kept, files, end):
    kept.write_bytes(kept.read_bytes()[:end])
    for found, path in zip(read_all(Columns(kept), files), files, strict=True):
        assert same(found, measure(path))


@pytest.mark.parametrize("place", [0, 14, 20, 30, 60, 400, -9, -1])
def test_a_damaged_file_or_one_of_another_version_counts_as_none(kept, files, place):
    content = bytearray(kept.read_bytes())
    content[place] ^= 1
    kept.write_bytes(content)
    for found, path in zip(read_all(Columns(kept), files), files, strict=True):
        assert same(found, measure(path))


def test_a_damaged_file_is_replaced(kept, files):
    whole = kept.read_bytes()
    kept.write_bytes(b"damaged")
    columns = Columns(kept)
    read_all(columns, files)
    columns.keep(range(4))
    assert kept.read_bytes() == whole


def test_where_nothing_is_new_nothing_is_written(kept, files):
    os.utime(kept, (LONG_AGO, LONG_AGO))
    columns = Columns(kept)
    read_all(columns, files)
    columns.keep(range(4))
    assert kept.stat().st_mtime == LONG_AGO
    write(files[0], {"step": 1, "loss": 0.5})
    read_all(columns, files)
    columns.keep(range(4))
    assert kept.stat().st_mtime > LONG_AGO


def test_only_finished_trials_whose_files_have_settled_and_are_whole_are_kept(tmp_path, files):
    files[0].touch()
    files[2].write_text("no evaluation\n")
    os.utime(files[2], (LONG_AGO, LONG_AGO))
    columns = Columns(tmp_path / "columns.bin")
    read_all(columns, files)
    columns.keep([0, 1, 2])
    swap(files[1])
    swap(files[3])
    again = Columns(tmp_path / "columns.bin")
    assert again.measured(1, files[1]).infeasible == "loss is nan at step 2"
    assert again.measured(3, files[3]).curve is None
    assert "is not an evaluation" in again.measured(2, files[2]).damaged


@pytest.mark.parametrize("obstacle", ["folder", "report"])
def test_where_it_cannot_be_written_nothing_happens(tmp_path, files, obstacle):
    path = tmp_path / "report" / "columns.bin"
    if obstacle == "folder":
        path.mkdir(parents=True)
    else:
        path.parent.write_text("a file where the folder should be")
    columns = Columns(path)
    assert len(read_all(columns, files)) == 4
    columns.keep(range(4))
    assert not list(tmp_path.rglob("*.tmp"))


def test_two_that_write_at_once_leave_one_whole_file(tmp_path, files):
    path = tmp_path / "report" / "columns.bin"

    def work():
        for n in range(20):
            columns = Columns(path)
            read_all(columns, files)
            columns.keep(range(1 + n % 4))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for found, file in zip(read_all(Columns(path), files), files, strict=True):
        assert same(found, measure(file))
    assert [entry.name for entry in path.parent.iterdir()] == ["columns.bin"]
