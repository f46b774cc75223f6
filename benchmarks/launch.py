"""What launching costs: the same trials, two at a time, side by side.

    python benchmarks/launch.py                             24 trials of 20 steps
    python benchmarks/launch.py --trials 4 --seconds 10     4 trials of about 10 s

A trial is a small perceptron on 1,000 images of 64 pixels, trained with AdamW on one thread. It is launched as a
process for each trial with Popen, by `playbook run` with forks and with fresh processes, and trained with the others in
one process, one after another. Each way runs `--rounds` times, in turn; its fastest round counts, since a busy machine
only ever adds. Wall time is that of the whole command, from its start to its end.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAIN = """
import sys, time
import torch
from torch import nn
from playbook_cli import current_trial

SECONDS = {seconds}

def train(trial):
    torch.manual_seed(trial.seed)
    images = torch.rand(1000, 64)
    labels = images[:, :10].argmax(1)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=trial.params["learning_rate"])
    begun = time.monotonic()
    for step in trial.steps():
        chosen = torch.randint(0, 1000, (64,))
        loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if trial.should_evaluate(step):
            while time.monotonic() - begun < SECONDS * step / trial.max_train_steps:
                model(images).sum().item()
            with torch.inference_mode():
                trial.report(step, val_error=(model(images).argmax(1) != labels).double().mean().item())

if __name__ == "__main__":
    for rate in sys.argv[1:]:
        train(current_trial({{"learning_rate": float(rate)}}, max_train_steps=20, eval_every=10))
"""
STUDY = {
    "train": "launched:train",
    "metric": {"name": "val_error"},
    "max_train_steps": 20,
    "eval_every": 10,
    "nuisance": {"learning_rate": {"min": 1e-4, "max": 1e-2, "scale": "log"}},
    "resources": {"gpus": 0, "cpus": 1},
}
AT_ONCE = 2


def popen(folder: Path, trials: int) -> None:
    rates = [str(1e-4 * 100 ** (number / trials)) for number in range(trials)]
    running: list[subprocess.Popen[bytes]] = []
    while rates or running:
        while rates and len(running) < AT_ONCE:
            running.append(quietly([sys.executable, "launched.py", rates.pop()], folder))
        for process in running:
            if process.poll() is not None:
                assert process.returncode == 0
        running = [process for process in running if process.returncode is None]
        time.sleep(0.001)


def in_sequence(folder: Path, trials: int) -> None:
    rates = [str(1e-4 * 100 ** (number / trials)) for number in range(trials)]
    assert quietly([sys.executable, "launched.py", *rates], folder).wait() == 0


def playbook(folder: Path, trials: int, isolation: str) -> None:
    study = {"name": isolation, **STUDY, "trials": trials, "isolation": isolation}
    (folder / f"{isolation}.yaml").write_text(json.dumps(study))
    shutil.rmtree(folder / "runs" / isolation, ignore_errors=True)
    command = [sys.executable, "-m", "playbook_cli.cli", "run", f"{isolation}.yaml", "--jobs", str(AT_ONCE)]
    assert quietly(command, folder).wait() == 0


def quietly(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def same_results(folder: Path, trials: int) -> bool:
    """Whether forks and fresh processes wrote the same metrics, to the byte."""
    names = [f"trials/{number:04d}/metrics.jsonl" for number in range(trials)]
    return all(
        (folder / "runs" / "fork" / name).read_bytes() == (folder / "runs" / "process" / name).read_bytes()
        for name in names
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=0.0, help="that a trial takes at least")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    ways = {
        "a process per trial (Popen)": popen,
        "playbook run, isolation: process": lambda folder, trials: playbook(folder, trials, "process"),
        "playbook run, isolation: fork": lambda folder, trials: playbook(folder, trials, "fork"),
        "one process, in sequence": in_sequence,
    }
    walls: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "launched.py").write_text(TRAIN.format(seconds=args.seconds))
        for number in range(args.rounds):
            for way, launch in ways.items():
                begun = time.monotonic()
                launch(folder, args.trials)
                walls[way].append(time.monotonic() - begun)
                print(f"round {number + 1}: {way}: {walls[way][-1]:.2f} s", file=sys.stderr, flush=True)
        same = same_results(folder, args.trials)
    fastest = {way: min(times) for way, times in walls.items()}
    first, *_, last = fastest.values()
    print(f"{args.trials} trials, {AT_ONCE} at a time, the fastest of {args.rounds} rounds")
    print("| | seconds | x a process per trial | x one process in sequence |\n|---|---|---|---|")
    for way, seconds in fastest.items():
        print(f"| {way} | {seconds:.2f} | {seconds / first:.3f} | {seconds / last:.2f} |")
    print(f"metrics of forks and of fresh processes equal to the byte: {'yes' if same else 'NO'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
