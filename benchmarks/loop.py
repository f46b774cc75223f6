"""`playbook pursue` against other tools: how many training steps until an answer is as good.

    python -m benchmarks.loop [digits textlm convnet tabular recurrent] [--seeds 3] [--first 1] [--tools TPE,ASHA]
                              [--folder DIR] [--markdown FILE]

Each study in benchmarks/workloads/ is pursued with the search seed: trials as short as the file says, a final length of
four times that, and BUDGET times the steps of the study and its repeats. Every other tool then searches the same space
at the final length, and ends trials early where that is its way. Whenever it would recommend another configuration,
that one is trained anew on the same five fresh seeds as what `pursue` recommends, which no budget pays for. It has
caught up at the first one that is as good, and is followed no further; none is followed beyond LONGEST times the steps
of `pursue`. No tool knows that it has caught up, and so the best trial of a pursuit is followed in the same way, too.

All train in this one process, on one core, since only steps count. Syne Tune comes from .venv-tools (`make tools`),
NePS from .venv-neps, where `pip install neural-pipeline-search==0.17.0` puts it; what is missing is left out. With
--folder all of it is kept, and what is there is not trained again.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

os.environ["OMP_NUM_THREADS"] = "1"

from benchmarks import loop_rivals
from benchmarks.loop_rivals import ROOT, Ended, Pick
from benchmarks.pursue import said
from playbook_cli.advice.carrying import carry, names
from playbook_cli.spec.load import load
from playbook_cli.storage.store import Store
from playbook_cli.workloads import digits
from tests.generators.instant import instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from playbook_cli.spec.model import StudySpec

STUDIES = ROOT / "benchmarks" / "workloads"
WORKLOADS = ("digits", "textlm", "convnet", "tabular", "recurrent")
LONGER = 4
"""The final length, in lengths of the study's trials."""
BUDGET = 2
"""What a pursuit may spend, in steps of the study as it is and of the repeats at the final length."""
LONGEST = 2.0
FRESH = range(1_000, 1_005)
"""Seeds of the final trainings."""
OWN = "pursue"
CHOOSING = ("lr-sweep", "baseline", "study", "horizon", "finals", "refine", "repeats")
"""Steps of a pursuit that choose the configuration; the others measure the baseline, and the gain over it."""


@dataclass(frozen=True, kw_only=True)
class Caught:
    """How far another tool came."""

    steps: int | None
    """When it first recommended something as good; None if it did not."""
    searched: int
    curve: Sequence[tuple[int, float]]
    """What it recommended from which step on, on fresh seeds."""


class Fresh:
    """Results on fresh seeds, each trained once and kept in a file."""

    def __init__(self, spec: StudySpec, path: Path) -> None:
        self._spec, self._path = spec, path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._known: dict[str, list[float]] = dict(map(json.loads, lines))

    def __call__(self, pick: Pick) -> list[float]:
        """One result for each of FRESH."""
        key = json.dumps([dict(pick.params), pick.max_train_steps], sort_keys=True)
        if key not in self._known:
            self._known[key] = [loop_rivals.trained(self._spec, pick, seed) for seed in FRESH]
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, self._known[key]]) + "\n")
        return self._known[key]

    def mean(self, pick: Pick) -> float:
        return statistics.fmean(self(pick))


def pursued(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """The answer of `playbook pursue --json`, pursued now if it was not."""
    own = folder / f"{name}-{seed}"
    own.mkdir(parents=True, exist_ok=True)
    text = (STUDIES / f"{name}.yaml").read_text(encoding="utf-8")
    (own / f"{name}.yaml").write_text(f"{text}seed: {seed}\nisolation: process\n", encoding="utf-8")
    spec = load(own / f"{name}.yaml")[0]
    final = LONGER * spec.max_train_steps
    budget = BUDGET * ((spec.trials or 0) * spec.max_train_steps + 12 * final)
    here = Path.cwd()
    os.chdir(own)
    arguments = [f"{name}.yaml", "--budget", str(budget), "--final-steps", str(final), "--json"]
    try:
        # no process is started: not for trials, nor to see whether the function can be imported
        with instant(loop_rivals.curve), mock.patch("playbook_cli.launch.preflight.import_function"):
            return json.loads(said("pursue", *arguments))
    finally:
        os.chdir(here)


def choosing(answer: Mapping[str, Any]) -> int:
    """Steps until a pursuit had its configuration."""
    return sum(step["steps_spent"] for step in answer["steps"] if step["kind"] in CHOOSING)


def recommended(spec: StudySpec, answer: Mapping[str, Any]) -> Pick:
    """What a pursuit recommends; the baseline, where that is better."""
    side = answer["found"]
    if answer["gain"] is not None and answer["gain"] < 0.0:
        side = answer["baseline"]
    length = side["max_train_steps"]
    return Pick(side["params"], length, loop_rivals.evaluated(spec, length))


def incumbents(runs: Path, answer: Mapping[str, Any], spec: StudySpec) -> Iterator[Ended]:
    """After each trial of a pursuit's search and of its finals, the best one so far, carried to the final length.

    Until a search has one it is the baseline, which is also one of the finals.
    """
    spent, length, read = 0, answer["final_steps"], dict[str, int]()
    best: dict[str, tuple[float, Pick]] = {}
    for step in answer["steps"]:
        if step["kind"] in ("baseline", "study", "finals", "refine"):
            kind = "study" if step["kind"] == "study" else "long"
            record = Store(runs / step["study"]).record()
            left = step["steps_spent"]
            for trial in record.search.trials[read.get(step["study"], 0) :]:
                if left <= 0:  # the study grew in a later step
                    break
                left, spent = left - trial.last_step, spent + trial.last_step
                read[step["study"]] = trial.id + 1
                if trial.state == "completed" and trial.best is not None:
                    called = names(trial.params, None)
                    moved = carry(trial.params, called, before=record.max_train_steps, now=length).changes
                    pick = Pick({**trial.params, **moved}, length, loop_rivals.evaluated(spec, length))
                    one = (trial.best.value, pick)
                    best[kind] = min(best.get(kind, one), one, key=lambda pair: pair[0])
                last = best.get(kind) or best.get("long")
                yield Ended(spent=spent, pick=None if last is None else last[1])
        elif step["kind"] in CHOOSING:
            spent += step["steps_spent"]


def followed(searching: Iterator[Ended], fresh: Fresh, *, target: float, most: float) -> Caught:
    """A search until it has caught up, ended, or spent the most."""
    curve: list[tuple[int, float]] = []
    last: Pick | None = None
    spent = 0
    for ended in searching:
        spent = ended.spent
        if spent > most:
            break
        if ended.pick is not None and ended.pick != last:
            last = ended.pick
            curve.append((spent, fresh.mean(last)))
            if curve[-1][1] <= target:
                return Caught(steps=spent, searched=spent, curve=curve)
    return Caught(steps=None, searched=spent, curve=curve)


def measured(name: str, seed: int, folder: Path, tools: Sequence[str]) -> dict[str, Any]:
    """One workload with one search seed: the pursuit, and every tool."""
    kept = folder / f"{name}-{seed}.json"
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    spec = load(STUDIES / f"{name}.yaml")[0]
    fresh = Fresh(spec, folder / f"{name}-fresh.jsonl")
    if "whole" not in found:
        begun = time.process_time()
        answer = pursued(name, seed, folder)
        pick = recommended(spec, answer)
        found = {
            "whole": answer["steps_spent"],
            "choosing": choosing(answer),
            "result": fresh.mean(pick),
            "baseline": fresh.mean(Pick(answer["baseline"]["params"], pick.max_train_steps, pick.eval_every)),
            "headline": answer["headline"],
            "steps": [[step["kind"], step["steps_spent"], step["reason"]] for step in answer["steps"]],
        }
        written(kept, found)
        print(f"{name} {seed}: {described(found)}; {time.process_time() - begun:.0f} s of CPU here", flush=True)
    own = folder / f"{name}-{seed}"
    if OWN not in found:
        answer = json.loads((own / "runs" / f"{name}-pursuit" / "pursuit.json").read_text(encoding="utf-8"))
        following = incumbents(own / "runs", answer, spec)
        found[OWN] = vars(followed(following, fresh, target=found["result"], most=math.inf))
        written(kept, found)
    length = LONGER * spec.max_train_steps
    for tool in tools:
        if tool not in found:
            begun = time.process_time()
            following = loop_rivals.search(spec, loop_rivals.tool(tool, spec, seed, length), seed, length)
            most = math.floor(LONGEST * found["whole"])
            caught = followed(following, fresh, target=found["result"], most=most)
            found[tool] = vars(caught)
            written(kept, found)
            when = f"as good after {caught.steps:,}" if caught.steps else f"not as good after {caught.searched:,}"
            best = min((value for _, value in caught.curve), default=math.nan)
            print(f"  {tool}: {when} steps, best {best:.4f}; {time.process_time() - begun:.0f} s of CPU", flush=True)
    return found


def described(found: Mapping[str, Any]) -> str:
    parts = ", ".join(f"{kind} {steps:,}" for kind, steps, _ in found["steps"])
    return (
        f"{found['whole']:,} steps ({parts}), result {found['result']:.4f}, baseline {found['baseline']:.4f}; "
        f"{found['headline']}"
    )


def written(path: Path, value: object) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=1), encoding="utf-8")
    temporary.replace(path)


def table(found: Mapping[str, Sequence[Mapping[str, Any]]], tools: Sequence[str]) -> str:
    """Steps by workload, median and range over the seeds; then those of `pursue` as shares of the best tool's."""
    ours = ("first as good", "configuration", "whole answer")
    lines = [
        f"| steps | {' | '.join(f'pursue: {part}' for part in ours)} | {' | '.join(tools)} |",
        f"|{'---|' * (1 + len(ours) + len(tools))}",
    ]
    shares = [
        f"| | result | baseline | best tool | {' | '.join(f'share: {part}' for part in ours)} |",
        f"|{'---|' * (4 + len(ours))}",
    ]
    for name, seeds in found.items():
        parts = [[one[OWN]["steps"] or one["choosing"] for one in seeds]]
        parts += [[one[key] for one in seeds] for key in ("choosing", "whole")]
        theirs = {tool: [_needed(one[tool]) for one in seeds] for tool in tools}
        cells = [_spread(steps) for steps in (*parts, *theirs.values())]
        lines.append(f"| {name} | {' | '.join(cells)} |")
        cells = [f"{statistics.fmean(one[key] for one in seeds):.4f}" for key in ("result", "baseline")]
        if theirs:
            best = min(theirs, key=lambda tool: (statistics.median(theirs[tool]), min(theirs[tool])))
            searched = [one[best]["searched"] for one in seeds]
            cells += [best, *(_shares(steps, theirs[best], searched) for steps in parts)]
        shares.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *shares])


def _needed(caught: Mapping[str, Any]) -> float:
    """Steps until it was as good; infinite if it was not."""
    return math.inf if caught["steps"] is None else float(caught["steps"])


def _spread(steps: Sequence[float]) -> str:
    shown = [statistics.median(steps), min(steps), max(steps)]
    middle, low, high = ("never" if math.isinf(one) else f"{one:,.0f}" for one in shown)
    return f"{middle} ({low} to {high})"


def _shares(ours: Sequence[int], theirs: Sequence[float], searched: Sequence[int]) -> str:
    """Median and range of our steps over the tool's; below the share of all its steps, where it was never as good."""
    shares = sorted(
        (our / min(their, most), "<" * math.isinf(their))
        for our, their, most in zip(ours, theirs, searched, strict=True)
    )
    low, middle, high = (f"{mark}{share:.2f}" for share, mark in (shares[0], shares[len(shares) // 2], shares[-1]))
    return f"{middle} ({low} to {high})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=WORKLOADS)
    parser.add_argument("--seeds", type=int, default=3, help="of the search")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--tools", default="", help="only tools with one of these words in their names; none: -")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="keep everything there, and go on with what is there"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT)
    digits.load = cache(digits.load)
    tools = [tool for tool in loop_rivals.available() if any(word in tool for word in options.tools.split(","))]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in options.workloads}
        for seed in range(options.first, options.first + options.seeds):
            for name, seeds in found.items():
                seeds.append(measured(name, seed, folder, tools))
    shown = table(found, tools)
    print(shown)
    if options.markdown:
        options.markdown.write_text(f"{shown}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
