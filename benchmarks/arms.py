"""Whether the isolation rule is right on real tables of tuned networks: is one of two settings better after tuning?

    python -m benchmarks.arms FOLDER [--studies 40] [--seeds dev|report] [--oracle]

FOLDER is that of `benchmarks.tables`. A study has two levels of one axis as arms, searches two others quasi-randomly at
the same points in both, each trial the loss of one seed, and has the rest at a setting of its own. The table says how
much the better arm's best mean is ahead, in standard deviations between seeds near the best.

`better` is the share of ALL studies in which the rule says it of the arm that truly is better; `wrong` of the other
one, or of either where the two are equal; `equal` the share called no-difference. `--oracle` says what can be had: what
the rule says if every point of the grid was trained with each seed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.tables import DEVELOPMENT, SEEDS
from playbook_cli.advice.rules.isolation import isolation
from playbook_cli.records import Parameter
from tests.generators.studies import halton, study, trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import StudyRecord

    Array = NDArray[np.float64]

ASKED = ("activation_fn_1", "activation_fn_2", "lr_schedule", "dropout_1", "dropout_2", "batch_size")
FREE = ("init_lr", "n_units_1", "n_units_2", "batch_size")
GAPS = {"5 to 10": (5.0, 10.0), ">= 10": (10.0, np.inf), "2 to 5": (2.0, 5.0), "< 0.25": (0.0, 0.25)}
SIZES = ((32, 2), (48, 2))


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two arms, cut from a table."""

    names: Sequence[str]
    """Of the axes that are searched."""
    values: Sequence[Sequence[float]]
    losses: Sequence[Array]
    """Of each arm, the seeds last."""
    gap: float
    """How much better the first arm is after tuning, in deviations between seeds."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--seeds", choices=sorted(SEEDS), default="dev")
    parser.add_argument("--oracle", action="store_true", help="studies of whole tables in place of trials")
    options = parser.parse_args()
    start = time.perf_counter()
    space = json.loads((options.folder / "hpolib_space.json").read_text())
    arrays = np.load(options.folder / "hpolib.npz")
    names = [n for n in arrays if (n in DEVELOPMENT) == (options.seeds == "dev")]
    tables = [np.asarray(arrays[name], dtype=np.float64) for name in names]
    print("| gap after tuning, deviations | trials/ranges: better, wrong, equal |\n|---|---|")
    for band, (low, high) in GAPS.items():
        cells = []
        for n, d in SIZES[: 1 if options.oracle else None]:
            said: Counter[str] = Counter()
            for number in range(options.studies):
                rng = np.random.default_rng([SEEDS[options.seeds] + number, n, d])
                pair = next(p for p in pairs(tables, space, d, rng) if low <= abs(p.gap) < high)
                said[_verdict(pair, _whole(pair) if options.oracle else _sampled(pair, n, rng), low)] += 1
            shares = ", ".join(f"{said[v] / options.studies:.2f}" for v in ("better", "wrong", "no-difference"))
            cells.append(f"whole: {shares}" if options.oracle else f"{n}/{d}: {shares}")
        print(f"| {band} | {'; '.join(cells)} |", flush=True)
    print(f"\n{', '.join(names)}; {options.studies} studies a cell, {time.perf_counter() - start:.0f} s")


def pairs(
    tables: Sequence[Array], space: dict[str, list[float]], free: int, rng: np.random.Generator
) -> Iterator[Pair]:
    """Pairs of arms at random, without end."""
    axes = list(space)
    while True:
        table = tables[int(rng.integers(len(tables)))]
        asked = ASKED[int(rng.integers(len(ASKED)))]
        names = sorted(rng.choice([f for f in FREE if f != asked], free, replace=False).tolist(), key=axes.index)
        # Half of the studies have all others at the best setting of the table, half at one drawn at random.
        best = np.unravel_index(int(np.argmin(table.mean(axis=-1))), table.shape[:-1])
        others = [int(b) for b in best] if rng.random() < 0.5 else [int(rng.integers(s)) for s in table.shape[:-1]]
        levels = rng.choice(table.shape[axes.index(asked)], 2, replace=False)
        losses = [
            table[
                tuple(
                    slice(None) if a in names else int(level) if a == asked else o
                    for a, o in zip(axes, others, strict=True)
                )
            ]
            for level in levels
        ]
        yield Pair(names=names, values=[space[name] for name in names], losses=losses, gap=_gap(losses))


def _gap(losses: Sequence[Array]) -> float:
    """By the means over seeds, in deviations between the seeds of the best tenth of the points."""
    means = [own.mean(axis=-1).ravel() for own in losses]
    squares = []
    for own, mean in zip(losses, means, strict=True):
        near = np.argsort(mean)[: max(3, mean.size // 10)]
        squares.append((own.std(axis=-1, ddof=1).ravel()[near] ** 2).mean())
    return float((means[1].min() - means[0].min()) / np.sqrt(np.mean(squares)))


def _sampled(pair: Pair, n: int, rng: np.random.Generator) -> StudyRecord:
    shape = np.array(pair.losses[0].shape[:-1])
    levels = np.minimum((halton(n // 2, shape.size, rng) * shape).astype(int), shape - 1)
    return _study(pair, [[(*map(int, row), int(rng.integers(own.shape[-1]))) for row in levels] for own in pair.losses])


def _whole(pair: Pair) -> StudyRecord:
    return _study(pair, [list(product(*map(range, own.shape))) for own in pair.losses])


def _study(pair: Pair, places: Sequence[Sequence[tuple[int, ...]]]) -> StudyRecord:
    ranges = [
        Parameter(name=name, label=name, role="nuisance", kind="float", low=values[0], high=values[-1], scale="log")
        for name, values in zip(pair.names, pair.values, strict=True)
    ]
    arm = Parameter(name="arm", label="arm", role="scientific", kind="choice", choices=("a", "b"))
    trials = []
    for label, own, losses in zip("ab", places, pair.losses, strict=True):
        for place in own:
            params = {name: pair.values[i][place[i]] for i, name in enumerate(pair.names)} | {"arm": label}
            trials.append(trial(len(trials), params, float(losses[place]), arm={"arm": label}))
    return study(trials, [arm, *ranges], arms=[{"arm": "a"}, {"arm": "b"}])


def _verdict(pair: Pair, made: StudyRecord, least: float) -> str:
    (said,) = isolation(made, [])
    if said.verdict != "better":
        return said.verdict
    return "better" if least and said.subject == ("arm=a" if pair.gap > 0 else "arm=b") else "wrong"


if __name__ == "__main__":
    main()
