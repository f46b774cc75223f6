"""What trials use of their machine, sampled from real processes."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from playbook_cli.files.paths import TrialPaths
from playbook_cli.launch import usage
from playbook_cli.launch.usage import Usage
from playbook_cli.storage.usage import samples, used

BUSY = "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'while True: pass']); child.wait()"


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(usage, "READY", 0.02)
    monkeypatch.setattr(usage, "SECONDS", 0.2)


def test_the_work_of_all_processes_of_a_trial_is_sampled_until_it_ends(often, tmp_path, bench):
    paths, busy = TrialPaths(tmp_path), Usage()
    process = subprocess.Popen([sys.executable, "-c", BUSY], start_new_session=True)
    try:
        busy.watch(process.pid, paths.usage, "")
        bench.wait(lambda: busy.look() or len(samples(paths)) >= 3, "three samples")
        busy.forget(process.pid)
    finally:
        usage.os.killpg(process.pid, 9)
        process.wait()
    count = len(samples(paths))
    time.sleep(0.25)
    busy.look()
    assert len(samples(paths)) == count
    found = used(samples(paths))
    assert 0.05 < found.cores < 2
    assert 2e6 < found.memory < 1e9
    assert found.gpu is None
    assert all(0 <= one.node_cpu <= 1 and 0 < one.node_memory <= 1 for one in samples(paths))


def test_samples_become_rarer_so_that_a_long_trial_has_few(monkeypatch, tmp_path):
    now = [0.0]
    monkeypatch.setattr(usage.time, "monotonic", lambda: now[0])
    week, taken = Usage(), []
    monkeypatch.setattr(
        week, "_sample", lambda due, at: [setattr(one, "looked", at) or taken.append(at) for one in due.values()]
    )
    week.watch(1, tmp_path / "usage.jsonl", "")
    while now[0] < 7 * 86400:
        now[0] += 5
        week.look()
    assert 200 < len(taken) < 500
    assert taken[:3] == [10, 20, 30]


def test_a_trial_that_ends_at_once_is_not_sampled_and_a_torn_line_is_passed_over(tmp_path):
    paths = TrialPaths(tmp_path)
    busy = Usage()
    busy.watch(1, paths.usage, "")
    busy.look()
    busy.forget(1)
    assert samples(paths) == []
    line = (
        '{"time": 1.0, "cores": 1.5, "memory": 3, "node_cpu": 0.5, "node_memory": 0.5, "gpu": null, "gpu_memory": null}'
    )
    paths.usage.write_text(f'{line}\n{{"time": "x"}}\n{line[:30]}')
    assert [one.cores for one in samples(paths)] == [1.5]
