"""What launching costs: the same trials, two at a time, side by side.

    make peers                                      Optuna, Ray Tune and Syne Tune, in an environment of their own
    .venv-peers/bin/python benchmarks/launch.py     24 trials of 20 steps
    .venv-peers/bin/python benchmarks/launch.py --trials 4 --seconds 10     4 trials of about 10 s

A trial is a small perceptron on 1,000 images of 64 pixels, trained with AdamW on one thread. It is launched as a
process for each trial with Popen, by `playbook run` with forks and with fresh processes, trained with the others in
one process, one after another, and launched by the peers that are installed: see `launch_peers`. Each way runs
`--rounds` times, in turn; its fastest round counts, since a busy machine only ever adds. Wall time is that of the whole
command, from its start to its end.
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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.launch_peers import PEERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AT_ONCE = 2
FIT = """
import sys, time
import torch
from torch import nn

def fit(rate, steps, report, seed=0):
    torch.manual_seed(seed)
    images = torch.rand(1000, 64)
    labels = images[:, :10].argmax(1)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    begun = time.monotonic()
    for step in steps:
        chosen = torch.randint(0, 1000, (64,))
        loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            while time.monotonic() - begun < SECONDS * step / 20:
                model(images).sum().item()
            with torch.inference_mode():
                report(step, val_error=(model(images).argmax(1) != labels).double().mean().item())
"""
TRAIN = """
from playbook_cli import current_trial

def train(trial):
    fit(trial.params["learning_rate"], trial.steps(), trial.report, trial.seed)

if __name__ == "__main__":
    for rate in sys.argv[1:]:
        train(current_trial({"learning_rate": float(rate)}, max_train_steps=20, eval_every=10))
"""
STUDY = {
    "train": "launched:train",
    "metric": {"name": "val_error"},
    "max_train_steps": 20,
    "eval_every": 10,
    "nuisance": {"learning_rate": {"min": 1e-4, "max": 1e-2, "scale": "log"}},
    "resources": {"gpus": 0, "cpus": 1},
}
POPEN = "a process per trial (`Popen`)"
SEQUENCE = "one process, in sequence"


def popen(folder: Path, trials: int) -> None:
    waiting = rates(trials)
    running: list[subprocess.Popen[bytes]] = []
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            running.append(quietly([sys.executable, "launched.py", waiting.pop()], folder))
        for process in running:
            if process.poll() is not None:
                assert process.returncode == 0
        running = [process for process in running if process.returncode is None]
        time.sleep(0.001)


def in_sequence(folder: Path, trials: int) -> None:
    assert quietly([sys.executable, "launched.py", *rates(trials)], folder).wait() == 0


def rates(trials: int) -> list[str]:
    return [str(1e-4 * 100 ** (number / trials)) for number in range(trials)]


def playbook(folder: Path, trials: int, isolation: str) -> None:
    study = {"name": isolation, **STUDY, "trials": trials, "isolation": isolation}
    (folder / f"{isolation}.yaml").write_text(json.dumps(study))
    shutil.rmtree(folder / "runs" / isolation, ignore_errors=True)
    command = [sys.executable, "-m", "playbook_cli", "run", f"{isolation}.yaml", "--jobs", str(AT_ONCE)]
    assert quietly(command, folder).wait() == 0


def peer(folder: Path, trials: int, program: str) -> None:
    (folder / "peer.py").write_text(program)
    process = quietly([sys.executable, "peer.py", str(trials), str(AT_ONCE)], folder)
    assert process.wait() == 0, (folder / "said.txt").read_text()[-3000:]


def quietly(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / "said.txt").open("wb") as said:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)


WAYS: Mapping[str, Callable[[Path, int], None]] = {
    POPEN: popen,
    "`playbook run`, `isolation: process`": partial(playbook, isolation="process"),
    "`playbook run`, `isolation: fork`": partial(playbook, isolation="fork"),
    SEQUENCE: in_sequence,
    **{name: partial(peer, program=program) for name, program in PEERS.items()},
}


def walls(trials: int, seconds: float, rounds: int) -> tuple[dict[str, list[float]], bool]:
    """Seconds of each way in each round; and whether forks and fresh processes wrote the same metrics, to the byte."""
    taken: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        (folder / "launched.py").write_text(f"SECONDS = {seconds}\n{FIT}{TRAIN}")
        (folder / "fitted.py").write_text(f"SECONDS = {seconds}\n{FIT}")
        for number in range(rounds):
            for way, launch in WAYS.items():
                begun = time.monotonic()
                launch(folder, trials)
                taken[way].append(time.monotonic() - begun)
                print(f"round {number + 1}: {way}: {taken[way][-1]:.2f} s", file=sys.stderr, flush=True)
        return taken, same_results(folder, trials)


def same_results(folder: Path, trials: int) -> bool:
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
    taken, same = walls(args.trials, args.seconds, args.rounds)
    fastest = {way: min(times) for way, times in taken.items()}
    print(f"{args.trials} trials, {AT_ONCE} at a time, the fastest of {args.rounds} rounds")
    print("| | seconds | x a process per trial | x one process in sequence |\n|---|---|---|---|")
    for way, seconds in fastest.items():
        print(f"| {way} | {seconds:.2f} | {seconds / fastest[POPEN]:.3f} | {seconds / fastest[SEQUENCE]:.2f} |")
    print(f"metrics of forks and of fresh processes equal to the byte: {'yes' if same else 'NO'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
