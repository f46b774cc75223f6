"""A scrambled Halton sequence that covers every single dimension well at the sizes of tuning studies.

Halton's sequence has the bases 2, 3, 5, ...: among any b^k consecutive points, each of the b^k cells of width b^-k
holds one. Any permutation of the digits, even one that differs between cells (nested scrambling), preserves that and
the uniformity in several dimensions. scipy's `qmc.Halton` draws one random permutation per digit: with 32 points and
bases of 5 or more, a median of 73 to 84% of 32 equal bins are then occupied, and neighbours can nearly coincide. Here
the nested permutations are drawn so that each new point falls into the widest gap that its cell allows (distance on the
circle, near ties at random): 87% or more are occupied, and the centred discrepancy in eight dimensions is no larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FINEST_CELL = 1e-4
"""Points are uniform inside a cell of this width."""
SPACED_POINTS = 512
"""Number of first points that look for the widest gap; beyond that it makes no difference."""
NEAR_TIE = 0.9
"""Gaps of at least this share of the widest one count as equally wide."""


def halton(dimensions: int, points: int, seed: int) -> NDArray[np.float64]:
    """The first points of the sequence for this seed, shape (points, dimensions), in [0, 1).

    A dimension's coordinates depend only on its index and the seed; more points never move earlier ones.
    """
    columns = [
        _column(base, points, np.random.default_rng([seed, index])) for index, base in enumerate(_primes(dimensions))
    ]
    return np.stack(columns, axis=1) if columns else np.empty((points, 0))


def _column(base: int, points: int, rng: np.random.Generator) -> NDArray[np.float64]:
    placed, digits = np.empty(points), np.arange(base)
    permutations: dict[tuple[int, ...], dict[int, int]] = {}
    for index in range(points):
        low, width, rest = 0.0, 1.0, index
        cell: tuple[int, ...] = ()
        while width > FINEST_CELL:
            rest, digit = divmod(rest, base)
            permutation = permutations.setdefault(cell, {})
            if digit not in permutation:
                taken = set(permutation.values())
                free = digits if not taken else np.array([left for left in range(base) if left not in taken])
                others = placed[:index] if index < SPACED_POINTS else placed[:0]
                permutation[digit] = _choose(free, low + (free + 0.5) * width / base, others, rng)
            width /= base
            low += permutation[digit] * width
            cell = (*cell, digit)
        placed[index] = low + width * rng.random()
    return np.minimum(placed, np.nextafter(1.0, 0.0))


def _choose(
    free: NDArray[np.int64], centres: NDArray[np.float64], placed: NDArray[np.float64], rng: np.random.Generator
) -> int:
    if len(placed) and len(free) > 1:
        apart = np.abs(centres[:, None] - placed[None, :])
        gap = np.minimum(apart, 1.0 - apart).min(axis=1)
        free = free[gap >= NEAR_TIE * gap.max()]
    return int(free[rng.integers(len(free))])


def _primes(count: int) -> list[int]:
    primes: list[int] = []
    candidate = 2
    while len(primes) < count:
        if all(candidate % prime for prime in primes):
            primes.append(candidate)
        candidate += 1
    return primes
