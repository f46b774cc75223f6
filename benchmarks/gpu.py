"""What a real GPU shows: run this where there is one.

    python -m benchmarks.gpu                 all of it, on the first GPU that can be used, about ten minutes
    python -m benchmarks.gpu --pretend 2     the script itself, against a driver that pretends to have GPUs

1. Each GPU that `playbook devices` shows is the one that a process sees to which it is given by UUID.
2. digits and textlm train on it: every trial completes, and the runner itself never holds memory of the GPU.
3. Out of memory: a trial that wants too much is infeasible where it is alone, and is tried alone where it was not.
4. Steps a second of 1, 2, 4 and 8 trials at once on one GPU, each beside the first.

Without a GPU it says so, and ends with exit code 2. With --pretend, trials train on the CPU, and what only a real GPU
can show is left out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.spec.load import dump, load
from tests.clusters import pretended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PLAYBOOK = (sys.executable, "-m", "playbook_cli")
CONFIGS = Path(__file__).parents[1] / "configs"
TOGETHER = (1, 2, 4, 8)
SEES = """
import torch
assert torch.cuda.device_count() == 1, torch.cuda.device_count()
print(torch.cuda.get_device_properties(0).uuid, torch.cuda.get_device_properties(0).name)
"""
HUNGRY = """
from playbook_cli import current_trial
trial = current_trial()
if trial.id == 0:
    try:
        import torch
        if not torch.cuda.is_available():
            raise RuntimeError("CUDA out of memory. Tried to allocate 1.00 PiB (pretended)")
        held = torch.empty(1 << 50, dtype=torch.uint8, device="cuda")
    finally:
        print("tried", flush=True)
trial.report(1, val_error=0.5)
"""


class Checks:
    """What was found, told as it comes."""

    def __init__(self) -> None:
        self.failed = 0

    def note(self, what: str, *, fine: bool) -> None:
        self.failed += not fine
        print(f"{'ok  ' if fine else 'FAIL'} {what}", flush=True)


def asked(env: Mapping[str, str], *arguments: str, cwd: Path | None = None) -> tuple[int, Any]:
    """The exit code and the JSON of a verb."""
    done = subprocess.run(
        [*PLAYBOOK, *arguments, "--json"],
        env={**os.environ, **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        print(done.stderr, file=sys.stderr)
        return done.returncode, {"trials": {}}
    return done.returncode, json.loads(done.stdout)


def same_devices(devices: list[dict[str, Any]], checks: Checks) -> None:
    """Whether CUDA, given a UUID, has the GPU that NVML calls so."""
    for device in devices:
        env = {**os.environ, "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": device["uuid"]}
        seen = subprocess.run([sys.executable, "-c", SEES], env=env, capture_output=True, text=True, check=False)
        uuid = seen.stdout.split(" ")[0].strip()
        fine = seen.returncode == 0 and device["uuid"].removeprefix("GPU-").removeprefix("MIG-").startswith(uuid[:8])
        said = seen.stdout.strip() or seen.stderr.strip().splitlines()[-1:]
        checks.note(f"gpu {device['index']}, {device['uuid']}: a process that is given it sees {said}", fine=fine)


def config(known: str, folder: Path, **changes: Any) -> Path:
    """A study of configs/ under another name, changed."""
    spec = load(CONFIGS / f"{known}.yaml")[0]
    resources = spec.resources.model_copy(update=changes.pop("resources"))
    path = folder / f"{changes['name']}.yaml"
    path.write_text(dump(spec.model_copy(update={**changes, "resources": resources})), encoding="utf-8")
    return path


def trains(name: str, folder: Path, env: Mapping[str, str], checks: Checks, *, steps: int, trials: int) -> None:
    resources = {"gpus": 1, "trials_per_gpu": 2}
    lengths = {"max_train_steps": steps, "eval_every": max(1, steps // 10)}
    path = config(name, folder, name=f"{name}-gpu", trials=trials, resources=resources, **lengths)
    code, answer = asked(env, "run", str(path), cwd=folder)
    done = answer["trials"].get("completed", 0) + answer["trials"].get("infeasible", 0)
    best = (answer.get("best") or {}).get("value")
    fine = code == 0 and done == trials and best is not None
    checks.note(f"{name}: {done} of {trials} trials of {steps} steps ended, two on a GPU; the best {best}", fine=fine)


def out_of_memory(folder: Path, env: Mapping[str, str], checks: Checks) -> None:
    """A trial that wants more than any GPU has, alone and beside others."""
    (folder / "hungry.py").write_text(HUNGRY, encoding="utf-8")
    for together in (1, 2):
        name = f"hungry-{together}"
        keys = {
            "name": name,
            "command": ["${python}", "hungry.py"],
            "metric": {"name": "val_error"},
            "max_train_steps": 1,
            "trials": 4,
            "nuisance": {"learning_rate": {"min": 0.1, "max": 1.0}},
            "resources": {"gpus": 1, "trials_per_gpu": together, "retries": 0},
        }
        (folder / f"{name}.yaml").write_text(json.dumps(keys), encoding="utf-8")
        asked(env, "run", f"{name}.yaml", cwd=folder)
        journal = (folder / "runs" / name / "trials.jsonl").read_text(encoding="utf-8").splitlines()
        ends = [event for event in map(json.loads, journal) if event["event"] == "ended" and event["trial"] == 0]
        states = [event["state"] for event in ends]
        wanted = ["infeasible"] if together == 1 else ["pending", "infeasible"]
        checks.note(f"out of memory, {together} on a GPU: {states}, {ends[-1]['reason']}", fine=states == wanted)


def throughput(folder: Path, env: Mapping[str, str], gpu: str, counts: Sequence[int], *, steps: int) -> None:
    """Steps a second of all trials that share one GPU, for so many of them at once.

    By the difference between long trials and trials of a fifth of it: the start of Python and CUDA is not in it.
    """
    first = None
    print("| trials on one GPU | steps a second of all | x one trial |\n|---|---|---|")
    for together in counts:
        took = [_seconds(folder, env, gpu, together=together, steps=each) for each in (steps // 5, steps)]
        if took[1] <= took[0]:
            print(f"| {together} | not measured: too few --steps for its noise | |", flush=True)
            continue
        rate = together * (steps - steps // 5) / (took[1] - took[0])
        first = first or rate
        print(f"| {together} | {rate:.1f} | {rate / first:.2f} |", flush=True)


def _seconds(folder: Path, env: Mapping[str, str], gpu: str, *, together: int, steps: int) -> float:
    """From the first start to the last end of so many trials that train at once."""
    name = f"together-{together}-{steps}"
    path = config(
        "textlm",
        folder,
        name=name,
        trials=together,
        scientific={},
        max_train_steps=steps,
        eval_every=steps,
        resources={"gpus": 1, "trials_per_gpu": together},
    )
    asked(env, "run", str(path), "--gpus", gpu, cwd=folder)
    journal = (folder / "runs" / name / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in journal]
    began = min(event["time"] for event in events if event["event"] == "started")
    ended = [event["time"] for event in events if event["event"] == "ended" and event["state"] == "completed"]
    if len(ended) < together:
        raise RuntimeError(f"{together - len(ended)} of {together} trials at once on one GPU did not complete")
    return float(max(ended) - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pretend", type=int, default=0, metavar="GPUS")
    parser.add_argument("--steps", type=int, default=2000, help="of each trial whose speed is measured")
    args = parser.parse_args()
    checks = Checks()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="playbook-gpu-")))
        env = {"TMPDIR": str(folder), **(pretended.gpus(folder, args.pretend) if args.pretend else {})}
        devices = [device for device in asked(env, "devices")[1]["devices"] if device["usable"]]
        if not devices:
            print("there is no GPU that can be used here, so nothing was checked: playbook devices says why")
            return 2
        print(f"{len(devices)} GPUs: {', '.join(device['name'] for device in devices)}")
        if args.pretend:
            print("pretended: whether CUDA sees what NVML lists is left out, and speeds are those of the CPU")
        else:
            same_devices(devices, checks)
        trains("digits", folder, env, checks, steps=args.steps // 10, trials=4)
        trains("textlm", folder, env, checks, steps=args.steps // 20, trials=4)
        out_of_memory(folder, env, checks)
        together = TOGETHER[:2] if args.pretend else TOGETHER
        throughput(folder, env, devices[0]["index"], together, steps=args.steps)
    print(f"{checks.failed} checks failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
