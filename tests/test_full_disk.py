"""A full disk ends a command with one message that names the file, and the next call goes on as if it had not been."""

from __future__ import annotations

import json
import resource
from contextlib import contextmanager

import pytest

from playbook_cli.files.journal import Journal, QuickJournal, read
from tests.commands.finished import finish


@contextmanager
def full_disk(size):
    """Files end at so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refused(bench, size, *arguments):
    """What a command says that meets a full disk."""
    with full_disk(size):
        answer = bench(*arguments)
    assert answer.code in (1, 2), arguments
    assert "Traceback" not in answer.err
    assert not list(bench.folder.rglob("*.tmp"))
    return answer.err


def append(log, count):
    for _ in range(count):
        log.append({"step": 1})


@pytest.mark.parametrize("kind", [Journal, QuickJournal])
def test_a_journal_names_itself(tmp_path, kind):
    log = kind(tmp_path / "j")
    with full_disk(20), pytest.raises(OSError, match=r"large|space") as error:
        append(log, 20)
    assert error.value.filename == str(tmp_path / "j")
    assert {json.dumps(record) for record in read(tmp_path / "j")} == {'{"step": 1}'}
    log.close()


@pytest.mark.parametrize("size", [0, 100, 450, 900])
def test_a_run_ends_and_goes_on_later(bench, size):
    bench.study(trials=3)
    said = refused(bench, size, "run", "study.yaml", "--jobs", 1)
    assert "runs/toy/" in said
    answer = bench("run", "study.yaml")
    assert answer.code == 0, answer.err
    assert {state for state, _ in bench.ended().values()} == {"completed"}
    assert len(bench.ended()) == 3


def test_a_full_disk_that_trials_meet_is_their_failure(bench):
    bench.study("import os\ndef train(trial):\n    raise OSError(28, os.strerror(28), trial.dir)", trials=2)
    assert bench("run", "study.yaml").code == 1
    assert "No space left on device" in bench.paths().trial(0).stdout.read_text()


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (("next", "runs/toy", "--output", "next.yaml"), "next.yaml"),
        (("init", "begun"), "begun/study.yaml"),
        (("export", "runs/toy", "--to", "tables"), "tables/trials.csv"),
        (("export", "runs/toy", "--to", "tables", "--format", "jsonl"), "tables/trials.jsonl"),
        (("export", "runs/toy", "--to", "toy.db"), "toy.db"),
        (("log", "--html"), "runs/log.html"),
        (("log", "--note", "runs/toy", "remember"), "runs/ledger.jsonl"),
        (("adopt", "runs/toy"), "runs/ledger.jsonl"),
        (("import", "given", "--into", "runs/theirs"), "runs"),
        (("report", "runs/toy", "--no-html", "--svg", "charts"), "charts/"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_was_not_written_blocks_nothing(bench, arguments, file):
    finish(bench, lambda params: params["x"], trials=8)
    assert bench("export", "runs/toy", "--to", "given").code == 0
    assert file in refused(bench, 10, *arguments)
    answer = bench(*arguments)
    assert answer.code == 0, answer.err
    assert (bench.folder / file).exists()
