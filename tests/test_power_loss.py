"""The power may fail between any two system calls of a run: what had completed stays, and the rest can be finished."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from playbook_cli.files.paths import StudyPaths
from playbook_cli.storage.store import Store, read_history
from tests.power_loss import KINDS, Disk, traced

TRIALS = 2
QUICK = {"trials": TRIALS, "isolation": "process", "resources": {"timeout": "5m"}}


def completed(folder):
    """The results of the trials that have completed, by what the folder of a study holds."""
    if not StudyPaths(folder).spec.is_file():
        return {}
    trials = Store(folder).record().trials
    return {
        trial.id: (trial.best and trial.best.value, trial.last_step) for trial in trials if trial.state == "completed"
    }


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_power_may_fail_between_any_two_system_calls_of_a_run(bench, tmp_path, monkeypatch):
    bench.study(**QUICK)
    command = [sys.executable, "-m", "playbook_cli", "run", "study.yaml", "--jobs", "1"]
    calls = traced(command, tmp_path)
    expected = completed(bench.paths().dir)
    assert len(expected) == TRIALS
    disk, seen, safe = Disk(tmp_path), set(), {}
    checked = 0
    for number, call in enumerate(calls):
        changed = disk.replay(call)
        if call.name == "write" and call.file.endswith("trials.jsonl") and b'"completed"' in call.strings[0]:
            sync = calls.index(next(c for c in calls[number:] if c.name == "fsync" and c.file == call.file), number)
            safe[sync] = len(safe)
        if not changed:
            continue
        promised = {trial for sync, trial in safe.items() if sync <= number}
        for kind in KINDS:
            state = disk.state(kind)
            if state in seen:
                continue
            seen.add(state)
            checked += 1
            place = tmp_path / "after" / str(checked)
            place.parent.mkdir(exist_ok=True)
            disk.write(place, kind)
            for name in ("study.yaml", "toy.py"):
                shutil.copy(tmp_path / name, place / name)
            where = f"after call {number}, {call.name} {call.arguments[:80]}, with {kind} on the disk"
            monkeypatch.chdir(place)
            left = completed(place / "runs/toy")
            assert promised <= left.keys(), where
            assert all(expected[trial] == result for trial, result in left.items()), where
            if (place / "runs/toy/trials.jsonl").is_file():
                assert bench("status", "runs/toy").code == 0, where
            answer = bench("run", "study.yaml", "--jobs", 2)
            assert answer.code == 0, (where, answer.err)
            assert completed(place / "runs/toy") == expected, where
            started = [t.attempts for t in read_history(StudyPaths(place / "runs/toy")).trials if t.id in left]
            assert started == [1] * len(left), where
            os.chdir(tmp_path)
            shutil.rmtree(place)
    assert checked > 50
