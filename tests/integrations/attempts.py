"""Attempts at trials, each a process; one program imports the library once for all of them."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.files import journal

if TYPE_CHECKING:
    from pathlib import Path

FORK = """
import contextlib, json, os, pathlib, sys

def attempt(name, params, env, die, further):
    folder = pathlib.Path(name).absolute()
    folder.mkdir(exist_ok=True)
    (folder / "params.json").write_text(json.dumps(params))
    values = {"TRIAL_ID": "0", "TRIAL_DIR": folder, "PARAMS": folder / "params.json", "SEED": "7", "EVAL_EVERY": "4",
              "MAX_TRAIN_STEPS": "10", "METRICS": folder / "metrics.jsonl", "METRIC": METRIC, **env}
    if values["TRIAL_ID"] is not None:
        os.environ.update({f"PLAYBOOK_{key}": str(value) for key, value in values.items()})
    os.chdir(folder)
    log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    train(die, **further)

for name, params, env, die, further in json.load(sys.stdin):
    child = os.fork()
    if child == 0:
        try:
            attempt(name, params, env, die, further)
        except SystemExit as ended:
            code = ended.code or 0
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 1
        else:
            code = 0
        sys.stdout.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A trial after its attempts."""

    folder: Path
    codes: list[int]
    """How each attempt ended; minus a signal's number where by that signal."""

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    @property
    def records(self) -> list[dict[str, Any]]:
        return journal.read(self.folder / "metrics.jsonl")

    def by_step(self) -> dict[int, dict[str, float]]:
        """All that is recorded of each step."""
        merged: dict[int, dict[str, float]] = {}
        for record in self.records:
            step = merged.setdefault(record["step"], {})
            step.update({name: value for name, value in record.items() if name != "step"})
        return merged


def run(program: str, metric: str, trials: dict[str, list[dict[str, Any]]], folder: Path) -> dict[str, Tried]:
    """Make the attempts of each trial: `params`, `env`, where to `die`, and what else `train` in `program` takes.

    Once in `folder`: of the test processes that ask for it, the first does it, and the others wait.
    """
    folder.mkdir(parents=True, exist_ok=True)
    codes = folder / "codes"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not codes.exists():
            codes.write_text(_run(program, metric, trials, folder))
    code = iter(map(int, codes.read_text().split()))
    return {name: Tried(folder=folder / name, codes=[next(code) for _ in trials[name]]) for name in trials}


def _run(program: str, metric: str, trials: dict[str, list[dict[str, Any]]], folder: Path) -> str:
    plan = [
        [name, how.get("params", {}), how.get("env", {}), how.get("die"), how.get("further", {})]
        for name, attempts in trials.items()
        for how in attempts
    ]
    process = subprocess.run(
        [sys.executable, "-c", f"METRIC = {metric!r}\n{textwrap.dedent(program)}\n{FORK}"],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout
