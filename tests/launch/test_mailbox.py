"""Trials' files on their way between a node and the runner, while the trials change them."""

from __future__ import annotations

import shutil
import threading
import time

import pytest

from playbook_cli.launch.mailbox import Mailbox, Outbox, files_of

SECONDS = 1.0


@pytest.fixture
def here(tmp_path):
    """The trial's folder on the node."""
    folder = tmp_path / "node" / "0000"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def there(tmp_path):
    """The trial's folder beside the runner."""
    folder = tmp_path / "runner" / "0000"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def rotating(here):
    """A trainer that saves checkpoints and removes them again, all the time."""
    stop = threading.Event()

    def rotate():
        while not stop.is_set():
            folder = here / "checkpoint"
            for number in range(8):
                (folder / str(number)).mkdir(parents=True)
                (folder / str(number) / "weights.bin").write_bytes(b"1")
            shutil.rmtree(folder)

    thread = threading.Thread(target=rotate)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_what_is_new_arrives_and_what_grows_is_not_sent_twice(here, there):
    sent = []
    outbox = Outbox(here, lambda message: (sent.append(message), Mailbox().put(str(there), message)))
    (here / "metrics.jsonl").write_bytes(b"1\n")
    (here / "sub").mkdir()
    (here / "sub" / "weights.bin").write_bytes(b"w")
    outbox.send()
    with (here / "metrics.jsonl").open("ab") as file:
        file.write(b"2\n")
    outbox.send()
    assert files_of(there) == files_of(here) == {"metrics.jsonl": b"1\n2\n", "sub/weights.bin": b"w"}
    assert [(message.name, message.data) for message in sent][-1] == ("metrics.jsonl", b"2\n")


def test_a_file_that_is_removed_before_it_is_sent_is_left_out(here, there):
    def put(message):
        Mailbox().put(str(there), message)
        for other in {"a.bin", "b.bin"} - {message.name}:
            (here / "checkpoint" / other).unlink(missing_ok=True)

    (here / "checkpoint").mkdir()
    (here / "checkpoint" / "a.bin").write_bytes(b"1")
    (here / "checkpoint" / "b.bin").write_bytes(b"1")
    outbox = Outbox(here, put)
    outbox.send()
    assert len(files_of(there)) == 1
    (here / "checkpoint" / "a.bin").write_bytes(b"2")
    outbox.send()
    assert files_of(there)["checkpoint/a.bin"] == b"2"


@pytest.mark.slow
def test_checkpoints_that_come_and_go_stop_neither_a_look_nor_a_sending(here, rotating):
    outbox = Outbox(here, lambda message: None)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        outbox.send()
        files_of(here)
