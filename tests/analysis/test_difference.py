"""Whether one group of trials is better than another beyond luck."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis.difference import Difference, difference
from tests.generators.studies import METRIC, halton, parameters, surface, trial

if TYPE_CHECKING:
    from playbook_cli.records import TrialRecord

SPACE = parameters(2)


def trials(points: np.ndarray, losses: np.ndarray) -> list[TrialRecord]:
    return [
        trial(i, {p.name: p.from_unit(float(u)) for p, u in zip(SPACE, x, strict=True)}, float(v))
        for i, (x, v) in enumerate(zip(points, losses, strict=True))
    ]


def compare(gap: float, seed: int, *, paired: bool = True, wider: bool = False, noise: float = 0.01) -> Difference:
    rng = np.random.default_rng(seed)
    points = halton(24, 2, rng)
    other = points if paired else rng.random((24, 2))
    weights = np.full(2, 0.3 if wider else 1.0)
    a = trials(points, surface(np.full(2, 0.5), np.ones(2))(points) + noise * rng.normal(size=24))
    b = trials(other, surface(np.full(2, 0.5), weights)(other) + gap + noise * rng.normal(size=24))
    if min(t.best.value for t in b if t.best) < min(t.best.value for t in a if t.best):
        a, b = b, a
    return difference(a, b, metric=METRIC, parameters=SPACE, dimensions=2)


def test_pairs_see_a_gap_that_the_search_alone_would_not() -> None:
    found = compare(0.05, 0)
    assert found.pairs == 24
    assert found.p_value < 0.01
    assert found.p_search > 0.05


def test_without_pairs_only_the_search_speaks() -> None:
    found = compare(0.4, 0, paired=False)
    assert found.p_paired is None
    assert found.p_value == found.p_search < 0.01


def test_equal_arms_are_rarely_told_apart() -> None:
    assert sum(compare(0.0, seed).p_value < 0.05 for seed in range(100)) <= 9


def test_a_wider_bowl_of_the_same_depth_is_not_better() -> None:
    assert sum(compare(0.0, seed, wider=True).p_value < 0.05 for seed in range(100)) <= 9


def test_a_tie_is_no_difference() -> None:
    points = halton(12, 2, np.random.default_rng(0))
    same = trials(points, np.full(12, 0.1))
    found = difference(same, same, metric=METRIC, parameters=SPACE, dimensions=2)
    assert (found.gain, found.p_value) == (0.0, 1.0)


def test_an_exact_gap_everywhere_is_certain() -> None:
    points = halton(12, 2, np.random.default_rng(0))
    losses = surface(np.full(2, 0.5), np.ones(2))(points)
    found = difference(
        trials(points, losses), trials(points, losses + 0.125), metric=METRIC, parameters=SPACE, dimensions=2
    )
    assert found.p_value < 1e-9
