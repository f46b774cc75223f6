"""What recording, reading, starting and launching cost, side by side with peers, as one Markdown table.

    make peers                                            # the peers, pinned, in an environment of their own
    .venv-peers/bin/python benchmarks/speed.py [--rounds 5] [--only recording,reading,starting,launching]

Every way takes its turn in every round, after one round that does not count; what is printed are the median of the
times and the median of each round's ratio to the first way. On a machine that is busy otherwise, `--cpu` counts
processor time in place of time, except of launching. Peers that are not installed are left out. Peers that would take
minutes get less to do, and count by the evaluation. Launching is measured by launch.py, which says how.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import launch
from benchmarks import speed_peers as peers
from playbook_cli import Trial
from playbook_cli.files import journal
from playbook_cli.files.paths import StudyPaths
from playbook_cli.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    Numbers = dict[str, float]

METRICS = ("val_error", "train_loss", "train_error", "learning_rate")
TENSORBOARD = find_spec("tensorboard") is not None
OPTUNA = find_spec("optuna") is not None


class Way(NamedTuple):
    """One of the things that are compared."""

    name: str
    run: Callable[[], object]
    count: int = 1
    """Of what it does in one run; times are divided by it."""
    prepare: Callable[[], object] = bool


def table(title: str, unit: str, scale: float, ways: list[Way], options: argparse.Namespace) -> None:
    seconds: dict[str, list[float]] = {way.name: [] for way in ways}
    clock = processor if options.cpu else time.perf_counter
    for number in range(options.rounds + 1):
        for way in ways:
            way.prepare()
            begun = clock()
            way.run()
            if number > 0:
                seconds[way.name].append((clock() - begun) / way.count)
    print_rows(title, unit, scale, seconds)


def print_rows(title: str, unit: str, scale: float, seconds: dict[str, list[float]]) -> None:
    first = next(iter(seconds.values()))
    for number, (name, times) in enumerate(seconds.items()):
        ratio = statistics.median(mine / theirs for mine, theirs in zip(times, first, strict=True))
        time_taken = statistics.median(times) * scale
        print(f"| {title if number == 0 else ''} | {name} | {time_taken:,.2f} {unit} | {ratio:,.3f} |", flush=True)


def processor() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def recording(folder: Path, options: argparse.Namespace) -> None:
    count = options.records
    for metrics in (1, 2, 4):
        records = measurements(count, METRICS[:metrics])
        fewer = records[: max(1, count // 400)]
        ways = [
            Way("line-buffered `json.dumps` write", partial(write_lines, folder / "lines", records), count),
            Way("`QuickJournal.append`", partial(append, folder / "journal", records), count),
            Way("`trial.report`", partial(report, folder / "metrics.jsonl", records), count),
        ]
        if TENSORBOARD:
            ways.append(Way("TensorBoard `add_scalar`", partial(peers.add_scalar, folder / "tb", records), count))
        if OPTUNA and metrics == 1:
            reported = partial(peers.trial_report, folder / "reported", fewer)
            ways.append(Way("Optuna `trial.report`, SQLite", reported, len(fewer)))
        names = "1 metric" if metrics == 1 else f"{metrics} metrics"
        table(f"recording {names} at a step", "µs", 1e6, ways, options)


def measurements(count: int, names: tuple[str, ...]) -> list[Numbers]:
    return [{name: random.random() for name in names} for _ in range(count)]


def write_lines(path: Path, records: list[Numbers]) -> None:
    with path.open("w", buffering=1) as file:
        for step, record in enumerate(records, start=1):
            file.write(json.dumps({"step": step, **record}) + "\n")


def append(path: Path, records: list[Numbers]) -> None:
    opened = journal.QuickJournal(path)
    for step, record in enumerate(records, start=1):
        opened.append({"step": step, **record})
    opened.close()


def report(path: Path, records: list[Numbers]) -> None:
    path.unlink(missing_ok=True)
    steps = len(records)
    trial = Trial(
        params={}, seed=0, max_train_steps=steps, eval_every=1, number=0, metrics=str(path), goal_metric=METRICS[0]
    )
    for step, record in enumerate(records, start=1):
        trial.report(step, **record)


def reading(folder: Path, options: argparse.Namespace) -> None:
    trials, evaluations = options.trials, options.evaluations
    paths = study(folder / "study", trials, evaluations)
    less = max(1, trials // 50)
    count = trials * evaluations
    ways = [
        Way("a plain `json` loop", lambda: loop(paths, trials), count),
        Way("a study, first", lambda: Store(paths.dir).record(), count, lambda: paths.columns.unlink(missing_ok=True)),
        Way("a study, again", lambda: Store(paths.dir).record(), count, lambda: keep(paths)),
    ]
    few = [[record] * evaluations for record in measurements(less, METRICS[:2])]
    if TENSORBOARD:
        for number, records in enumerate(few):
            peers.add_scalar(folder / "events" / str(number), records)
        scalars = len(METRICS[:2])
        assert peers.read_events(folder / "events") == less * evaluations * scalars
        ways.append(
            Way("TensorBoard `EventAccumulator`", lambda: peers.read_events(folder / "events"), less * evaluations)
        )
    if OPTUNA:
        peers.fill_optuna(folder / "filled", iter(few))
        assert peers.read_optuna(folder / "filled") == less * evaluations
        ways.append(Way("Optuna, SQLite", lambda: peers.read_optuna(folder / "filled"), less * evaluations))
    peers_read = f"; peers {less * evaluations:,} of {less:,}" if TENSORBOARD or OPTUNA else ""
    table(f"reading {count:,} evaluations of {trials:,} trials{peers_read}: each", "µs", 1e6, ways, options)


def study(directory: Path, trials: int, evaluations: int) -> StudyPaths:
    """A finished study on disk, whose metrics files settled some time ago."""
    paths = StudyPaths(directory)
    paths.trials.mkdir(parents=True)
    spec = {"name": "speed", "goal": "none", "train": "m:f", "metric": {"name": METRICS[0]}, "trials": trials}
    spec |= {"max_train_steps": evaluations, "eval_every": 1, "nuisance": {"x": {"min": 0.0, "max": 1.0}}}
    paths.spec.write_text(json.dumps(spec))
    events = []
    for number in range(trials):
        events += [
            {"event": "planned", "time": 0.0, "trial": number, "params": {"x": 0.5}, "arm": {}, "seed": number},
            {"event": "started", "time": 0.0, "trial": number, "attempt": 1, "slot": "cpu0", "process": None},
            {"event": "ended", "time": 1.0, "trial": number, "attempt": 1, "state": "completed", "reason": None},
        ]
        paths.trial(number).dir.mkdir()
        write_lines(paths.trial(number).metrics, measurements(evaluations, METRICS[:2]))
    journal.rewrite(paths.journal, events)
    time.sleep(2.1)  # or they could change within the same tick, and would not be kept
    return paths


def loop(paths: StudyPaths, trials: int) -> None:
    for number in range(trials):
        with paths.trial(number).metrics.open() as file:
            records = [json.loads(line) for line in file]
        assert records


def keep(paths: StudyPaths) -> None:
    store = Store(paths.dir)
    store.keep(store.record())


def starting(options: argparse.Namespace) -> None:
    ways = [
        Way("`python -c pass`", lambda: python("-c", "pass")),
        Way("`python -c 'import json'`", lambda: python("-c", "import json")),
        Way("`python -c 'from playbook_cli import current_trial'`", lambda: python("-c", "import playbook_cli")),
        Way("`playbook --help`", lambda: python("-m", "playbook_cli", "--help")),
    ]
    if OPTUNA:
        ways.append(Way("`optuna --help`", lambda: python("-m", "optuna.cli", "--help")))
    if TENSORBOARD:
        ways.append(Way("`tensorboard --help`", lambda: python("-m", "tensorboard.main", "--help")))
    table("starting", "ms", 1e3, ways, options)


def launching(options: argparse.Namespace) -> None:
    for trials, seconds, what in ((24, 0.0, "24 trials of 20 steps"), (4, 10.0, "4 trials of 10 s")):
        taken, same = launch.walls(trials, seconds, options.launches)
        assert same
        print_rows(f"launching {what}, {launch.AT_ONCE} at once", "s", 1.0, taken)


def python(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=20_000, help="that are recorded")
    parser.add_argument("--trials", type=int, default=1000, help="that are read")
    parser.add_argument("--evaluations", type=int, default=1000, help="of each trial that is read")
    parser.add_argument("--cpu", action="store_true", help="count processor time")
    parser.add_argument("--launches", type=int, default=3, help="rounds of launching")
    parser.add_argument("--only", default="recording,reading,starting,launching")
    options = parser.parse_args()
    random.seed(0)
    print("| what | way | time | ratio |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        if "recording" in options.only:
            recording(Path(temporary), options)
        if "reading" in options.only:
            reading(Path(temporary), options)
    if "starting" in options.only:
        starting(options)
    if "launching" in options.only:
        launching(options)


if __name__ == "__main__":
    main()
