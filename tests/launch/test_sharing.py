"""Trials that share a GPU: never more of them than asked for, and one that needs it all gets it alone."""

from __future__ import annotations

import pytest

from playbook_cli.advice.rules.timing import timing
from playbook_cli.storage.store import Store
from tests.clusters import pretended, utilization

WHY = pretended.missing()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(WHY is not None, reason=WHY or "")]

HUNGRY = """
import os, time
from pathlib import Path

def train(trial):
    home = Path("on") / os.environ["CUDA_VISIBLE_DEVICES"]
    home.mkdir(parents=True, exist_ok=True)
    mine = home / str(trial.id)
    mine.touch()
    first = not (trial.dir / "tried").exists()
    (trial.dir / "tried").touch()
    time.sleep(0.5)
    others = len(list(home.iterdir())) - 1
    mine.unlink()
    if trial.id == 0 or (trial.id == 1 and first):
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
    trial.report(4, val_error=float(others))
"""


@pytest.fixture
def driver(tmp_path_factory):
    """A machine with two GPUs, and locks of its own."""
    folder = tmp_path_factory.mktemp("driver")
    return {**pretended.gpus(folder, 2), "TMPDIR": str(folder)}


def test_out_of_memory_beside_others_is_tried_alone_and_only_then_the_points_fault(bench, driver):
    bench.study(HUNGRY, trials=6, resources={"gpus": 1, "trials_per_gpu": 3, "retries": 0})
    answer = bench.real("run", "study.yaml", "--json", env=driver)
    assert answer.code == 0, answer.err
    said = "RuntimeError: CUDA out of memory. Tried to allocate 20.00 GiB"
    assert bench.ended()[0] == ("infeasible", f"its GPU has too little memory: {said}")
    assert bench.ended()[1] == ("completed", None)
    shared = f"out of memory on a GPU that may be shared, so it is retried on a GPU of its own: {said}"
    ends = [(e["trial"], e["state"], e["reason"]) for e in bench.events("ended") if e["state"] == "pending"]
    assert sorted(ends) == [(0, "pending", shared), (1, "pending", shared)]
    assert bench.metrics(1)[-1]["val_error"] == 0.0  # nobody was beside it
    last = [event["trial"] for event in bench.events("started")][-2:]
    assert sorted(last) == [0, 1]  # once the others had left their GPUs
    assert {event["shared"] for event in bench.events("ended") if event["attempt"] == 1} == {True}
    assert {event["shared"] for event in bench.events("ended") if event["attempt"] == 2} == {False}
    (finding,) = timing(Store(bench.paths().dir).record())
    assert finding.message.startswith("6 of 6 trials shared a GPU or cores with others: ")


def test_trials_that_run_one_at_a_time_share_no_gpu_but_with_other_runs(bench, driver):
    bench.study(HUNGRY, trials=3, resources={"gpus": 1, "trials_per_gpu": 3, "retries": 0})
    assert bench.real("run", "study.yaml", "-j", "1", env=driver).code == 0
    assert {event["shared"] for event in bench.events("ended")} == {False}
    assert timing(Store(bench.paths().dir).record()) == []
    said = "RuntimeError: CUDA out of memory. Tried to allocate 20.00 GiB"
    assert bench.ended()[0] == ("infeasible", f"its GPU has too little memory: {said}")
    assert [event["attempt"] for event in bench.events("ended") if event["trial"] == 0] == [1, 2]


def test_an_error_of_another_kind_is_no_matter_of_memory(bench, driver):
    program = "def train(trial):\n    print('CUDA out of memory, so a smaller batch')\n" + "    print('.')\n" * 60
    bench.study(program + "    raise ValueError('a bug')\n", trials=1, resources={"gpus": 1, "retries": 0})
    assert bench.real("run", "study.yaml", env=driver).code == 1
    assert bench.ended() == {0: ("failed", "it crashed with exit code 1")}


@pytest.mark.parametrize("together", [1, 2])
def test_never_more_trials_are_on_a_gpu_than_asked_for(tmp_path, together):
    (tmp_path / "train.py").write_text(utilization.PROGRAM)
    file = utilization.study(tmp_path, "busy", trials=24, trials_per_gpu=together)
    env = pretended.gpus(tmp_path, 4)
    assert utilization.start(file, env, 0.3).wait() == 0
    by_device = utilization.spans(tmp_path / "runs" / "busy")
    assert sum(map(len, by_device.values())) == 24
    assert len(by_device) == 4
    assert max(map(utilization.most_at_once, by_device.values())) == together
