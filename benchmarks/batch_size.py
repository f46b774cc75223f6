"""Whether `playbook batch-size` recommends what a long measurement by other means would.

    python benchmarks/batch_size.py [digits] [textlm] [--seconds 4] [--rounds 5]

The command itself probes each configuration. Brute force then trains every size in this process, without the command's
machinery: in rounds over all sizes, so that a busy hour of the machine meets them all, and for `--seconds` of each in
each round. Its time is the CPU time of one thread, which is the wall time of an idle machine. The same rule picks the
best size from the medians. Exits with 1 where the two are more than one doubling apart.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from torch.nn.functional import cross_entropy

from playbook_cli.batch_size.judge import judge
from playbook_cli.batch_size.setting import GAIN
from playbook_cli.batch_size.sizes import Size
from playbook_cli.batch_size.timing import Timing
from playbook_cli.workloads import digits, textlm

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
SIZES = {"digits": [2**n for n in range(10)], "textlm": [2**n for n in range(10)]}
"""Digits has fewer than 1,024 training images."""


class Digits:
    """Updates of the network of configs/digits.yaml."""

    def __init__(self, held: dict) -> None:
        p = {**digits.DEFAULTS, **held}
        self._training = digits.load()[0]
        self._model = digits.build_model(p)
        self._optimizer = digits.build_optimizer(p, self._model)
        self._smoothing = p["label_smoothing"]

    def step(self, size: int) -> None:
        chosen = torch.randperm(len(self._training.labels))[:size]
        logits = self._model(self._training.images[chosen])
        loss = cross_entropy(logits, self._training.labels[chosen], label_smoothing=self._smoothing)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()


class Textlm:
    """Updates of the transformer of configs/textlm.yaml."""

    def __init__(self, held: dict) -> None:
        p = {**textlm.DEFAULTS, **held}
        self._training, _, vocabulary = textlm.load()
        self._model = textlm.Transformer(p, vocabulary)
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(), lr=p["learning_rate"], betas=(p["beta1"], p["beta2"])
        )
        self._context = p["context"]

    def step(self, size: int) -> None:
        starts = torch.randint(len(self._training) - self._context, (size, 1))
        batch = self._training[starts + torch.arange(self._context + 1)]
        loss = cross_entropy(self._model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()


def brute_force(name: str, held: dict, seconds: float, rounds: int) -> dict[int, float]:
    """CPU seconds of a step for each size: the median over the rounds."""
    torch.set_num_threads(1)
    trained = (Digits if name == "digits" else Textlm)(held)
    times: dict[int, list[float]] = {size: [] for size in SIZES[name]}
    for _ in range(rounds):
        for size in SIZES[name]:
            trained.step(size)
            count, start = 0, time.thread_time()
            while time.thread_time() - start < seconds or count < 3:
                trained.step(size)
                count += 1
            times[size].append((time.thread_time() - start) / count)
    return {size: statistics.median(of) for size, of in times.items()}


def picked(seconds: dict[int, float]) -> int:
    """What the command's rule picks from these times."""
    sizes = [
        Size(
            batch_size=size,
            state="fits",
            reason=None,
            timing=Timing(
                seconds=each, error=0.0, interval=1.0, intervals=1, every=1, evaluation=0.0, waited=0.0, precise=True
            ),
            peak_bytes=None,
            gpu_peak_bytes=None,
            gpu_total_bytes=None,
            probes=1,
        )
        for size, each in seconds.items()
    ]
    best = judge(sizes, GAIN).best
    assert best is not None
    return best.batch_size


def commanded(name: str) -> dict:
    """The JSON of the command on this configuration."""
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(
            [sys.executable, "-m", "playbook_cli", "batch-size", CONFIGS / f"{name}.yaml", "--json"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    return dict(json.loads(result.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*SIZES, []])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    apart = False
    for name in options.names or list(SIZES):
        start = time.monotonic()
        answer = commanded(name)
        took = time.monotonic() - start
        times = brute_force(name, answer["held"], options.seconds, options.rounds)
        best = picked(times)
        probed = {size["batch_size"]: size["seconds_per_step"] for size in answer["sizes"]}
        print(f"{name}: the command says {answer['batch_size']} (likely {answer['likely']}) after {took:.0f} s")
        print(f"{name}: brute force says {best}")
        for size, each in times.items():
            ours = f"{1000 * probed[size]:8.3f}" if probed.get(size) else " " * 8
            print(f"  {size:5d}  {1000 * each:8.3f} ms  {size / each:10,.0f} examples/s   the command: {ours} ms")
        apart = apart or not answer["batch_size"] or not 0.5 <= answer["batch_size"] / best <= 2
    sys.exit(1 if apart else 0)


if __name__ == "__main__":
    main()
