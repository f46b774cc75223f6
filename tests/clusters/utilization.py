"""Eight pretended GPUs and a thousand trials of two seconds: how busy the GPUs are, and whether two trials ever met.

python -m tests.clusters.utilization [--trials 1000] [--gpus 8] [--seconds 2] [--trials-per-gpu 1]

The trials sleep, so eight of them fit on two cores. A trial is counted from its first line of Python to its last, so
the start of its interpreter is idle time of its GPU, and so is what the runner needs to see an end and to start anew.
Afterwards a run is interrupted, one is killed with SIGKILL and begun again, and one times out: what is still there?
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.clusters import pretended

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM = """
import time
began = time.time()
import json, os
time.sleep(float(os.environ["SECONDS"]))
with open(os.environ["PLAYBOOK_METRICS"], "w") as file:
    file.write('{"step": 1, "val_error": 0.5}\\n')
with open(os.path.join(os.environ["PLAYBOOK_TRIAL_DIR"], "span.json"), "w") as file:
    json.dump([os.environ["CUDA_VISIBLE_DEVICES"], began, time.time()], file)
"""
LEAST = 0.97
PATIENCE = 60.0


def study(folder: Path, name: str, *, trials: int, **resources: Any) -> Path:
    """A study of trials that each have one GPU and sleep."""
    keys = {
        "name": name,
        "command": ["${python}", "-S", str(folder / "train.py")],
        "metric": {"name": "val_error"},
        "max_train_steps": 1,
        "trials": trials,
        "nuisance": {"learning_rate": {"min": 0.1, "max": 1.0}},
        "resources": {"gpus": 1, "retries": 0, **resources},
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(keys), encoding="utf-8")
    return path


def start(file: Path, env: Mapping[str, str], seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "playbook_cli", "run", str(file)],
        cwd=file.parent,
        env={**os.environ, **env, "SECONDS": str(seconds), "TMPDIR": str(file.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def spans(runs: Path) -> dict[str, list[tuple[float, float]]]:
    """When each GPU had a trial, in order, by its UUID."""
    found: dict[str, list[tuple[float, float]]] = {}
    for path in runs.glob("trials/*/span.json"):
        device, began, ended = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(device, []).append((began, ended))
    return {device: sorted(times) for device, times in sorted(found.items())}


def most_at_once(times: list[tuple[float, float]]) -> int:
    """The largest number of spans that hold one moment."""
    edges = sorted([(began, 1) for began, _ in times] + [(ended, -1) for _, ended in times])
    return max(itertools.accumulate(change for _, change in edges), default=0)


def utilization(by_device: dict[str, list[tuple[float, float]]], slots: int) -> float:
    """The share of the time of all slots, from the first beginning to the last end, in which a trial ran."""
    every = [span for times in by_device.values() for span in times]
    whole = max(ended for _, ended in every) - min(began for began, _ in every)
    return sum(ended - began for began, ended in every) / (slots * whole)


def left(folder: Path) -> int:
    """Processes that belong to a trial of a study below `folder`, once they had time to end."""
    deadline = time.monotonic() + PATIENCE
    while True:
        count = 0
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                mine = process.environ().get("PLAYBOOK_TRIAL_DIR", "").startswith(str(folder))
                count += mine and process.status() != psutil.STATUS_ZOMBIE
        if count == 0 or time.monotonic() > deadline:
            return count
        time.sleep(0.2)


def wait_for_trials(folder: Path, count: int) -> None:
    """Until so many trials run."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(OSError):
            if (folder / "trials.jsonl").read_text(encoding="utf-8").count('"started"') >= count:
                return
        time.sleep(0.05)
    raise TimeoutError(f"no {count} trials began in {folder}")


def leftovers(folder: Path, env: Mapping[str, str], gpus: int) -> dict[str, int]:
    """Processes that are left after an interrupt, after SIGKILL and the next run, and after a time-out."""
    found = {}
    runner = start(study(folder, "interrupted", trials=4 * gpus), env, 600)
    wait_for_trials(folder / "runs" / "interrupted", gpus)
    runner.send_signal(signal.SIGINT)
    runner.wait()
    found["Ctrl-C"] = left(folder)
    file = study(folder, "killed", trials=gpus)
    runner = start(file, env, 600)
    wait_for_trials(folder / "runs" / "killed", gpus)
    runner.kill()
    runner.wait()
    start(file, env, 0.1).wait()
    found["SIGKILL, and the next run"] = left(folder)
    start(study(folder, "late", trials=gpus, timeout="3s"), env, 600).wait()
    found["time-out"] = left(folder)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--trials-per-gpu", type=int, default=1)
    args = parser.parse_args()
    why = pretended.missing()
    if why is not None:
        print(why, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="playbook-gpus-") as temporary:
        folder = Path(temporary)
        (folder / "train.py").write_text(PROGRAM, encoding="utf-8")
        env = pretended.gpus(folder, args.gpus)
        load = os.getloadavg()[0]
        file = study(folder, "busy", trials=args.trials, trials_per_gpu=args.trials_per_gpu)
        code = start(file, env, args.seconds).wait()
        by_device = spans(folder / "runs" / "busy")
        busy = utilization(by_device, args.gpus * args.trials_per_gpu)
        done = sum(map(len, by_device.values()))
        met = max(map(most_at_once, by_device.values()))
        found = leftovers(folder, env, args.gpus)
    asked, gpus = args.trials_per_gpu, f"{len(by_device)} of {args.gpus} GPUs"
    print(f"{done} of {args.trials} trials of {args.seconds:g} s on {gpus}, exit code {code}")
    print(f"at most {met} at once on one GPU ({asked} asked for)")
    print(f"utilization of the slots {busy:.4f} (wanted {LEAST}); other load of the machine at the start: {load:.1f}")
    for what, count in found.items():
        print(f"processes left after {what}: {count}")
    fine = code == 0 and done == args.trials and met <= asked and busy >= LEAST and not any(found.values())
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
