"""A record is whole or absent, whatever happens to the process that writes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.errors import JournalError
from playbook_cli.files.journal import (
    AT_ONCE,
    PERIOD_SECONDS,
    TOGETHER,
    Journal,
    QuickJournal,
    flush_all,
    read,
    rewrite,
    set_aside,
)

NUMBERS = st.integers() | st.floats(allow_nan=False)
RECORDS = st.lists(
    st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | NUMBERS | st.text(max_size=20), max_size=4),
    max_size=5,
)


def written(path, records, **options):
    journal = Journal(path, **options)
    for record in records:
        journal.append(record)
    journal.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("journal")


@pytest.mark.slow
@given(RECORDS)
def test_what_is_appended_is_read_back(folder, records):
    path = folder / "any.jsonl"
    path.unlink(missing_ok=True)
    written(path, records)
    assert read(path) == records


@pytest.mark.parametrize("durable", [False, True])
def test_a_journal_goes_on_where_an_earlier_one_ended(tmp_path, durable):
    path = tmp_path / "j"
    written(path, [{"a": 1}], durable=durable)
    written(path, [{"a": 2}], durable=durable)
    assert read(path) == [{"a": 1}, {"a": 2}]


def test_a_journal_that_is_not_there_has_no_records(tmp_path):
    assert read(tmp_path / "none") == []
    (tmp_path / "empty").touch()
    assert read(tmp_path / "empty") == []


RECORDED = [{"event": "one", "value": 0.5}, {"event": "zwei ü", "text": "a\nb"}, {"event": "three", "list": [1, {}]}]
CONTENT = b"".join(json.dumps(record).encode() + b"\n" for record in RECORDED)


@pytest.mark.parametrize("size", range(len(CONTENT) + 1))
def test_a_journal_cut_at_any_byte_keeps_its_whole_records_and_goes_on(tmp_path, size):
    path = tmp_path / "j"
    path.write_bytes(CONTENT[:size])
    whole = CONTENT[:size].count(b"\n")
    assert read(path) == RECORDED[:whole]
    written(path, [{"new": True}])
    assert read(path) == [*RECORDED[:whole], {"new": True}]


@pytest.mark.parametrize("length", [65_535, 65_536, 65_537, 200_000])
def test_a_long_torn_record_is_cut_off(tmp_path, length):
    path = tmp_path / "j"
    path.write_bytes(b'{"a": 1}\n{"long": "' + b"x" * length)
    written(path, [{"b": 2}])
    assert read(path) == [{"a": 1}, {"b": 2}]
    path.write_bytes(b"x" * length)
    written(path, [{"b": 2}])
    assert read(path) == [{"b": 2}]


@pytest.mark.parametrize("line", [b"", b"{", b"[1]", b"3", b"null", b'{"a": 1', b"\xff\xfe", b"{} {}", b"[" * 100_000])
def test_a_damaged_line_inside_is_refused_with_file_and_line(tmp_path, line):
    path = tmp_path / "j"
    path.write_bytes(b'{"a": 1}\n' + line + b'\n{"b": 2}\n')
    with pytest.raises(JournalError) as error:
        read(path)
    assert error.value.where == f"{path}:2"
    assert "delete the line" in (error.value.hint or "")


def test_a_record_that_does_not_fit_on_the_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "j"
    journal = Journal(path)
    journal.append({"a": 1})
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[:5]))
    with pytest.raises(OSError, match="no space left"):
        journal.append({"b": "a long record"})
    monkeypatch.undo()
    assert read(path) == [{"a": 1}]
    journal.append({"c": 3})
    assert read(path) == [{"a": 1}, {"c": 3}]
    journal.close()


def test_closing_twice_is_harmless(tmp_path):
    journal = Journal(tmp_path / "j")
    journal.close()
    journal.close()


def test_a_process_that_kills_itself_between_records_loses_none(tmp_path):
    path = tmp_path / "j"
    code = (
        "import os, signal, sys\nfrom playbook_cli.files.journal import Journal\njournal = Journal(sys.argv[1])\n"
        "for n in range(100): journal.append({'n': n})\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert read(path) == [{"n": n} for n in range(100)]


def test_rewriting_replaces_all_records_at_once(tmp_path):
    path = tmp_path / "j"
    written(path, RECORDED)
    rewrite(path, RECORDED[:1])
    assert read(path) == RECORDED[:1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["j"]


def test_setting_aside_keeps_every_earlier_journal(tmp_path):
    path = tmp_path / "j"
    set_aside(path)
    for n in range(3):
        written(path, [{"n": n}])
        set_aside(path)
        assert not path.exists()
    assert [read(tmp_path / f"j.{n + 1}") for n in range(3)] == [[{"n": n}] for n in range(3)]


def test_an_empty_journal_is_not_worth_setting_aside(tmp_path):
    path = tmp_path / "j"
    path.touch()
    set_aside(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["j"]


@pytest.fixture
def quick(tmp_path):
    journal = QuickJournal(tmp_path / "j")
    yield journal
    journal.close()


def burst(journal, count, start=0):
    for n in range(start, start + count):
        journal.append({"step": n, "loss": n / 7})


def test_a_record_that_comes_alone_is_in_the_file_at_once(quick, tmp_path):
    for n in range(3):
        quick.append({"step": n, "loss": 0.5})
        assert len(read(tmp_path / "j")) == n + 1


def test_records_that_come_fast_are_held_back_for_a_moment_and_none_is_lost(quick, tmp_path):
    burst(quick, 10_000)
    assert len(read(tmp_path / "j")) > 10_000 - TOGETHER
    quick.flush()
    assert read(tmp_path / "j") == [{"step": n, "loss": n / 7} for n in range(10_000)]


def test_what_was_held_back_is_written_when_its_time_is_over(quick, tmp_path):
    burst(quick, AT_ONCE + 2)
    time.sleep(2 * PERIOD_SECONDS)
    quick.settle()
    assert len(read(tmp_path / "j")) == AT_ONCE + 2
    burst(quick, AT_ONCE + 2)
    time.sleep(2 * PERIOD_SECONDS)
    burst(quick, 1)
    assert len(read(tmp_path / "j")) == 2 * AT_ONCE + 5


@pytest.mark.parametrize(
    "end", ["", "sys.exit(3)", "raise ValueError", "journal.close()", "flush_all(); os._exit(0)", "os.fork()"]
)
def test_however_a_process_ends_all_its_records_are_there_once(tmp_path, end):
    code = (
        "import os, sys\nfrom playbook_cli.files.journal import QuickJournal, flush_all\n"
        "journal = QuickJournal(sys.argv[1])\n"
        f"for n in range(1000): journal.append({{'step': n, 'loss': n / 7}})\n{end}\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "j")], stderr=subprocess.DEVNULL, check=False)
    assert [record["step"] for record in read(tmp_path / "j")] == list(range(1000))


def test_a_killed_process_loses_only_what_it_held_back(tmp_path):
    code = (
        "import os, signal, sys\nfrom playbook_cli.files.journal import QuickJournal\n"
        "journal = QuickJournal(sys.argv[1])\n"
        "for n in range(1000): journal.append({'step': n, 'loss': n / 7})\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "j")], check=False).returncode == -9
    records = read(tmp_path / "j")
    assert 1000 - TOGETHER < len(records) <= 1000
    assert records == [{"step": n, "loss": n / 7} for n in range(len(records))]


def test_threads_may_append_to_one_journal_and_lose_nothing(quick, tmp_path):
    def work(start):
        burst(quick, 3000, start)
        quick.settle()
        quick.flush()

    threads = [threading.Thread(target=work, args=(3000 * n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(record["step"] for record in read(tmp_path / "j")) == list(range(9000))


@pytest.mark.parametrize("names", [1, 2, 5])
def test_records_on_a_disk_that_is_full_leave_no_torn_line(quick, tmp_path, monkeypatch, names):
    burst(quick, AT_ONCE)
    held = [{f"m{n}": 0.5 for n in range(names)}] * 3
    for record in held:
        quick.append(record)
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[:5]))
    with pytest.raises(OSError, match="no space left"):
        quick.flush()
    monkeypatch.undo()
    assert len(read(tmp_path / "j")) == AT_ONCE
    quick.append({"step": 99})
    flush_all()
    assert read(tmp_path / "j")[AT_ONCE:] == [{"step": 99}]


ANY = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)
)
NAMES = st.lists(st.text(max_size=6) | st.sampled_from(["step", "%r", "100%", "ü", '"', "{}"]), max_size=4, unique=True)


@pytest.mark.slow
@given(
    st.one_of(
        NAMES.flatmap(
            lambda names: st.lists(st.fixed_dictionaries(dict.fromkeys(names, st.integers() | st.floats())), max_size=6)
        ),
        st.lists(st.dictionaries(st.text(max_size=3) | st.integers(), ANY, max_size=4), max_size=6),
    )
)
def test_held_back_or_not_a_record_is_read_back_as_what_json_makes_of_it(folder, records):
    path = folder / "quick.jsonl"
    path.unlink(missing_ok=True)
    journal = QuickJournal(path)
    burst(journal, AT_ONCE)
    for record in records:
        journal.append(record)
    journal.close()
    assert repr(read(path)[AT_ONCE:]) == repr([json.loads(json.dumps(record)) for record in records])


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.text(max_size=6), st.floats(allow_nan=False, allow_infinity=False)), max_size=6))
def test_a_journal_that_is_written_anew_is_the_same_to_the_byte(folder, records):
    """So that a trial which resumes leaves the same file as one that did not."""
    path = folder / "again.jsonl"
    rewrite(path, records)
    written = path.read_bytes()
    rewrite(path, read(path))
    assert path.read_bytes() == written


def test_without_orjson_the_same_is_recorded(tmp_path):
    code = (
        "import sys\nsys.modules['orjson'] = None\nfrom playbook_cli.files.journal import QuickJournal\n"
        "journal = QuickJournal(sys.argv[1])\nfor n in range(99): journal.append({'step': n, 'loss': n / 7})\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "j")], check=True)
    with_it = QuickJournal(tmp_path / "k")
    burst(with_it, 99)
    with_it.close()
    assert (tmp_path / "j").read_bytes() == (tmp_path / "k").read_bytes()


def test_a_last_record_of_which_a_power_loss_left_only_the_end_never_happened(tmp_path):
    path = tmp_path / "j"
    with path.open("wb") as file:
        file.write(b'{"a":1}\n' + b"\0" * 5000 + b'end"}\n')
    assert read(path) == [{"a": 1}]
    journal = Journal(path)
    journal.append({"b": 2})
    journal.close()
    assert path.read_bytes() == b'{"a":1}\n{"b":2}\n'


def test_damage_may_be_passed_over_where_the_rest_is_worth_having(tmp_path):
    path = tmp_path / "j"
    path.write_bytes(b'{"a":1}\nnonsense\n{"b":2}\n')
    assert read(path, pass_over_damage=True) == [{"a": 1}, {"b": 2}]


def test_a_durable_journal_goes_on_where_the_file_system_cannot_sync(tmp_path, monkeypatch):
    def refused(_):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refused)
    journal = Journal(tmp_path / "j", durable=True)
    journal.append({"a": 1})
    journal.close()
    assert read(tmp_path / "j") == [{"a": 1}]
