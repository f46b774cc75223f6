"""What the node of a trial tells, and what others make of it."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

from playbook_cli.files.journal import Journal
from playbook_cli.storage.heartbeats import SILENT_SECONDS, Beat, is_copied, kind, processor, read_heartbeat

RUNNING = {"host": "n7", "pid": 1, "device": "H100", "ended": False}
ENDED = {**RUNNING, "ended": True}


def test_a_trial_is_told_of_from_its_start_to_its_end(tmp_path):
    path = tmp_path / "node.json"
    assert read_heartbeat(path) is None
    beat = Beat(path, "H100")
    node = read_heartbeat(path)
    assert (node.device, node.runs, node.ended) == ("H100", True, False)
    beat.end()
    assert (read_heartbeat(path).runs, read_heartbeat(path).ended) == (False, True)


def test_a_node_that_has_not_been_heard_of_for_long_runs_nothing(tmp_path):
    path = tmp_path / "node.json"
    Beat(path, "")
    long_ago = time.time() - SILENT_SECONDS - 1
    os.utime(path, (long_ago, long_ago))
    assert read_heartbeat(path).silent
    assert not read_heartbeat(path).runs


@pytest.mark.parametrize("apart", [-300, 300])
def test_a_machine_whose_clock_differs_by_minutes_hears_a_node_all_the_same(tmp_path, monkeypatch, apart):
    path = tmp_path / "node.json"
    Beat(path, "")
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + apart)
    assert read_heartbeat(path).runs
    long_ago = now() - SILENT_SECONDS - 1
    os.utime(path, (long_ago, long_ago))
    assert read_heartbeat(path).silent or apart < 0  # a clock that is behind takes it for dead minutes later


def test_where_nothing_can_be_written_this_machines_clock_has_to_do(tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("playbook_cli.storage.heartbeats._ahead", {})
    path = tmp_path / "node.json"
    Beat(path, "")
    os.utime(path, (0, 0))
    assert read_heartbeat(path).silent


def test_a_beat_is_heard(tmp_path, monkeypatch):
    path = tmp_path / "node.json"
    beat = Beat(path, "")
    os.utime(path, (0, 0))
    beat.beat()  # too soon after the last one
    assert read_heartbeat(path).silent
    monkeypatch.setattr("playbook_cli.storage.heartbeats.HEARTBEAT_SECONDS", 0.0)
    beat.beat()
    assert read_heartbeat(path).runs


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "3", '{"host": "n1"}'])
def test_what_cannot_be_read_tells_nothing(tmp_path, text):
    (tmp_path / "node.json").write_text(text)
    assert read_heartbeat(tmp_path / "node.json") is None


def test_a_folder_that_cannot_be_written_stops_no_trial(tmp_path):
    beat = Beat(tmp_path / "away" / "node.json", "")
    beat.beat()
    beat.end()
    assert read_heartbeat(tmp_path / "away" / "node.json") is None


def test_several_devices_are_one_kind():
    assert kind(["H100"]) == "H100"
    assert kind(["H100", "H100"]) == "2 x H100"
    assert kind(["H100", "A100", "A100"]) == "2 x A100 + H100"
    assert kind([]) == ""
    assert processor()


@pytest.fixture
def left(bench):
    """A study that was left to Slurm: four trials, of which nodes tell what the test writes."""
    bench.study()
    bench("plan", "study.yaml")
    bench("run", "study.yaml", "--jobs", 1)
    paths = bench.paths()
    planned = [event for event in bench.events() if event["event"] in ("run", "planned")]
    paths.journal.unlink()
    journal = Journal(paths.journal)
    for event in planned:
        journal.append(event)
    for trial in range(4):
        journal.append({"event": "started", "time": time.time(), "trial": trial, "attempt": 1, "slot": "slurm"})
    journal.close()

    def write(**notes):
        for name, note in notes.items():
            paths.trial(int(name.removeprefix("of_"))).node.write_text(json.dumps(note))

    return write


def test_the_status_of_a_study_that_was_left_tells_what_runs_waits_and_has_ended(bench, left):
    left(of_0=RUNNING, of_1=ENDED)
    answer = bench("status", "runs/toy", "--json").json
    assert answer["cluster"] == {"running": 1, "waiting": 2, "ended": 1}
    assert (answer["trials"]["running"], answer["trials"]["pending"]) == (1, 3)
    out = bench("status", "runs/toy").out
    assert "  trial 0 on n7: step 4 of 4" in out
    assert "  2 waiting in the cluster's queue, 1 ended but not recorded yet" in out
    assert "running on the cluster; playbook run " in out


def test_watching_ends_where_nothing_runs_or_waits_any_more(bench, left):
    left(of_0=ENDED, of_1=ENDED, of_2=ENDED, of_3=ENDED)
    answer = bench("watch", "runs/toy")
    assert answer.code == 0
    assert "4 ended but not recorded yet" in answer.out


def test_a_folder_that_was_copied_from_one_with_tasks_is_known_by_them(tmp_path):
    original, copy = tmp_path / "a", tmp_path / "b"
    batch = original / "slurm" / "0000"
    batch.mkdir(parents=True)
    (batch / "0.task").write_text(json.dumps({"node": str(original / "trials" / "0003" / "node.json")}))
    assert not is_copied(original)
    shutil.copytree(original, copy)
    assert is_copied(copy)
    assert not is_copied(original)
    shutil.rmtree(original)
    assert not is_copied(copy)  # it was moved
    for content in ("", "[]", "{}", '{"node": 3}', "[" * 100_000):
        (copy / "slurm" / "0000" / "0.task").write_text(content)
        assert not is_copied(copy)
