"""Kill the runner with SIGKILL at random moments, run the study again, and check that nothing was lost.

    python benchmarks/kill9.py [--studies 20] [--kills 3] [--seed 0]

Each study has 40 short trials. It is killed up to `--kills` times and then run to its end, and compared with one
that was never disturbed: the same ids, parameters, seeds and metrics, no process left behind, a readable journal.
Exits with 1 where any of that does not hold.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

TRAIN = """
import random, time

def train(trial):
    noise = random.Random(trial.seed)
    rate = trial.params["learning_rate"]
    for step in trial.steps():
        time.sleep(0.004)
        if trial.should_evaluate(step):
            trial.report(step, val_error=abs(rate - 0.1) + noise.random() / step)
"""
STUDY = """
name: kills
train: short:train
metric: {name: val_error, goal: minimize}
max_train_steps: 40
eval_every: 4
trials: 40
nuisance:
  learning_rate: {min: 1e-3, max: 1.0, scale: log}
  batch: {min: 1, max: 64}
resources: {gpus: 0}
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "playbook_cli", "run", "study.yaml", "--jobs", "4"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def result(folder: Path) -> dict[int, object]:
    """What a finished study holds, by trial."""
    study = folder / "runs" / "kills"
    events = [json.loads(line) for line in (study / "trials.jsonl").read_text().splitlines()]
    planned = [event for event in events if event["event"] == "planned"]
    state = {event["trial"]: event["state"] for event in events if event["event"] == "ended"}
    assert sorted(e["trial"] for e in planned) == list(range(40)), "ids are planned once each"
    ends = collections.Counter(e["trial"] for e in events if e["event"] == "ended" and e["state"] == "completed")
    assert ends == dict.fromkeys(range(40), 1), "each trial completes once"
    assert set(state.values()) == {"completed"}, state
    return {
        event["trial"]: (
            event["params"],
            event["seed"],
            (study / "trials" / f"{event['trial']:04d}" / "metrics.jsonl").read_text(),
        )
        for event in planned
    }


def left_behind(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PLAYBOOK_TRIAL_DIR", "").startswith(str(folder)):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def prepared(folder: Path) -> Path:
    folder.mkdir()
    (folder / "short.py").write_text(TRAIN)
    (folder / "study.yaml").write_text(STUDY)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    moments = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary).resolve()
        undisturbed = prepared(root / "undisturbed")
        begun = time.monotonic()
        assert start(undisturbed).wait() == 0
        span = time.monotonic() - begun
        expected = result(undisturbed)
        print(f"undisturbed: 40 trials in {span:.1f} s")
        kills = orphaned = 0
        for number in range(args.studies):
            folder = prepared(root / f"study{number}")
            for _ in range(moments.randint(1, args.kills)):
                runner = start(folder)
                try:
                    runner.wait(timeout=moments.uniform(0.05, 0.6 * span))
                    break  # it was done before the moment came
                except subprocess.TimeoutExpired:
                    runner.kill()
                    runner.wait()
                    kills += 1
                    orphaned += len(left_behind(folder))
            last = start(folder)
            _, said = last.communicate()
            assert last.returncode == 0, said.decode()
            assert result(folder) == expected, f"study {number} differs from the undisturbed one"
            assert not left_behind(folder), f"study {number} left processes behind"
            print(f"study {number}: as undisturbed", flush=True)
        print(f"{args.studies} studies, {kills} kills, {orphaned} orphaned trials ended, 0 differences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
