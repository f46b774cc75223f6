"""A study on a cluster of pretended nodes, one of which dies in the middle: nothing is lost.

python -m benchmarks.clusters.demo slurm|ray [--study configs/digits.yaml] [--runs DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.clusters import ray, slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PLAYBOOK = (sys.executable, "-m", "playbook_cli.cli")
BEFORE_THE_LOSS = 0.25
"""Share of the trials that have completed when a node dies."""


def main() -> int:
    """Run the study, kill a node, and say what became of every trial."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cluster", choices=["slurm", "ray"])
    parser.add_argument("--study", type=Path, default=Path("configs/digits.yaml"))
    parser.add_argument("--runs", type=Path)
    options = parser.parse_args()
    why = (slurm if options.cluster == "slurm" else ray).missing()
    if why is not None:
        print(f"no cluster: {why}", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="playbook-cluster-")))
        runs = options.runs or folder / "runs"
        if options.cluster == "slurm":
            on_slurm = stack.enter_context(slurm.SlurmCluster(folder, nodes=3, gpus=2))
            command = playbook_run(options, runs)
            return demonstrate(command, options.study, runs, on_slurm.env, lambda: on_slurm.kill_node("n1"))
        on_ray = stack.enter_context(ray.RayCluster(nodes=3, gpus=2))
        command = on_ray.inside(*playbook_run(options, runs))
        return demonstrate(command, options.study, runs, {}, lambda: on_ray.kill_node(0))


def playbook_run(options: argparse.Namespace, runs: Path) -> list[str]:
    return [*PLAYBOOK, "run", str(options.study), "--launcher", options.cluster, "--runs", str(runs)]


def demonstrate(
    command: Sequence[str], study: Path, runs: Path, env: Mapping[str, str], kill: Callable[[], None]
) -> int:
    """0 where every trial completed although a node was killed."""
    own = {**os.environ, **env, "OMP_NUM_THREADS": "1"}
    begun = time.monotonic()
    runner = subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL)
    killed = False
    while runner.poll() is None:
        time.sleep(0.5)
        counted = status(study, runs, own)
        if not killed and counted and counted["completed"] >= BEFORE_THE_LOSS * counted["planned"]:
            print(f"--- a node dies now, after {counted['completed']} trials", flush=True)
            kill()
            killed = True
    counted = status(study, runs, own) or {}
    print(
        f"--- {counted}, a node {'was' if killed else 'was never'} lost, {time.monotonic() - begun:.0f} s", flush=True
    )
    return 0 if killed and counted.get("completed") == counted.get("planned") and runner.returncode == 0 else 1


def status(study: Path, runs: Path, env: Mapping[str, str]) -> dict[str, Any] | None:
    """Trials by state; None while there is no study yet."""
    asked = [*PLAYBOOK, "status", str(study), "--runs", str(runs), "--json"]
    answer = subprocess.run(asked, env=env, capture_output=True, text=True, check=False)
    return dict(json.loads(answer.stdout)["trials"]) if answer.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
