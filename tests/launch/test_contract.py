"""What every launcher owes a study, shown on this machine, on a real Slurm cluster and on a real Ray cluster."""

from __future__ import annotations

import itertools
import json
import signal

import pytest

from tests.launch.clusters import needs_slurm

pytestmark = pytest.mark.slow
PATIENCE = 400.0
"""Seconds that a cluster may take to notice what was done to it, on a busy machine."""
MANY = 40

PROGRAM = """
import json, os, sys, time
from pathlib import Path

def train(trial):
    begun = trial.last_checkpoint and json.loads(Path(trial.last_checkpoint).read_text())
    step = begun or 0
    with (trial.dir / "begun").open("a") as file:
        file.write(f"{step}\\n")
    trial.resume_at(step, save=lambda path: Path(path).write_text(json.dumps(trial.last_step)))
    if step >= 4:
        return
    if step < 2:
        report(trial, 2)
    deadline = time.monotonic() + 1000
    while not Path("go").exists():
        if time.monotonic() > deadline: raise TimeoutError
        time.sleep(0.05)
    report(trial, 4)

def report(trial, step):
    trial.last_step = step
    trial.report(step, val_error=trial.params["x"] + 1 / step)
"""
ENDS = """
import json, math, os, time
from pathlib import Path

def train(trial):
    device = os.environ.get("SLURMD_NODENAME", os.environ.get("RAY_RAYLET_PID", "")), os.environ["CUDA_VISIBLE_DEVICES"]
    began = time.time()
    if trial.id == 0:
        trial.report(2, val_error=math.nan)
    if trial.id == 1:
        raise ValueError("a bad point")
    if trial.id == 2:
        time.sleep(1000)
    if trial.id == 3:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
    time.sleep(0.3)
    (trial.dir / "span.json").write_text(json.dumps([device, began, time.time()]))
    trial.report(4, val_error=1.0)
"""
SHORT = "def train(trial): trial.report(4, val_error=1.0)\n"


class Study:
    """The toy study, run where `place` says, one GPU for each trial."""

    def __init__(self, bench, place):
        self.bench, self.place = bench, place

    def write(self, program, **changes):
        resources = {"gpus": 1, "retries": 1, "timeout": "15m", **changes.pop("resources", {})}
        self.bench.study(program, launcher=self.place.launcher, resources=resources, **changes)

    def start(self, *options):
        return self.bench.spawn("run", "study.yaml", *options, env=self.place.env, inside=self.place.inside)

    def finish(self, process):
        return self.bench.finish(process, PATIENCE)

    def wait(self, condition, what):
        return self.bench.wait(condition, what, PATIENCE)

    def begun(self, trial):
        """The steps after which the attempts of a trial began."""
        path = self.bench.paths().trial(trial).dir / "begun"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def all_at_step_2(self):
        trials = range(self.place.gpus)
        return all(self.bench.paths().trial(trial).last_checkpoint.exists() for trial in trials)

    def is_complete(self, answer):
        """Every trial has its result, once, and nothing is left behind."""
        assert answer.code == 0, answer.err
        assert answer.json["trials"]["completed"] == self.place.gpus
        for trial in range(self.place.gpus):
            assert [record["step"] for record in self.bench.metrics(trial)] == [2, 4]
        self.leaves_nothing()
        return True

    def leaves_nothing(self):
        self.wait(lambda: not self.bench.processes(), "the end of every process")
        strewn = [path.name for path in self.bench.folder.iterdir() if path.name.startswith("slurm-")]
        assert strewn == []


@pytest.fixture
def study(bench, place):
    return Study(bench, place)


def test_every_end_of_a_trial_is_told_alike_and_each_saw_just_its_own_device(study, bench):
    study.write(ENDS, trials=12, resources={"timeout": "20s"})
    answer = study.finish(study.start("--json"))
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["trials"] == {
        "planned": 12,
        "completed": 8,
        "infeasible": 2,
        "failed": 2,
        "running": 0,
        "pending": 0,
    }
    ends = bench.ended()
    assert ends[0] == ("infeasible", "val_error is nan at step 2")
    assert ends[1] == ("failed", "it crashed with exit code 1")
    assert ends[2] == ("failed", "it ran longer than resources.timeout (20 s), at step 0")
    said = "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB"
    assert ends[3] == ("infeasible", f"its GPU has too little memory: {said}")
    assert [event["attempt"] for event in bench.events("started") if event["trial"] == 1] == [1, 2]
    assert "ValueError: a bad point" in bench.paths().trial(1).stdout.read_text()
    spans = {}
    for trial in range(4, 12):
        (node, device), began, ended = json.loads((bench.paths().trial(trial).dir / "span.json").read_text())
        assert device.count(",") == 0
        spans.setdefault((node, device), []).append((began, ended))
    assert len(spans) > 1
    for times in spans.values():
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(sorted(times)))
    study.leaves_nothing()


def test_an_interrupt_ends_every_trial_and_the_next_run_resumes_them(study, bench, place):
    study.write(PROGRAM, trials=place.gpus)
    runner = study.start()
    study.wait(study.all_at_step_2, "every trial to be under way")
    runner.send_signal(signal.SIGINT)
    answer = study.finish(runner)
    assert answer.code == 130
    assert "Traceback" not in answer.err
    study.leaves_nothing()
    assert set(bench.ended().values()) == {("pending", "interrupted")}
    bench.write("go", "")
    assert study.is_complete(study.finish(study.start("--json")))
    assert all(study.begun(trial) == [0, 2] for trial in range(place.gpus))


def test_a_lost_node_costs_no_trial_and_no_training(study, bench, place):
    study.write(PROGRAM, trials=place.gpus)
    runner = study.start("--json")
    study.wait(study.all_at_step_2, "every trial to be under way")
    try:
        if place.kill_node is not None:
            place.kill_node()
        else:
            bench.processes()[0].kill()
        bench.write("go", "")
        assert study.is_complete(study.finish(runner))
    finally:
        place.mend()
    begun = [study.begun(trial) for trial in range(place.gpus)]
    assert [0, 2] in begun
    assert all(steps in ([0], [0, 2]) for steps in begun)


def test_a_killed_runner_costs_no_trial_and_no_training(study, bench, place):
    study.write(PROGRAM, trials=place.gpus)
    runner = study.start()
    study.wait(study.all_at_step_2, "every trial to be under way")
    runner.kill()
    assert study.finish(runner).code == -signal.SIGKILL
    later = study.start("--json")
    if place.launcher == "slurm":
        study.wait(lambda: len(bench.events("run")) == 2, "the next runner to take over")
        assert len(bench.processes()) >= place.gpus  # the trials went on
    else:
        study.wait(lambda: len(bench.events("started")) == 2 * place.gpus, "the next attempts")
    bench.write("go", "")
    assert study.is_complete(study.finish(later))
    again = [0] if place.launcher == "slurm" else [0, 2]
    assert all(study.begun(trial) == again for trial in range(place.gpus))


def test_what_was_left_to_the_cluster_goes_on_without_a_runner(study, bench, place):
    study.write(PROGRAM, trials=place.gpus)
    answer = study.finish(study.start("--detach"))
    if place.launcher != "slurm":
        assert answer.code == 2
        assert f"trials with launcher: {place.launcher} end when their runner ends" in answer.err
        return
    assert answer.code == 0
    assert f"{place.gpus} trials keep running on the cluster" in answer.out
    study.wait(study.all_at_step_2, "every trial to be under way")
    told = bench("status", "runs/toy", "--json").json
    assert told["trials"]["running"] == place.gpus
    assert told["cluster"] == {"running": place.gpus, "waiting": 0, "ended": 0}
    shown = bench("status", "runs/toy").out
    assert "  trial 0 on n" in shown
    assert "running on the cluster; playbook run " in shown
    bench.write("go", "")
    ended = {"running": 0, "waiting": 0, "ended": place.gpus}
    study.wait(lambda: bench("status", "runs/toy", "--json").json["cluster"] == ended, "the trials to end")
    assert f"{place.gpus} ended but not recorded yet" in bench("watch", "runs/toy").out
    assert study.is_complete(study.finish(study.start("--json")))
    assert all(study.begun(trial) == [0] for trial in range(place.gpus))


def test_many_short_trials_all_end_once(study, bench):
    study.write(SHORT, trials=MANY)
    answer = study.finish(study.start("--json"))
    assert answer.code == 0
    assert answer.json["trials"]["completed"] == MANY
    assert sorted(event["trial"] for event in bench.events("ended")) == list(range(MANY))
    assert len(bench.events("started")) == MANY
    study.leaves_nothing()


@needs_slurm
@pytest.mark.xdist_group("slurm")
def test_a_run_that_the_cluster_refuses_ends_with_its_words_and_can_be_given_again(on_slurm, bench):
    bench.study(SHORT, launcher="slurm", slurm={"partition": "nowhere"})
    answer = bench.real("run", "study.yaml")
    assert answer.code == 1
    assert "sbatch failed: " in answer.err
    assert "Traceback" not in answer.err
    bench.study(SHORT, launcher="slurm")
    again = bench.finish(bench.spawn("run", "study.yaml", "--json"), PATIENCE)
    assert again.json["trials"]["completed"] == 4
