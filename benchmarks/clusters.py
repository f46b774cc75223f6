"""A study on a cluster of pretended nodes on this machine, one of which dies in the middle: nothing is lost.

python -m benchmarks.clusters slurm|ray [--study configs/digits.yaml] [--trials 12] [--runs DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from playbook_cli.files.paths import StudyPaths
from playbook_cli.spec.load import dump, load
from tests.clusters import ray, slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PLAYBOOK = (sys.executable, "-m", "playbook_cli")
NODES, GPUS = 3, 2
BEFORE_THE_LOSS = 0.25
"""Share of the trials that have completed when a node dies."""


def main() -> int:
    """Run the study, kill a node, and say what became of every trial."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cluster", choices=["slurm", "ray"])
    parser.add_argument("--study", type=Path, default=Path("configs/digits.yaml"))
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--runs", type=Path)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the cluster ends with its demonstration
    why = (slurm if options.cluster == "slurm" else ray).missing()
    if why is not None:
        print(f"no cluster: {why}", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="playbook-cluster-")))
        study = shortened(options.study, options.trials, folder)
        runs = (options.runs or folder / "runs").absolute()
        command = [*PLAYBOOK, "run", str(study), "--launcher", options.cluster, "--runs", str(runs)]
        paths = StudyPaths(runs / study.stem)
        print(f"--- a {options.cluster} cluster of {NODES} nodes with {GPUS} pretended GPUs each comes up", flush=True)
        if options.cluster == "slurm":
            on_slurm = stack.enter_context(slurm.SlurmCluster(folder, nodes=NODES, gpus=GPUS))
            return demonstrate(command, paths, on_slurm.env, lambda: on_slurm.kill_node("n1"))
        on_ray = stack.enter_context(ray.RayCluster(nodes=NODES, gpus=GPUS))
        return demonstrate(on_ray.inside(*command), paths, {}, lambda: on_ray.kill_node(0))


def shortened(study: Path, trials: int, folder: Path) -> Path:
    """The study with so many trials, each of which asks for a GPU."""
    spec = load(study)[0]
    resources = spec.resources.model_copy(update={"gpus": 1})
    path = folder / f"{spec.name}.yaml"
    path.write_text(dump(spec.model_copy(update={"trials": trials, "resources": resources})), encoding="utf-8")
    return path


def demonstrate(command: Sequence[str], paths: StudyPaths, env: Mapping[str, str], kill: Callable[[], None]) -> int:
    """0 where every trial completed although a node was killed."""
    own = {**os.environ, **env, "OMP_NUM_THREADS": "1"}
    begun = time.monotonic()
    runner = subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL)
    lost: dict[int, int] | None = None
    while runner.poll() is None:
        time.sleep(0.5)
        counted = counts(paths, own)
        if lost is None and counted and counted["completed"] >= BEFORE_THE_LOSS * counted["planned"]:
            on_nodes = {trial: step(paths, trial) for trial in running(paths)}
            kill()
            time.sleep(0.5)
            lost = {trial: at for trial, at in on_nodes.items() if trial not in running(paths)}
            held = ", ".join(f"trial {trial} (at step {at})" for trial, at in lost.items()) or "no trial"
            print(f"--- a node dies after {counted['completed']} trials; on it: {held}", flush=True)
    counted = counts(paths, own) or {}
    for trial, at in (lost or {}).items():
        print(f"--- trial {trial}, at step {at} when its node died, has come to step {step(paths, trial)}", flush=True)
    every = f"{counted.get('completed')} of {counted.get('planned')} trials completed"
    took = f"{time.monotonic() - begun:.0f} s"
    print(f"--- {every}; a node {'never died' if lost is None else 'died'}; {took}", flush=True)
    whole = counted.get("completed") == counted.get("planned")
    return 0 if lost is not None and whole and runner.returncode == 0 else 1


def running(paths: StudyPaths) -> list[int]:
    """The trials whose watching process lives: all nodes of this cluster are on this machine."""
    found = []
    for path in sorted(paths.trials.glob("*/node.json")):
        with suppress(OSError, ValueError, psutil.Error):
            note = json.loads(path.read_text(encoding="utf-8"))
            if not note["ended"] and psutil.Process(note["pid"]).status() != psutil.STATUS_ZOMBIE:
                found.append(int(path.parent.name))
    return found


def step(paths: StudyPaths, trial: int) -> int:
    """The step of a trial's last evaluation."""
    with suppress(OSError, ValueError, IndexError):
        last = paths.trial(trial).metrics.read_text(encoding="utf-8").splitlines()[-1]
        return int(json.loads(last)["step"])
    return 0


def counts(paths: StudyPaths, env: Mapping[str, str]) -> dict[str, Any] | None:
    """Trials by state; None while there is no study yet."""
    asked = [*PLAYBOOK, "status", str(paths.dir), "--json"]
    answer = subprocess.run(asked, env=env, capture_output=True, text=True, check=False)
    return dict(json.loads(answer.stdout)["trials"]) if answer.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
