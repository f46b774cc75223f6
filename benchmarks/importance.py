"""Whether importance names what matters and nothing else, on generated studies whose truth is known.

    python -m benchmarks.importance --seeds dev|report [--studies 100] [--case PART-OF-A-NAME]

What was chosen (the degrees of the curves, ranks, the part that pairs have in the error) was chosen on the development
seeds.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis.importance import importance
from tests.generators.effects import bowl, diverging, flat, optimizers, valley

if TYPE_CHECKING:
    from collections.abc import Callable

    from playbook_cli.analysis.importance import Importance
    from playbook_cli.records import StudyRecord

    Make = Callable[[np.random.Generator, int, int], StudyRecord]

SEEDS = {"dev": 1_000_000, "report": 2_000_000}


SIZES = ((12, 2), (24, 2), (24, 4), (48, 4), (48, 8))


@dataclass(frozen=True, kw_only=True)
class Case:
    """Studies with one truth."""

    name: str
    matter: tuple[str, ...]
    """Labels of what matters, the one that matters most first."""
    make: Make
    interact: tuple[str, str] | None = None
    sizes: tuple[tuple[int, int], ...] = SIZES


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was named in the studies of one case, at one size; shares of the decided studies."""

    trials: int
    ranges: int
    studies: int
    undecided: int
    first: float
    """The one that matters most is named."""
    every: float
    """All that matter are named."""
    wrong: float
    """Anything is named that does not matter."""
    pair: float
    """The two that interact are named; or any two, where none do."""


CASES = [
    Case(name="nothing matters", matter=(), make=flat()),
    Case(name="nothing matters, ties", matter=(), make=flat(resolution=1 / 360)),
    Case(name="nothing matters, heavy tails", matter=(), make=flat(tails=True)),
    Case(name="nothing matters, 30% infeasible anywhere", matter=(), make=flat(infeasible=0.3)),
    Case(name="nothing matters, two arms", matter=(), make=optimizers(matters=False), sizes=((24, 2), (48, 2))),
    *(
        Case(name=f"one, {shape}", matter=("p0",), make=bowl((1.0,), shape, noise=0.1))
        for shape in ("quadratic", "log", "steep", "cusp")
    ),
    Case(name="one, noise 30%", matter=("p0",), make=bowl((1.0,), noise=0.3)),
    *(
        Case(name=f"two, 1 to 0.3, {shape}", matter=("p0", "p1"), make=bowl((1.0, 0.3), shape, noise=0.05))
        for shape in ("quadratic", "log", "steep", "cusp")
    ),
    Case(
        name="two and a cliff of divergence",
        matter=("p0", "p1"),
        make=bowl((1.0, 1.0), noise=0.03, cliff=True),
    ),
    Case(name="one decides what diverges", matter=("p0",), make=diverging),
    Case(
        name="its own rate in one of two arms",
        matter=("rate (arm=a)", "arm"),
        make=optimizers(matters=True),
        sizes=((24, 2), (48, 2)),
    ),
    Case(name="valley", matter=("p0", "p1"), make=valley, interact=("p0", "p1")),
    Case(
        name="twisted bowl",
        matter=("p0", "p1"),
        make=bowl((1.0, 1.0), noise=0.03, twist=1.2),
        interact=("p0", "p1"),
    ),
]


def measure(case: Case, trials: int, ranges: int, *, studies: int, seeds: str) -> Row:
    """Generate the studies of this case and size, and count what is named."""
    first, every, wrong, pair = [], [], [], []
    for number in range(studies):
        found = importance(_study(case, number, trials, ranges, seeds))
        if found is None or not found.enough:
            continue
        named = {effect.label for effect in found.named}
        first.append(set(case.matter[:1]) <= named)
        every.append(set(case.matter) <= named)
        wrong.append(bool(named - set(case.matter)))
        pair.append(_proven(found, case))
    decided = len(first)
    rates = [float(np.mean(seen)) if decided else np.nan for seen in (first, every, wrong, pair)]
    return Row(
        trials=trials,
        ranges=ranges,
        studies=studies,
        undecided=studies - decided,
        first=rates[0],
        every=rates[1],
        wrong=rates[2],
        pair=rates[3],
    )


def _study(case: Case, number: int, trials: int, ranges: int, seeds: str) -> StudyRecord:
    return case.make(np.random.default_rng([SEEDS[seeds] + number, trials, ranges]), trials, ranges)


def _proven(found: Importance, case: Case) -> bool:
    pair = found.interaction
    return pair is not None and pair.proven and (case.interact is None or pair.labels == case.interact)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", choices=sorted(SEEDS), default="dev")
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--case", default="", help="those whose name contains this")
    options = parser.parse_args()
    start = time.perf_counter()
    print("| case | first / all named | wrong names | pair |\n|---|---|---|---|")
    for case in CASES:
        if options.case in case.name:
            rows = [measure(case, n, d, studies=options.studies, seeds=options.seeds) for n, d in case.sizes]
            print(_line(case, rows), flush=True)
    print(f"\n{options.studies} studies a cell, {options.seeds} seeds, {time.perf_counter() - start:.0f} s")


def _line(case: Case, rows: list[Row]) -> str:
    named = ", ".join(_cell(row, f"{row.first:.2f} / {row.every:.2f}") for row in rows) if case.matter else ""
    wrong = ", ".join(_cell(row, f"{row.wrong:.3f}") for row in rows)
    pair = ", ".join(_cell(row, f"{row.pair:.3f}") for row in rows if row.ranges > 1)
    return f"| {case.name} | {named} | {wrong} | {'' if case.interact else 'none: '}{pair} |"


def _cell(row: Row, text: str) -> str:
    return f"{row.trials}/{row.ranges}: {'undecided' if row.undecided > 0.9 * row.studies else text}"


if __name__ == "__main__":
    main()
