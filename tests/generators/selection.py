"""Searches whose best trial is repeated, where the true level of every point is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import outcomes
from playbook_cli.analysis.repeats import repeated
from playbook_cli.records import Best, StudyRecord, TrialRecord
from playbook_cli.sampling.repeats import repeats
from tests.generators.studies import halton, surface, surface_study

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Noise = Callable[[np.random.Generator, int], NDArray[np.float64]]
NOISES: dict[str, Noise] = {
    "normal": lambda rng, count: rng.standard_normal(count),
    "heavy tails": lambda rng, count: rng.standard_t(3, count) / math.sqrt(3.0),
    "skewed": lambda rng, count: rng.exponential(size=count) - 1.0,
}
"""Trial noise with mean 0 and standard deviation 1."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A pipeline, and how it is searched."""

    trials: int
    ranges: int
    noise: str
    sd: float
    """Of trial noise; the response rises by about 1 over the whole space."""


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Of the simulated studies of one case, in trial standard deviations; each of shape (studies,)."""

    selected: NDArray[np.float64]
    repeated: NDArray[np.float64]
    held: NDArray[np.bool_]
    """Whether the 95% interval of the mean of the repeats held the truth."""


CASES = [
    Case(trials=trials, ranges=ranges, noise=noise, sd=sd)
    for noise in NOISES
    for trials, ranges, sd in ((24, 2, 0.02), (24, 2, 0.1), (96, 2, 0.1), (32, 4, 0.1), (96, 4, 1.0))
]


def simulate(case: Case, *, studies: int, seeds: int) -> Errors:
    """Search, select, repeat: `studies` times."""
    made = [_one(case, number, seeds) for number in range(studies)]
    selected, again, held = (np.array(column) for column in zip(*made, strict=True))
    return Errors(selected=selected / case.sd, repeated=again / case.sd, held=held)


def _one(case: Case, number: int, seeds: int) -> tuple[float, float, bool]:
    rng = np.random.default_rng([number, case.trials, case.ranges, list(NOISES).index(case.noise)])
    truth = surface(rng.uniform(0.2, 0.8, case.ranges), np.full(case.ranges, 1.0 / case.ranges))
    points = halton(case.trials, case.ranges, rng)
    noise = NOISES[case.noise]
    levels = truth(points)
    search = surface_study(points, levels + case.sd * noise(rng, case.trials))
    first = outcomes.ranked(search.trials, search.metric)[0]
    planned = repeats(search.trials, [first.id], seeds)
    values = levels[first.id] + case.sd * noise(rng, seeds)
    trained = [_trained(trial, float(value)) for trial, value in zip(planned, values, strict=True)]
    (found,) = repeated(_with(search, trained))
    assert found.selected is not None
    assert found.mean is not None
    assert found.interval is not None
    level = float(levels[first.id])
    low, high = found.interval
    return found.selected - level, found.mean - level, low <= level <= high


def _trained(trial: TrialRecord, value: float) -> TrialRecord:
    best = Best(trial=trial.id, value=value, step=1, params=trial.params)
    return replace(trial, state="completed", attempts=1, best=best)


def _with(search: StudyRecord, trained: list[TrialRecord]) -> StudyRecord:
    return replace(search, trials=[*search.trials, *trained], planned=search.planned + len(trained))
