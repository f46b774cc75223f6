"""How often `playbook check --baseline` fails pipelines that got worse, and pipelines that did not.

    python -m benchmarks.gates [--pipelines 100] [--seed 0]

Half of the pipelines are trained again as they were; half are mutated: every result worse, only the good ones worse, or
noisier and worse; each by 3 to 6 standard deviations of a result. A third of each is the same study file without
repeats, a third the same with 5 repeats of the best trial, a third another search seed with repeats. There a result
varies with the search as well, and its standard deviation is that of the true result of what simulated searches select,
together with that of a training. The command is called in this process, on folders that it reads.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli import cli
from playbook_cli.errors import BROKEN_EXPECTATION
from tests.generators.pipelines import write

if TYPE_CHECKING:
    from playbook_cli.records import TrialRecord

WAYS = ("same points", "same points, repeats", "other points, repeats")
MUTATIONS = ("all worse", "the good ones worse", "noisier and worse")
REPEATS = 5


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A bowl over the unit cube, with noise of Student's t with so many degrees of freedom."""

    optimum: np.ndarray
    steepness: float
    floor: float
    sd: float
    tails: float
    diverges: float
    """Above this value of x0 nothing trains."""

    def level(self, points: np.ndarray) -> np.ndarray:
        """The true result at points of shape (n, ranges)."""
        return self.floor + self.steepness * ((points - self.optimum) ** 2).sum(axis=1)

    def result(self, trial: TrialRecord, rng: np.random.Generator, worse: Worse | None = None) -> float | None:
        """Of one training."""
        point = np.array([trial.params[f"x{number}"] for number in range(len(self.optimum))], dtype=float)
        if point[0] > self.diverges:
            return None
        level = float(self.level(point[None])[0])
        noise = self.sd * float(rng.standard_t(self.tails)) * math.sqrt((self.tails - 2) / self.tails)
        if worse is None:
            return level + noise
        level = max(level, worse.floor) if worse.how == "the good ones worse" else level + worse.by
        return level + noise * (1.5 if worse.how == "noisier and worse" else 1.0)


@dataclass(frozen=True, kw_only=True)
class Worse:
    """How a pipeline was mutated."""

    how: str
    by: float
    floor: float = 0.0
    """Of the good ones: the true result of the point that was selected before, and the loss."""


def drawn(rng: np.random.Generator) -> Pipeline:
    """A pipeline."""
    ranges = int(rng.integers(1, 4))
    return Pipeline(
        optimum=rng.uniform(0.2, 0.8, ranges),
        steepness=float(rng.uniform(0.2, 2.0)),
        floor=0.1,
        sd=float(rng.uniform(0.002, 0.02)),
        tails=float(rng.choice([5.0, 30.0])),
        diverges=float(rng.choice([0.85, 2.0])),
    )


def deviation(pipeline: Pipeline, trials: int, way: str, rng: np.random.Generator) -> float:
    """Standard deviation of a result; of other points, that over searches, too."""
    if way != WAYS[2]:
        return pipeline.sd
    found = []
    for _ in range(200):
        level = pipeline.level(rng.random((trials, len(pipeline.optimum))))
        found.append(level[(level + pipeline.sd * rng.normal(size=trials)).argmin()])
    return math.hypot(pipeline.sd, float(np.std(found)))


def fails(folder: Path, way: str, rng: np.random.Generator, *, mutated: str | None) -> bool:
    """Whether `check` fails a pipeline that was trained before and after."""
    pipeline, trials = drawn(rng), int(rng.choice([8, 12, 16, 24, 32]))
    by = float(rng.uniform(3.0, 6.0)) * deviation(pipeline, trials, way, rng)
    repeats = 0 if way == WAYS[0] else REPEATS
    about = {"ranges": len(pipeline.optimum), "trials": trials, "repeats": repeats}
    trained: list[tuple[float, np.ndarray]] = []

    def before(trial: TrialRecord) -> float | None:
        value = pipeline.result(trial, rng)
        if value is not None:
            trained.append((value, np.array([*trial.params.values()], dtype=float)))
        return value

    write(folder / "before", before, seed=0, **about)  # type: ignore[arg-type]
    selected = min(trained, key=lambda one: one[0])[1]
    floor = float(pipeline.level(selected[None])[0]) + by
    worse = None if mutated is None else Worse(how=mutated, by=by, floor=floor)
    seed = 1 if way == WAYS[2] else 0
    write(folder / "after", lambda trial: pipeline.result(trial, rng, worse), seed=seed, **about)  # type: ignore[arg-type]
    code = _check(str(folder / "after"), "--baseline", str(folder / "before"))
    if code not in (0, BROKEN_EXPECTATION):
        raise RuntimeError(f"check ended with {code}")
    return code == BROKEN_EXPECTATION


def _check(*arguments: str) -> int:
    sys.argv = ["playbook", "check", *arguments]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            cli.main()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 0
    return 0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipelines", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kinds = (None, *MUTATIONS)
    counted: dict[tuple[str, str | None], list[bool]] = {}
    for number in range(options.pipelines):
        rng = np.random.default_rng([options.seed, number])
        mutated = MUTATIONS[number // 2 % len(MUTATIONS)] if number % 2 else None
        way = WAYS[number // 6 % len(WAYS)]
        with tempfile.TemporaryDirectory() as folder:
            failed = fails(Path(folder), way, rng, mutated=mutated)
        counted.setdefault((way, mutated), []).append(failed)
    print(f"| failed | no-ops | {' | '.join(MUTATIONS)} |\n|---|---|{'---|' * len(MUTATIONS)}")
    for way in WAYS:
        cells = [f"{sum(seen)} of {len(seen)}" for kind in kinds if (seen := counted.get((way, kind), [])) is not None]
        print(f"| {way} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
