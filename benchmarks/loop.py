"""The whole loop, scripted, against Optuna: what is adopted in the end, and how many steps it took to find it.

    python -m benchmarks.loop [digits] [textlm] [--seeds 5] [--quick] [--jobs 2] [--markdown FILE] [--folder DIR]

Playbook's loop is commands alone: lr-sweep, run, next until it finds nothing to change, repeat and compare against the
workload's untuned defaults, adopt. Every training step of it counts. Optuna's TPE, without pruning and with Hyperband,
gets the same study file, and half, as many and twice the steps that the loop took with the same seed. What each would
train for good is trained anew on five fresh seeds, the same for all, which no budget pays for; the checkpoint of the
best validation result is tested on data that no method has seen.

The file's max_train_steps is the length of every trial of Optuna, and of what Playbook adopts; Playbook's sweep and its
first studies are there to be shorter.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from scipy import stats

os.environ["OMP_NUM_THREADS"] = "1"

from benchmarks import loop_rivals
from benchmarks.loop_playbook import Played, Workload, play
from benchmarks.loop_rivals import Pick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Executor

WORKLOADS = {
    "digits": Workload(name="digits", config="digits.yaml", measured="test error"),
    "textlm": Workload(
        name="textlm",
        config="textlm.yaml",
        measured="test loss",
        # Half as wide and half the batch: a step takes a third of the time.
        edits={"max_train_steps": "400", "eval_every": "20", "d_model": "32", "batch_size": "16", "warmup_steps": "20"},
        first_round={"max_train_steps": "100", "eval_every": "5"},
    ),
}
QUICK = {
    "digits": {"edits": {"trials": "8", "max_train_steps": "300", "eval_every": "10", "points": "7"}},
    "textlm": {
        "edits": WORKLOADS["textlm"].edits
        | {"trials": "4", "max_train_steps": "100", "eval_every": "5", "points": "3", "steps": "40"},
        "first_round": {"max_train_steps": "50", "eval_every": "5"},
    },
}
FRESH = range(1_000, 1_005)
"""Seeds of the final trainings."""
SHARES = {"half": 0.5, "as many": 1.0, "twice": 2.0}
OURS = "Playbook"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a method came to with each search seed: test results, each the mean over FRESH, and tuning steps."""

    tested: Sequence[float]
    spent: Sequence[int]


def measure(workload: Workload, folder: Path, seeds: range, jobs: int) -> dict[str, Outcome]:
    """All methods on one workload, seed by seed; says on stdout how each loop went.

    What a seed came to is kept in its folder, and not measured again where it is there.
    """
    measured: list[dict[str, tuple[float, int]]] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for seed in seeds:
            own = folder / f"{workload.name}-{seed}"
            kept = own / "measured.json"
            if not kept.exists():
                played = _played(workload, own, seed, jobs)
                written(kept, one_seed(workload, folder, played, seed, pool))
            measured.append(json.loads(kept.read_text(encoding="utf-8")))
    return {
        name: Outcome(tested=[one[name][0] for one in measured], spent=[one[name][1] for one in measured])
        for name in measured[0]
    }


def _played(workload: Workload, own: Path, seed: int, jobs: int) -> Played:
    """How the loop went with this seed, played now if it was not."""
    kept = own / "played.json"
    if not kept.exists():
        shutil.rmtree(own, ignore_errors=True)  # half a loop
        own.mkdir(parents=True)
        begun = time.monotonic()
        now = play(workload, own, seed, jobs=jobs)
        print(f"{workload.name} {seed}: {described(now)}; {time.monotonic() - begun:.0f} s", flush=True)
        written(kept, asdict(now) | {"pick": now.pick})
    found = json.loads(kept.read_text(encoding="utf-8"))
    return Played(**found | {"pick": Pick(*found["pick"])})


def written(path: Path, value: object) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=2), encoding="utf-8")
    temporary.replace(path)


def one_seed(
    workload: Workload, folder: Path, played: Played, seed: int, pool: Executor
) -> dict[str, tuple[float, int]]:
    """By method the test result, a mean over FRESH, and the steps of tuning."""
    file = workload.file(folder, workload.name, 0)
    picks = {
        "the defaults, untuned": (loop_rivals.untuned(file), 0),
        OURS: (played.pick, played.spent),
        **rivals(pool, file, played, seed),
    }
    tested = {
        key: [pool.submit(loop_rivals.tested, workload.name, pick, fresh) for fresh in FRESH]
        for key, pick in {str(pick): pick for pick, _ in picks.values()}.items()
    }
    means = {key: statistics.fmean(one.result() for one in runs) for key, runs in tested.items()}
    return {name: (means[str(pick)], spent) for name, (pick, spent) in picks.items()}


def described(played: Played) -> str:
    parts = ", ".join(f"{part} {steps:,}" for part, steps in played.steps.items())
    values = {name: value for name, value in played.pick.params.items() if isinstance(value, float | int)}
    point = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    return (
        f"{played.spent:,} steps ({parts}); studies: {played.ended}; compare: {played.verdict}; adopted: "
        f"{played.pick.max_train_steps} steps, {point}"
    )


def rivals(pool: Executor, file: Path, played: Played, seed: int) -> dict[str, tuple[Pick, int]]:
    """What Optuna would pick, by method; one search a method tells of every share of the steps."""
    usual = loop_rivals.untuned(file)
    longest = math.ceil(max(SHARES.values()) * played.spent)
    searches = {
        name: pool.submit(loop_rivals.search, file, seed, longest, name)
        for name in (loop_rivals.TPE, loop_rivals.HYPERBAND)
    }
    return {
        f"{name}, {words}": (
            search.result().best_within(int(share * played.spent)) or usual,
            int(share * played.spent),
        )
        for name, search in searches.items()
        for words, share in SHARES.items()
    }


def table(workload: Workload, outcomes: Mapping[str, Outcome]) -> str:
    """A row a method; a positive difference says that ours is better."""
    ours = outcomes[OURS]
    lines = [
        f"| {workload.name} | steps of tuning, median (range) | {workload.measured}, mean ± sd | difference (95%) |",
        "|---|---|---|---|",
    ]
    for name, outcome in outcomes.items():
        steps = f"{statistics.median(outcome.spent):,.0f} ({min(outcome.spent):,} to {max(outcome.spent):,})"
        spread = f" ± {statistics.stdev(outcome.tested):.4f}" if len(outcome.tested) > 1 else ""
        gains = [theirs - our for theirs, our in zip(outcome.tested, ours.tested, strict=True)]
        against = "" if outcome is ours else difference(gains)
        lines.append(f"| {name} | {steps} | {statistics.fmean(outcome.tested):.4f}{spread} | {against} |")
    return "\n".join(lines)


def difference(gains: Sequence[float]) -> str:
    """The mean and Student's interval over the search seeds."""
    mean = statistics.fmean(gains)
    if len(gains) < 2:
        return f"{mean:+.4f}"
    half = float(stats.t.ppf(0.975, len(gains) - 1)) * statistics.stdev(gains) / math.sqrt(len(gains))
    return f"{mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("workloads", nargs="*", help=" ".join(WORKLOADS))
    parser.add_argument("--seeds", type=int, default=5, help="of the search")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--quick", action="store_true", help="smaller studies, to see that it all works")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there, too")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="keep every study and answer there, and go on with what is there"
    )
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    tables = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        for name in arguments.workloads or WORKLOADS:
            workload = WORKLOADS[name]
            if arguments.quick:
                workload = replace(workload, **QUICK[name])
            tables.append(table(workload, measure(workload, folder.resolve(), seeds, arguments.jobs)))
            print(tables[-1], flush=True)
    if arguments.markdown:
        arguments.markdown.write_text("\n\n".join(tables) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
