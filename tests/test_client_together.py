"""Several processes that train one model, as torchrun starts them: each runs the documented loop."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import distributed

from playbook_cli import current_trial
from playbook_cli.client import Enough, Infeasible, Trial, _Together
from playbook_cli.errors import ProtocolError

PAGE = Path(__file__).parent.parent / "docs/how-to/your-script.md"
SCRIPT = re.search(r"## With several processes per trial\n\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "train.py"]
LAST = """
with open(os.environ["PLAYBOOK_TRIAL_DIR"] + f"/last{trial.rank}", "w") as file:
    file.write(str(step))
"""


def script(bench, *, each="", report="loss.item()", by="trial.rank == 0 and "):
    """The documentation's, where each process notes each of its steps, does `each`, and reports this."""
    told = SCRIPT.replace("trial.rank == 0 and ", by).replace("val_error=loss.item()", f"val_error={report}")
    noted = "".join(f"    {line}\n" for line in (LAST + each).strip().splitlines())
    before = "    x = torch.randn"
    assert before in told
    bench.write("train.py", "import os, sys\n" + told.replace(before, noted + before))


def study(bench, **changes):
    """How the trial of a study ended, its metrics, and the last step of each process."""
    keys = {"command": ["${python}", *TORCHRUN], "max_train_steps": 8, "trials": 1, "nuisance": None}
    keys["fixed"] = {"learning_rate": 0.1}
    resources = {"retries": 1, "cpus": 1, "timeout": "2m"}
    bench.study(None, **{**keys, "train": None, "sampler": "listed", "points": [{}], "resources": resources, **changes})
    bench("run", "study.yaml", "--jobs", 1)
    folder = bench.paths().trial(0).dir
    return bench.ended()[0], bench.metrics(0), [int((folder / f"last{rank}").read_text()) for rank in (0, 1)]


def steps(metrics):
    return [record["step"] for record in metrics]


@pytest.mark.slow
def test_the_loop_of_the_readme_leaves_one_record_and_resumes_every_process_as_it_was(bench):
    script(bench)
    ended, whole, last = study(bench)
    assert (ended, steps(whole), last) == (("completed", None), [2, 4, 6, 8], [8, 8])
    (bench.folder / "runs").rename(bench.folder / "first")
    once = "if step == 6 and trial.rank == 1 and not os.path.exists('died'): open('died', 'w'); os._exit(3)"
    script(bench, each=once)
    ended, resumed, last = study(bench)
    assert (ended, last) == (("completed", None), [8, 8])
    assert bench.events("ended")[0]["state"] == "pending"
    assert resumed == whole  # each process drew the batches that it would have drawn


@pytest.mark.slow
@pytest.mark.parametrize("by", ["trial.rank == 0 and ", ""], ids=["process 0 reports", "all report"])
def test_a_nan_ends_all_processes_at_the_same_step(bench, by):
    script(bench, report="float('nan') if step > 2 else trial.rank", by=by)
    ended, metrics, last = study(bench, resources={"retries": 0, "timeout": "2m"})
    assert (ended, last) == (("infeasible", "val_error is nan at step 4"), [4, 4])
    assert metrics[0] == {"step": 2, "val_error": 0.0}
    assert steps(metrics) == [2, 4]


@pytest.mark.slow
@pytest.mark.parametrize("asked", [{"PLAYBOOK_TARGET": "0.25"}, {"PLAYBOOK_STOP_STEP": "4"}], ids=" ".join)
def test_a_target_and_a_last_step_end_all_processes_at_the_same_step(bench, asked):
    script(bench, report="1 / step")
    answer = by_torchrun(bench, **asked)
    assert answer.stderr.count("trial ended: ") == 1, answer.stderr
    assert [(bench.folder / f"last{rank}").read_text() for rank in (0, 1)] == ["4", "4"]
    assert len((bench.folder / "metrics.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_a_process_that_ends_by_itself_ends_the_others_and_says_why(bench):
    script(bench, each="if trial.rank == 1: current_trial.__globals__['ALONE_SECONDS'] = 0.1; trial.infeasible('no')")
    answer = by_torchrun(bench)
    assert answer.returncode == 1
    assert "trial infeasible: no" in answer.stderr


def by_torchrun(bench, **asked):
    """The script as a trial of two processes, outside of any study."""
    (bench.folder / "params.json").write_text("{}")
    env = {
        "PLAYBOOK_TRIAL_ID": "0",
        "PLAYBOOK_TRIAL_DIR": str(bench.folder),
        "PLAYBOOK_PARAMS": str(bench.folder / "params.json"),
        "PLAYBOOK_SEED": "0",
        "PLAYBOOK_MAX_TRAIN_STEPS": "8",
        "PLAYBOOK_EVAL_EVERY": "2",
        "PLAYBOOK_METRICS": str(bench.folder / "metrics.jsonl"),
        "PLAYBOOK_METRIC": "val_error",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, *TORCHRUN],
        cwd=bench.folder,
        env={**os.environ, **env, **asked},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_trial_of_one_process_has_rank_0_whatever_its_cluster_says(monkeypatch):
    for name in ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS", "PMI_RANK", "OMPI_COMM_WORLD_RANK"):
        monkeypatch.setenv(name, "3")
    trial = current_trial()
    assert (trial.rank, trial.world_size) == (0, 1)
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert (trial.rank, trial.world_size) == (3, 4)


def test_a_rank_of_the_runner_is_not_its_trials(bench, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    bench.study(trials=1)
    assert bench("run", "study.yaml").code == 0
    assert steps(bench.metrics(0)) == [2, 4]


def alone(tmp_path, monkeypatch, rank):
    """A trial of two processes without torch.distributed."""
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("playbook_cli.client.ALONE_SECONDS", 0.0)
    return Trial(
        params={},
        seed=0,
        max_train_steps=8,
        eval_every=2,
        directory=str(tmp_path),
        metrics=str(tmp_path / "metrics.jsonl"),
        goal_metric="loss",
        target=0.5,
    )


def test_of_several_processes_one_writes(tmp_path, monkeypatch):
    alone(tmp_path, monkeypatch, 0).report(2, loss=1.0)
    alone(tmp_path, monkeypatch, 1).report(2, loss=2.0)
    (line,) = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert json.loads(line) == {"step": 2, "loss": 1.0}


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_cannot_tell_the_others_ends_so_that_torchrun_ends_them(tmp_path, monkeypatch, rank):
    with pytest.raises(Infeasible) as ended:
        alone(tmp_path, monkeypatch, rank).infeasible("too large")
    assert ended.value.code == 1
    with pytest.raises(Enough) as ended:
        alone(tmp_path, monkeypatch, rank).report(2, loss=0.5)
    assert ended.value.code == 1


def test_a_process_that_the_others_leave_waiting_says_so(monkeypatch):
    monkeypatch.setattr("playbook_cli.client.TOLD_SECONDS", 0.01)
    store = distributed.HashStore()
    found = SimpleNamespace(_get_default_store=lambda: store)
    alone = SimpleNamespace(get_rank=lambda: 1, get_world_size=lambda: 2, distributed_c10d=found)
    alone.DistStoreError = distributed.DistStoreError
    with pytest.raises(ProtocolError, match=r"process 1 waited .* for the others in trial.steps"):
        _Together(alone).told(None)
