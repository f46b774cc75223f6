"""The best result to expect from n of a study's trials: it compares arms at equal budgets."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Metric


EACH = 1000
"""Results up to which every n has its point; more have points ever farther apart, and those at half and a quarter."""
_FARTHER = 1.01
"""From one of these points to the next."""


@dataclass(frozen=True, kw_only=True)
class ExpectedBest:
    """The expected best of `n` trials and its band, all in the metric's own scale, low <= value <= high."""

    n: int
    value: float
    low: float
    high: float


def expected_best(values: Sequence[float], metric: Metric, alpha: float = 0.05) -> list[ExpectedBest]:
    """For n = 1 .. N the expected best of n out of these N results, thinned beyond `EACH`; [] where none is finite.

    The value is the mean over all subsets of size n (Tang et al. 2020, arXiv 2004.13705). The band holds for all n at
    once with probability 1 - alpha, from the Dvoretzky-Kiefer-Wolfowitz inequality (Lourie et al. 2023, arXiv
    2311.09480) for independent draws, so only approximately for quasi-random points. Both assume that no result is
    better than the best or worse than the worst one seen. NaN and infinities are infeasible trials: they count among
    the N, each as bad as the worst finite result.
    """
    losses = np.array([metric.loss(value) for value in values], dtype=np.float64)
    finite = np.isfinite(losses)
    if not finite.any():
        return []
    losses = np.sort(np.where(finite, losses, losses[finite].max()))
    total = losses.size
    gaps = np.diff(losses)
    below = np.arange(1, total) / total  # share of results up to each gap
    margin = math.sqrt(math.log(2 / alpha) / (2 * total))
    optimistic = 1 - np.minimum(below + margin, 1)
    pessimistic = 1 - np.maximum(below - margin, 0)

    curve = []
    missed = np.ones(total - 1)  # chance that none of n draws without replacement is among the first i
    before = 0
    for n in counts(total):
        if n == before + 1:
            missed = missed * np.maximum(total - np.arange(1, total) - n + 1, 0) / (total - n + 1)
        else:
            missed = _missed(total, n)
        before = n
        value = _mean(losses[0], gaps, missed)
        # The bands draw with replacement, the value does not: at n near N it can fall a little below them.
        best = min(_mean(losses[0], gaps, optimistic**n), value)
        worst = max(_mean(losses[0], gaps, pessimistic**n), value)
        low, high = sorted((metric.loss(best), metric.loss(worst)))
        curve.append(ExpectedBest(n=n, value=metric.loss(value), low=low, high=high))
    return curve


def counts(total: int) -> list[int]:
    """The n of `expected_best` of so many results, ascending from 1 to all."""
    chosen = set(range(1, min(total, EACH) + 1))
    if total > EACH:
        chosen |= {total, total // 2, total // 4}
        n = float(EACH)
        while (n := n * _FARTHER) < total:
            chosen.add(int(n))
    return sorted(chosen)


def at(curve: Sequence[ExpectedBest], n: int) -> ExpectedBest:
    """The point of `n` trials; where that has been thinned out, the next one below it."""
    return curve[bisect_right(curve, n, key=lambda point: point.n) - 1]


def _missed(total: int, n: int) -> NDArray[np.float64]:
    """The chance that none of n draws without replacement is among the first i of `total`, for i from 1 on."""
    from scipy.special import gammaln

    rest = total - np.arange(1, total)
    enough = rest >= n
    kept = rest[enough]
    known = gammaln(kept + 1) - gammaln(kept - n + 1) - gammaln(total + 1) + gammaln(total - n + 1)
    return np.concatenate([np.exp(known), np.zeros(int((~enough).sum()))])


def _mean(best: np.float64, gaps: NDArray[np.float64], missed: NDArray[np.float64]) -> float:
    return float(best + gaps @ missed)
