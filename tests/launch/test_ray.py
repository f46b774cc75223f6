"""What only Ray's launcher does: trials on nodes that see no folder of the runner's."""

from __future__ import annotations

import pytest

from tests.clusters import ray

WHY = ray.missing()
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray"), pytest.mark.skipif(WHY is not None, reason=WHY or "")]
PATIENCE = 400.0

PROGRAM = """
import json
from pathlib import Path
from beside import RATE

def train(trial):
    step = json.loads(Path(trial.last_checkpoint).read_text()) if trial.last_checkpoint else 0
    trial.resume_at(step, save=lambda path: Path(path).write_text("2"))
    print("in", trial.dir, "began at", step, flush=True)
    if step == 0:
        trial.report(2, val_error=RATE)
        raise RuntimeError("once")
    (Path(trial.dir) / "own.csv").write_text("a,b")
    trial.report(4, val_error=RATE / 2)
"""


def test_without_a_shared_folder_everything_that_a_trial_writes_comes_back(bench, ray_cluster):
    bench.write("beside.py", "RATE = 0.5\n")
    bench.study(PROGRAM, trials=2, launcher="ray", ray={"shared_folder": False})
    answer = bench.finish(bench.spawn("run", "study.yaml", "--json", inside=ray_cluster.inside), PATIENCE)
    assert answer.code == 0, answer.err
    assert answer.json["trials"]["completed"] == 2
    for trial in range(2):
        files = bench.paths().trial(trial)
        assert bench.metrics(trial) == [{"step": 2, "val_error": 0.5}, {"step": 4, "val_error": 0.25}]
        log = files.stdout.read_text()
        assert "began at 0" in log
        assert "RuntimeError: once" in log
        assert f"in {bench.folder}" not in log
        assert log.rstrip().endswith("began at 2")
        assert files.best_checkpoint.exists()
        assert (files.dir / "own.csv").read_text() == "a,b"


def test_where_there_is_no_cluster_it_says_so_and_how_to_start_one(bench):
    bench.study(trials=2, launcher="ray", ray={"address": "127.0.0.1:1"})
    answer = bench.real("run", "study.yaml")
    assert answer.code == 1
    assert "no Ray cluster at 127.0.0.1:1" in answer.err
    assert "start one with ray start --head" in answer.err
    assert "Traceback" not in answer.err
