"""How long the verbs that read take, and how much memory, where a study is absurdly large or its files are absurd.

    python benchmarks/extremes.py [--gigabytes 5] [--only evaluations,file,line,names,trials,hundred,arms,...]

evaluations   ten million: 100 trials of 100,000 each
file          one metrics file of so many gigabytes, with three metrics
line          a line of 100 MB in a metrics file, in the journal, and in the study file
names         20,000 records, each with a metric of another name
trials        20,000 trials
hundred       100,000 trials, the most that a study may have
arms          10,000 arms of two trials each
ranges        300 hyperparameters and 64 trials
product       a folder of results whose study file asks for a billion arms, and that file to be run

Every command must exit with 0, or with 2 and one message. Exits with 1 where one does not. `busy` is processor time.
Needs disk space of twice the gigabytes, below the temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from playbook_cli.files import journal
from playbook_cli.files.paths import StudyPaths
from playbook_cli.spec.load import dump, validate
from playbook_cli.spec.source import parse

if TYPE_CHECKING:
    from collections.abc import Callable

LINE = 100_000_000
BLOCK = 100_000
STUDY: dict[str, Any] = {
    "name": "extreme",
    "train": "json:loads",
    "metric": {"name": "val_error"},
    "nuisance": {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}},
}


def study(
    folder: Path,
    trials: int,
    steps: int,
    arm: Callable[[int], dict[str, int]] = lambda _: {},
    **changes: Any,
) -> StudyPaths:
    """A finished study without any metrics; `changes` of its file, and the arm of each trial."""
    paths = StudyPaths(folder / "runs" / "extreme")
    paths.trials.mkdir(parents=True)
    given = STUDY | {"trials": trials, "max_train_steps": steps, "eval_every": 1} | changes
    paths.spec.write_text(dump(validate(parse(json.dumps(given), "study.yaml"), kept=True)[0]))
    events: list[dict[str, Any]] = []
    for number in range(trials):
        about = {"trial": number, "time": float(number)}
        params: dict[str, Any] = {"x": number / trials, "y": number * 0.618 % 1.0} | arm(number)
        params |= {name: (number * 0.618 + place * 0.37) % 1.0 for place, name in enumerate(given["nuisance"])}
        events += [
            {"event": "planned", **about, "params": params, "arm": arm(number), "seed": number},
            {"event": "started", **about, "attempt": 1, "slot": "cpu0", "process": None},
            {"event": "ended", **about, "attempt": 1, "state": "completed", "reason": None, "exit_code": 0},
        ]
        paths.trial(number).dir.mkdir()
    journal.rewrite(paths.journal, events)
    return paths


def rows(first: int, count: int, trial: int) -> bytes:
    """Evaluations of `count` steps from `first` on, as the client writes them."""
    line = '{"step": %d, "train_loss": %r, "val_error": %r, "learning_rate": 0.01}\n'
    numbers = range(first, first + count)
    return "".join([line % (n, 1 / n, 0.1 + 1 / (n + 1000 * trial)) for n in numbers]).encode()


def evaluations(folder: Path, _: float) -> None:
    paths = study(folder, 100, BLOCK)
    for number in range(100):
        paths.trial(number).metrics.write_bytes(rows(1, BLOCK, number))


def file(folder: Path, gigabytes: float) -> None:
    paths = study(folder, 2, 1_000_000_000)
    paths.trial(1).metrics.write_bytes(rows(1, 1000, 1))
    with paths.trial(0).metrics.open("wb") as metrics:
        first = 1
        while metrics.tell() < gigabytes * 1e9:
            metrics.write(rows(first, BLOCK, 0))
            first += BLOCK


def line(folder: Path, _: float) -> None:
    paths = study(folder, 4, 10)
    for number in range(4):
        paths.trial(number).metrics.write_bytes(rows(1, 10, number))
    with paths.trial(0).metrics.open("ab") as metrics:
        metrics.write(b'{"step": 11, "note": "' + b"x" * LINE + b'"}\n')
    with paths.trial(1).metrics.open("ab") as metrics:
        metrics.write(b"[" * LINE + b"\n")
    with paths.journal.open("ab") as events:
        events.write(b'{"event": "note", "text": "' + b"x" * LINE + b'"}\n')
    (folder / "long.yaml").write_bytes(b"name: " + b"x" * LINE + b"\n")
    (folder / "deep.yaml").write_bytes(b"name: " + b"[" * 900_000)


def names(folder: Path, _: float) -> None:
    paths = study(folder, 2, 20_000)
    for number in range(2):
        lines = (f'{{"step": {n}, "val_error": {1 / n}, "m{n}": 1.0}}\n' for n in range(1, 20_001))
        paths.trial(number).metrics.write_text("".join(lines))


def trained(paths: StudyPaths, trials: int, steps: int = 10) -> None:
    """Evaluations of so many steps for each of these trials."""
    for number in range(trials):
        paths.trial(number).metrics.write_bytes(rows(1, steps, number))


def trials(folder: Path, _: float) -> None:
    trained(study(folder, 20_000, 10), 20_000)


def hundred(folder: Path, _: float) -> None:
    trained(study(folder, 100_000, 5), 100_000, 5)


def arms(folder: Path, _: float) -> None:
    asked = {"a": list(range(10_000))}
    trained(study(folder, 20_000, 5, lambda number: {"a": number % 10_000}, scientific=asked), 20_000, 5)


def ranges(folder: Path, _: float) -> None:
    trained(study(folder, 64, 20, nuisance={f"x{n}": {"min": 0.0, "max": 1.0} for n in range(300)}), 64, 20)


def product(folder: Path, _: float) -> None:
    asked = {f"a{n}": [0, 1] for n in range(30)}
    paths = study(folder, 4, 20, lambda number: dict.fromkeys(asked, number % 2), scientific=asked)
    trained(paths, 4, 20)
    (folder / "product.yaml").write_text(paths.spec.read_text())


CASES: dict[str, tuple[Callable[[Path, float], None], list[list[str]]]] = {
    "evaluations": (evaluations, [["report"], ["report"], ["status"], ["next", "--output", "-"]]),
    "file": (file, [["report", "--no-html"], ["report", "--no-html"], ["status"]]),
    "line": (line, [["report", "--no-html"], ["status"], ["plan", "long.yaml"], ["plan", "deep.yaml"]]),
    "names": (names, [["report", "--no-html"], ["status"]]),
    "trials": (trials, [["report", "--no-html"], ["status"]]),
    "hundred": (hundred, [["report"], ["report"], ["status"], ["next", "--output", "-"], ["export"]]),
    "arms": (arms, [["report"], ["status"], ["next", "--output", "-"], ["export"]]),
    "ranges": (ranges, [["report"], ["status"], ["next", "--output", "-"], ["export"]]),
    "product": (product, [["report"], ["status"], ["next", "--output", "-"], ["export"], ["plan", "product.yaml"]]),
}


def command(folder: Path, arguments: list[str]) -> tuple[int, float, float, float, str]:
    """Exit code, seconds, seconds of processor time, peak memory in MB, and what it said on stderr."""
    given = [*arguments, "runs/extreme"] if arguments[0] != "plan" else arguments
    begun = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "playbook_cli", *given], cwd=folder, stdout=subprocess.DEVNULL, stderr=said
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        seconds, busy = time.monotonic() - begun, used.ru_utime + used.ru_stime
        return process.returncode, seconds, busy, used.ru_maxrss / 1024, said.read(2000).decode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--only", default=",".join(CASES))
    args = parser.parse_args()
    bad = 0
    print(f"{'case':<13}{'MB on disk':>11}  {'command':<26}{'exit':>5}{'seconds':>9}{'busy':>8}{'peak MB':>9}")
    for name in args.only.split(","):
        make, commands = CASES[name]
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            make(folder, args.gigabytes)
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
            for arguments in commands:
                code, seconds, busy, memory, said = command(folder, arguments)
                took = f"{seconds:>9.1f}{busy:>8.1f}{memory:>9,.0f}"
                print(f"{name:<13}{size:>11,.0f}  {' '.join(arguments):<26}{code:>5}{took}", flush=True)
                if code not in (0, 2) or "Traceback" in said or (code and said.count("\n") > 4):
                    bad += 1
                    print(said)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
