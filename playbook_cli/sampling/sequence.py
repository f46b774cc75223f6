"""Samplers whose points are the first n of one sequence: halton, sobol, random."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.sampling.halton import halton
from playbook_cli.sampling.planned import planned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.space import Space

    PointSequence = Callable[[int, int, int], NDArray[np.float64]]
    """(dimensions, points, seed) -> the first points of a sequence, shape (points, dimensions), in [0, 1)."""


class SequenceSampler:
    """Takes trial t to arm t mod A and to point t div A of the sequence, where A is the number of arms.

    So the arms are paired: each has the same nuisance points. More trials never move earlier ones.
    """

    def __init__(self, sequence: PointSequence, seed: int) -> None:
        self._sequence = sequence
        self._seed = seed

    def suggest(self, space: Space, history: Sequence[TrialRecord], count: int) -> list[TrialRecord]:
        arms = len(space.arms)
        first = len(history)
        points = self._sequence(len(space.dimensions), -(-(first + count) // arms), self._seed)
        return [
            planned(space, space.arms[number % arms], points[number // arms].tolist(), number=number, seed=self._seed)
            for number in range(first, first + count)
        ]


def sobol(dimensions: int, points: int, seed: int) -> NDArray[np.float64]:
    """The first points of scipy's scrambled Sobol sequence; balanced if their number is a power of two."""
    if dimensions == 0:
        return np.empty((points, 0))
    from scipy.stats import qmc

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The balance properties", category=UserWarning)
        return np.asarray(qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed)).random(points))


def independent(dimensions: int, points: int, seed: int) -> NDArray[np.float64]:
    """Independent uniform points."""
    return np.random.default_rng(seed).random((points, dimensions))


halton_sampler = partial(SequenceSampler, halton)
sobol_sampler = partial(SequenceSampler, sobol)
random_sampler = partial(SequenceSampler, independent)
