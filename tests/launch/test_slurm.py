"""Trials as tasks of a real Slurm cluster on this machine."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from playbook_cli.errors import WorkError
from playbook_cli.launch import Job
from playbook_cli.launch.slurm import SlurmLauncher
from playbook_cli.spec.model import StudySpec
from tests.launch.clusters import needs_slurm

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("slurm"), needs_slurm]
SECONDS = 120


def spec(**changes):
    return StudySpec.model_validate(
        {"name": "s", "train": "m:f", "metric": {"name": "loss"}, "max_train_steps": 10, "launcher": "slurm", **changes}
    )


class Bench:
    """Submits programs as trials, and waits for them."""

    def __init__(self, folder, **changes):
        self.folder = folder
        self.launcher = SlurmLauncher(spec=spec(**changes), folder=folder / "slurm")

    def job(self, trial, code, **env):
        return Job(
            trial=trial,
            argv=(sys.executable, "-c", code),
            env={**os.environ, "PLAYBOOK_TRIAL_ID": str(trial), "PLAYBOOK_TRIAL_DIR": str(self.folder), **env},
            cwd=self.folder,
            stdout=self.folder / f"{trial}.log",
        )

    def submit(self, *codes, **env):
        for trial, code in enumerate(codes):
            self.launcher.submit(self.job(trial, code, **env))

    def ends(self, count, until=lambda: False):
        """How so many jobs ended, by trial."""
        ends, deadline = {}, time.monotonic() + SECONDS
        while len(ends) < count and not until():
            assert time.monotonic() < deadline, f"only {ends} ended"
            ends |= {ended.trial: ended for ended in self.launcher.poll()}
            time.sleep(0.02)
        return ends

    def wait(self, condition):
        self.ends(1, until=condition)
        assert condition()

    def printed(self, trial):
        path = self.folder / f"{trial}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def bench(on_slurm, tmp_path):
    return Bench(tmp_path)


def test_exit_codes_and_signals_come_back(bench):
    bench.submit("", "import sys; sys.exit(7)", "import os; os.kill(os.getpid(), 9)")
    assert {trial: ended.exit_code for trial, ended in bench.ends(3).items()} == {0: 0, 1: 7, 2: -9}


def test_every_trial_sees_just_its_own_device(on_slurm, tmp_path):
    bench = Bench(tmp_path, resources={"gpus": 1})
    code = (
        "import json, os, time; began = time.time(); time.sleep(0.3); print(json.dumps([os.environ['SLURMD_NODENAME'], "
        "os.environ['CUDA_VISIBLE_DEVICES'], os.environ['PLAYBOOK_TRIAL_ID'], began, time.time()]))"
    )
    bench.submit(*[code] * 18)
    bench.ends(18)
    seen = [json.loads(bench.printed(trial)) for trial in range(18)]
    assert [int(row[2]) for row in seen] == list(range(18))
    by_device = {}
    for node, device, _, began, ended in seen:
        assert device in ("0", "1")
        by_device.setdefault((node, device), []).append((began, ended))
    assert len(by_device) > 1
    for spans in by_device.values():
        spans.sort()
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def test_a_cancelled_trial_ends_and_those_beside_it_go_on(bench):
    bench.submit("import time; print('up', flush=True); time.sleep(600)", "import time; time.sleep(2)")
    bench.wait(lambda: "up" in bench.printed(0))
    bench.launcher.cancel(0)
    ends = bench.ends(2)
    assert ends[0].exit_code != 0
    assert ends[1].exit_code == 0


def test_a_trial_that_waits_in_the_queue_can_be_cancelled(on_slurm, tmp_path):
    bench = Bench(tmp_path, slurm={"array_parallelism": 1})
    bench.submit("import time; print('up', flush=True); time.sleep(3)", "print('up')")
    bench.wait(lambda: "up" in bench.printed(0))
    bench.launcher.cancel(1)
    ends = bench.ends(2)
    assert ends[0].exit_code == 0
    assert ends[1].exit_code != 0
    assert bench.printed(1) == ""


def test_a_trial_that_is_cancelled_before_it_is_submitted_ends_all_the_same(bench):
    bench.submit("print('up')")
    bench.launcher.cancel(0)
    assert bench.ends(1)[0].exit_code != 0
    assert bench.printed(0) == ""


def test_many_trials_are_cancelled_at_once(bench):
    bench.submit(*["import time; time.sleep(600)"] * 60)
    bench.launcher.leave()
    for trial in range(60):
        bench.launcher.cancel(trial)
    assert all(ended.exit_code != 0 for ended in bench.ends(60).values())


def test_a_trial_is_ended_at_its_timeout_to_the_second(on_slurm, tmp_path):
    bench = Bench(tmp_path, resources={"timeout": 1})
    bench.submit("import time; time.sleep(600)")
    (ended,) = bench.ends(1).values()
    assert ended.how == "timed-out"


def test_a_later_runner_takes_over_what_an_earlier_one_left(bench):
    bench.submit("import time; time.sleep(2); print('done')", "print('done')")
    bench.launcher.leave()
    later = Bench(bench.folder)
    assert later.launcher.adopt({0, 1, 5}) == {0, 1}
    assert {trial: ended.exit_code for trial, ended in later.ends(2).items()} == {0: 0, 1: 0}
    assert bench.printed(0) == bench.printed(1) == "done\n"


def test_also_where_the_earlier_one_died_before_it_wrote_down_the_array(bench):
    bench.submit("import time; time.sleep(2); print('done')")
    bench.launcher.leave()
    (bench.folder / "slurm" / "0000" / "array").unlink()
    later = Bench(bench.folder)
    assert later.launcher.adopt({0}) == {0}
    assert later.ends(1)[0].exit_code == 0


def test_a_batch_that_was_never_submitted_is_nobodys(bench):
    bench.submit("print('done')")
    bench.launcher.leave()
    bench.ends(1)
    (bench.folder / "slurm" / "0000").rename(bench.folder / "slurm" / "0001")  # so that no job is of this folder
    (bench.folder / "slurm" / "0001" / "array").unlink()
    assert Bench(bench.folder).launcher.adopt({0}) == set()


def test_a_trial_whose_node_is_lost_runs_again_on_another(on_slurm, bench):
    code = (
        "import os, time; print(os.environ['SLURMD_NODENAME'], flush=True); "
        "time.sleep(0 if os.environ.get('SLURM_RESTART_COUNT') else 600)"
    )
    bench.submit(code)
    bench.wait(lambda: bench.printed(0))
    lost = bench.printed(0).split()[0]
    on_slurm.kill_node(lost)
    try:
        ends = bench.ends(1)
    finally:
        on_slurm.start_node(lost)
    assert ends[0].exit_code == 0
    assert len(bench.printed(0).split()) == 2
    assert bench.printed(0).split()[1] != lost


def test_nothing_of_the_environment_is_written_down_but_what_the_study_sets(bench, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    bench.submit("import os; print(os.environ['SECRET_TOKEN'], os.environ['OWN'])", OWN="mine")
    bench.ends(1)
    assert bench.printed(0) == "hunter2 mine\n"
    written = [path.read_text() for path in (bench.folder / "slurm").rglob("*") if path.is_file()]
    assert any("mine" in text for text in written)
    assert not any("hunter2" in text for text in written)


def test_what_slurm_refuses_is_told_with_its_own_words(on_slurm, tmp_path):
    bench = Bench(tmp_path, slurm={"partition": "nowhere"})
    bench.submit("")
    with pytest.raises(WorkError, match=r"sbatch failed: .*partition"):
        bench.launcher.leave()


def test_many_short_trials_all_end_once(on_slurm, tmp_path):
    bench = Bench(tmp_path)
    bench.submit(*["print('x')"] * 60)
    ends = bench.ends(60)
    assert Counter(ended.exit_code for ended in ends.values()) == {0: 60}
    assert all(Path(tmp_path / f"{trial}.log").read_text() == "x\n" for trial in range(60))
