"""The ledger's file."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
from dataclasses import replace

import pytest

from playbook_cli.errors import JournalError, StudyError
from playbook_cli.ledger import entries
from playbook_cli.ledger.entries import Adoption, Estimate, Note

ADOPTED = Adoption(
    time=1.0,
    user="ada",
    study="digits",
    metric="val_error",
    goal="minimize",
    trial=3,
    value=0.01,
    step=40,
    params={"learning_rate": 0.1, "betas": (0.9, 0.99), "name": None},
    trials={"planned": 4, "completed": 4},
    repeats=Estimate(n=2, mean=0.02, sd=0.001),
    warnings=[{"rule": "boundary", "subject": "learning_rate", "message": "near the edge"}],
    over=None,
    comparison=None,
    against=["boundary (learning_rate): near the edge"],
    note="it works",
)


def test_on_a_file_system_without_locks_the_ledger_is_written_too(tmp_path, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    assert entries.adopt(tmp_path, ADOPTED)
    assert not entries.adopt(tmp_path, ADOPTED)
    assert len(entries.read(tmp_path).adopted) == 1


def test_what_was_written_is_read_again(tmp_path) -> None:
    noted = Note(time=2.0, user="ada", study="digits", text="ümlaut \u2028 </script>")
    assert entries.adopt(tmp_path, ADOPTED)
    entries.note(tmp_path, noted)
    ledger = entries.read(tmp_path)
    assert list(ledger.adopted) == [ADOPTED]
    assert list(ledger.notes) == [noted]


def test_the_same_adoption_is_kept_once_whoever_gives_it_and_when(tmp_path) -> None:
    assert entries.adopt(tmp_path, ADOPTED)
    assert not entries.adopt(tmp_path, replace(ADOPTED, time=9.0, user="bob"))
    assert not entries.adopt(tmp_path, replace(ADOPTED, time=9.0, note=None))
    assert entries.adopt(tmp_path, replace(ADOPTED, note="another reason"))
    assert entries.adopt(tmp_path, replace(ADOPTED, repeats=Estimate(n=3, mean=0.02, sd=0.001)))
    assert len(entries.read(tmp_path).adopted) == 3


def test_a_baseline_that_was_replaced_can_be_adopted_again(tmp_path) -> None:
    other = replace(ADOPTED, study="digits-2", over="digits")
    assert all(entries.adopt(tmp_path, entry) for entry in (ADOPTED, other, ADOPTED))
    ledger = entries.read(tmp_path)
    assert ledger.latest("digits") == ADOPTED
    assert ledger.latest("digits-2") == other


def test_a_torn_last_line_never_happened_and_the_next_entry_follows_the_whole_ones(tmp_path) -> None:
    entries.adopt(tmp_path, ADOPTED)
    with (tmp_path / entries.FILE).open("a") as file:
        file.write('{"event": "noted", "time": 3')
    assert len(entries.read(tmp_path).adopted) == 1
    entries.note(tmp_path, Note(time=4.0, user="ada", study="digits", text="later"))
    assert [note.text for note in entries.read(tmp_path).notes] == ["later"]


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"event": "noted"}', '{"event": "adopted", "params": 3}', "{}"])
def test_a_damaged_line_is_named_with_its_number(tmp_path, line) -> None:
    entries.adopt(tmp_path, ADOPTED)
    with (tmp_path / entries.FILE).open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(JournalError, match=r"ledger.jsonl:2"):
        entries.read(tmp_path)


def test_an_event_and_a_key_of_a_later_version_are_passed_over(tmp_path) -> None:
    lines = [{"event": "praised"}, {**entries.as_json(ADOPTED), "colour": "blue"}]
    (tmp_path / entries.FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert list(entries.read(tmp_path).adopted) == [ADOPTED]


@pytest.mark.slow
def test_writers_wait_for_each_other_and_none_is_lost(tmp_path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, number)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(note.text for note in entries.read(tmp_path).notes) == sorted(
        f"{number}-{i}" for number in range(2) for i in range(20)
    )


def test_a_writer_that_never_ends_is_not_waited_for_forever(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(entries, "LOCK_SECONDS", 0.05)
    with (tmp_path / entries.FILE).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StudyError, match="another process"):
            entries.adopt(tmp_path, ADOPTED)


def _write(folder, number) -> None:
    for i in range(20):
        entries.note(folder, Note(time=0.0, user="ada", study="digits", text=f"{number}-{i}"))
