"""Whether `playbook lr-sweep` keeps its promises on real training.

    python benchmarks/lr_sweep.py [demo] [shifted] [racing] [textlm] [--seeds 20] [--jobs 2]

demo     the command itself on configs/digits.yaml, on the clock: `ok`, the optimum inside, under two minutes
shifted  grids a decade too low and a decade too high: the same learning rate as the good grid's with --extend,
         `edge` with --no-extend
racing   racing and the full grid on `--seeds` search seeds of digits: the same answer, and what share of steps it took
textlm   the command itself on configs/textlm.yaml: `never-fits`, and the advice for compute-bound work

All four without a name. Exits with 1 where any of it does not hold. The sweeps of `shifted` and `racing` fork their
trials from a process that has imported torch already; nothing else differs from the command.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["OMP_NUM_THREADS"] = "1"

import playbook_cli.workloads.digits  # noqa: F401 (forks begin with torch imported)
from playbook_cli.acts import Command
from playbook_cli.files.paths import StudyPaths
from playbook_cli.launch import Ended, Started
from playbook_cli.launch.entry import main as train_trial
from playbook_cli.running.probing import trials_in
from playbook_cli.running.study import Stop, Study
from playbook_cli.spec.load import dump, load
from playbook_cli.storage.lock import locked
from playbook_cli.sweep.answer import answer, as_json
from playbook_cli.sweep.grid import Grid
from playbook_cli.sweep.judge import judge
from playbook_cli.sweep.policy import Sweep
from playbook_cli.sweep.setting import settle

if TYPE_CHECKING:
    from playbook_cli.launch import Job

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


class ForkLauncher:
    """Trials as forks of this process."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._running: dict[int, int] = {}

    def free(self) -> int:
        return self.slots - len(self._running)

    def submit(self, job: Job) -> Started:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                output = os.open(job.stdout, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                os.dup2(output, 1)
                os.dup2(output, 2)
                os.environ.clear()
                os.environ.update(job.env, OMP_NUM_THREADS="1")
                os.chdir(job.cwd)
                train_trial([job.argv[-1]])
                code = 0
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                os._exit(code)
        self._running[job.trial] = pid
        return Started(slot="fork", process=pid)

    def poll(self) -> list[Ended]:
        ended = []
        for trial, pid in list(self._running.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self._running[trial]
                ended.append(Ended(trial=trial, exit_code=0))
        return ended

    def cancel(self, trial: int, *, now: bool = False) -> None:
        os.kill(self._running[trial], signal.SIGKILL if now else signal.SIGINT)


class Silent:
    """A watcher that shows nothing."""

    def __getattr__(self, name: str):
        return lambda *_: None


def digits(folder: Path, seed: int, jobs: int, *, extend: bool = True, racing: bool = True, **grid: float) -> dict:
    """The JSON of a sweep of digits."""
    study = load(CONFIGS / "digits.yaml")[0].model_copy(update={"seed": seed})
    section = study.lr_sweep.model_copy(update=grid)
    setting = settle(study, section, "digits")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths = StudyPaths(folder)
    policy = Sweep(setting, paths, section.steps, extend=extend, racing=racing)
    spec = policy.suggest([], 0).spec
    paths.spec.write_text(dump(spec))
    with locked(paths) as lock:
        outcome = Study(
            spec=spec,
            paths=paths,
            folder=CONFIGS,
            policy=policy,
            launcher=ForkLauncher(jobs),
            watcher=Silent(),
            lock=lock,
            stop=Stop(),
            origin={"source": "benchmark"},
        ).run()
    assert outcome.hopeless is None, outcome
    swept = policy.swept(trials_in(paths))
    return as_json(answer(setting, swept, judge(swept.points), Command(verb="lr-sweep"), found=None))


def command(folder: Path, config: str, *flags: str) -> tuple[dict, str, float]:
    """The JSON of the real command, what it says in words, and its seconds."""
    argv = [sys.executable, "-m", "playbook_cli", "lr-sweep", str(CONFIGS / config), "--runs", str(folder), *flags]
    begun = time.monotonic()
    given = json.loads(subprocess.run([*argv, "--json"], capture_output=True, text=True, check=True).stdout)
    seconds = time.monotonic() - begun
    return given, subprocess.run(argv, capture_output=True, text=True, check=True).stdout, seconds


def found(given: dict) -> tuple:
    return given["verdict"], given["max_train_steps"], given["learning_rate"]


def demo(folder: Path, _: argparse.Namespace) -> bool:
    given, words, seconds = command(folder / "demo", "digits.yaml")
    print(words)
    rates = [point["learning_rate"] for point in given["grid"]]
    print(f"demo: {found(given)} in {seconds:.0f} s; grid {rates[0]:g} to {rates[-1]:g}")
    return given["verdict"] == "ok" and rates[0] < given["learning_rate"] < rates[-1] and seconds < 120


def shifted(folder: Path, arguments: argparse.Namespace) -> bool:
    section = load(CONFIGS / "digits.yaml")[0].lr_sweep
    good = digits(folder / "good", 0, arguments.jobs)
    print(f"shifted: the file's grid, {section.min:g} to {section.max:g}: {found(good)}")
    holds = good["verdict"] == "ok"
    # Two decades each, at the file's spacing; the near end is a whole decade from the learning rate to be found.
    grid = Grid(low=section.min, high=section.max, points=section.points)
    decade = round(1 / grid.decades)
    best = [grid.rate(index) for index in range(grid.points)].index(good["learning_rate"])
    for name, first in (("too low", best - 3 * decade), ("too high", best + decade)):
        ends = {"min": grid.rate(first), "max": grid.rate(first + 2 * decade), "points": 2 * decade + 1}
        grown = digits(folder / "grown", 0, arguments.jobs, **ends)
        held = digits(folder / "held", 0, arguments.jobs, extend=False, **ends)
        tried = f"{ends['min']:.3g} to {ends['max']:.3g}"
        print(f"shifted: {name}, {tried}: {found(grown)}; --no-extend: {found(held)}")
        holds = holds and found(grown) == found(good) and found(held) == ("edge", None, None)
    return holds


def spread(shares: list[float]) -> str:
    return f"median {statistics.median(shares):.2f}, {min(shares):.2f} to {max(shares):.2f}"


def racing(folder: Path, arguments: argparse.Namespace) -> bool:
    shares, measured, same = [], [], 0
    for seed in range(arguments.seeds):
        raced = digits(folder / "raced", seed, arguments.jobs)
        full = digits(folder / "full", seed, arguments.jobs, racing=False)
        same += found(raced) == found(full)
        shares.append(raced["steps_spent"] / raced["steps_of_full_grid"])
        measured.append(raced["steps_spent"] / full["steps_spent"])
        spent, grid, ran = raced["steps_spent"], raced["steps_of_full_grid"], full["steps_spent"]
        shown = f"{spent} steps, {shares[-1]:.2f} of {grid}, {measured[-1]:.2f} of --no-race's {ran}"
        print(f"racing: seed {seed}: {found(raced)}, full grid {found(full)}; {shown}", flush=True)
    print(
        f"racing: the same answer on {same} of {arguments.seeds} seeds; steps spent / steps of the full grid: "
        f"{spread(shares)}; against --no-race, whose trials stop where they fit: {spread(measured)}"
    )
    return same == arguments.seeds and statistics.median(shares) <= 0.5


def textlm(folder: Path, _: argparse.Namespace) -> bool:
    given, words, seconds = command(folder / "textlm", "textlm.yaml")
    print(words)
    print(f"textlm: {found(given)} in {seconds:.0f} s")
    return found(given) == ("never-fits", None, None) and "compute-bound" in words


CLAIMS = {"demo": demo, "shifted": shifted, "racing": racing, "textlm": textlm}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("claims", nargs="*", help=" ".join(CLAIMS))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broken = [name for name in arguments.claims or CLAIMS if not CLAIMS[name](Path(folder), arguments)]
    print(f"does not hold: {', '.join(broken)}" if broken else "all of it holds")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
