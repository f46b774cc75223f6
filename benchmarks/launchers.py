"""What each launcher costs a trial, beside plain `sbatch` and a plain Ray task that run the same program.

python -m benchmarks.launchers [--trials 48] [--only local slurm ray]

The program writes one evaluation and ends. Slots: eight on each cluster and on this machine. What is told is the wall
time of all trials, from the first submission to the last end, over their number; the start of `playbook run` itself and
that of the cluster are left out. Everything runs in one go, one after another.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clusters import pretended, ray, slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROGRAM = """
import os
with open(os.environ["PLAYBOOK_METRICS"], "w") as file:
    file.write('{"step": 1, "val_error": 0.5}\\n')
"""
PLAIN_RAY = """
import os, subprocess, sys, time
import ray
ray.init(address="auto", log_to_driver=False, configure_logging=False)
folder, trials = sys.argv[1], int(sys.argv[2])

def trial(number):
    env = {**os.environ, "PLAYBOOK_METRICS": f"{folder}/{number}.jsonl"}
    return subprocess.call([sys.executable, "-S", f"{folder}/train.py"], env=env)

task = ray.remote(num_cpus=1, num_gpus=1, max_calls=0)(trial)
begun = time.time()
assert not any(ray.get([task.remote(number) for number in range(trials)]))
print("seconds:", time.time() - begun)
"""
GPUS = 8


def study(folder: Path, launcher: str, trials: int) -> Path:
    keys = {
        "name": launcher,
        "command": ["${python}", "-S", str(folder / "train.py")],
        "metric": {"name": "val_error"},
        "max_train_steps": 1,
        "trials": trials,
        "nuisance": {"learning_rate": {"min": 0.1, "max": 1.0}},
        "resources": {"gpus": 1, "retries": 0},
        "launcher": launcher,
    }
    path = folder / f"{launcher}.yaml"
    path.write_text(json.dumps(keys), encoding="utf-8")
    return path


def playbook(folder: Path, file: Path, env: Mapping[str, str], inside: Callable[..., Sequence[str]]) -> float:
    """Seconds from the first start to the last end, as the journal has them."""
    command = inside(sys.executable, "-m", "playbook_cli", "run", str(file))
    subprocess.run(command, cwd=folder, env={**os.environ, **env}, capture_output=True, check=True)
    lines = (folder / "runs" / file.stem / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    started = [event["time"] for event in events if event["event"] == "started"]
    ended = [event["time"] for event in events if event["event"] == "ended" and event["state"] == "completed"]
    assert len(ended) == len(started), "a trial did not complete"
    return float(max(ended) - min(started))


def popen(folder: Path, trials: int) -> float:
    """As many processes at once as there are GPUs, nothing else."""
    begun = time.monotonic()
    running: list[subprocess.Popen[bytes]] = []
    for number in range(trials):
        while len(running) >= GPUS:
            running = [process for process in running if process.poll() is None]
            time.sleep(0.001)
        env = {**os.environ, "PLAYBOOK_METRICS": f"{folder}/{number}.jsonl"}
        running.append(subprocess.Popen([sys.executable, "-S", str(folder / "train.py")], env=env))
    assert not any(process.wait() for process in running)
    return time.monotonic() - begun


def sbatch(folder: Path, trials: int, env: Mapping[str, str]) -> float:
    """One array job, waited for by sbatch itself."""
    program = shlex.join([sys.executable, "-S", str(folder / "train.py")])
    script = f"#!/bin/sh\nexport PLAYBOOK_METRICS={folder}/$SLURM_ARRAY_TASK_ID.jsonl\nexec {program}\n"
    begun = time.monotonic()
    subprocess.run(
        ["sbatch", "--wait", "--gres=gpu:1", "--output=/dev/null", f"--array=0-{trials - 1}"],
        input=script,
        text=True,
        env={**os.environ, **env},
        capture_output=True,
        check=True,
    )
    return time.monotonic() - begun


def plain_ray(folder: Path, trials: int, cluster: ray.RayCluster) -> float:
    (folder / "plain.py").write_text(PLAIN_RAY, encoding="utf-8")
    command = cluster.inside(sys.executable, str(folder / "plain.py"), str(folder), str(trials))
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    return float(said.rpartition("seconds: ")[2])


def measured(launcher: str, folder: Path, trials: int) -> tuple[str, float, float]:
    """What stands beside a launcher, the seconds of that, and its own."""
    (folder / "train.py").write_text(PROGRAM, encoding="utf-8")
    file = study(folder, launcher, trials)
    if launcher == "local":
        env = {**pretended.gpus(folder, GPUS), "TMPDIR": str(folder)}
        return "Popen", popen(folder, trials), playbook(folder, file, env, lambda *words: words)
    if launcher == "slurm":
        with slurm.SlurmCluster(folder, nodes=2, gpus=GPUS // 2) as on_slurm:
            plain = sbatch(folder, trials, on_slurm.env)
            return "sbatch --array --wait", plain, playbook(folder, file, on_slurm.env, lambda *words: words)
    with ray.RayCluster(nodes=2, gpus=GPUS // 2) as on_ray:
        plain_ray(folder, GPUS, on_ray)  # its workers start here, and are used again by both
        plain = plain_ray(folder, trials, on_ray)
        return "a Ray task that runs the program", plain, playbook(folder, file, {}, on_ray.inside)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--only", nargs="+", choices=["local", "slurm", "ray"], default=["local", "slurm", "ray"])
    args = parser.parse_args()
    print(f"{args.trials} trials, {GPUS} at once; load of the machine at the start {os.getloadavg()[0]:.1f}")
    print("| launcher | ms a trial | beside it | ms a trial | ratio |\n|---|---|---|---|---|")
    for launcher in args.only:
        why = {"local": pretended, "slurm": slurm, "ray": ray}[launcher].missing()
        if why is not None:
            print(f"| {launcher} | {why} | | | |")
            continue
        with tempfile.TemporaryDirectory(prefix="playbook-launchers-") as temporary:
            what, plain, ours = measured(launcher, Path(temporary), args.trials)
        each, beside = 1000 * ours / args.trials, 1000 * plain / args.trials
        print(f"| {launcher} | {each:.0f} | {what} | {beside:.0f} | {ours / plain:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
