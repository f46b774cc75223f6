"""The best result to expect from n of a study's trials: it compares arms at equal budgets."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Metric


EACH = 1000
"""Results up to which every n has its point: all points take time with the square of their number."""
_FIRST, _FARTHER = 100, 1.05
"""Of more results every n to the first number has a point, and from there on each lies so many times farther."""


@dataclass(frozen=True, kw_only=True)
class ExpectedBest:
    """The expected best of `n` trials and its band, all in the metric's own scale, low <= value <= high."""

    n: int
    value: float
    low: float
    high: float


def expected_best(
    values: Sequence[float], metric: Metric, alpha: float = 0.05, also: Sequence[int] = ()
) -> list[ExpectedBest]:
    """For n = 1 .. N the expected best of n out of these N results; [] where none is finite.

    Of more than `EACH` results not every n has its point, but N, its half, its quarter, and those in `also` have.

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
    for n in sorted({*_counts(total), *also}):
        if n == before + 1:
            missed = missed * np.maximum(total - np.arange(1, total) - n + 1, 0) / (total - n + 1)
        else:
            missed = missed_by(total, n)
        before = n
        value = _mean(losses[0], gaps, missed)
        # The bands draw with replacement, the value does not: at n near N it can fall a little below them.
        best = min(_mean(losses[0], gaps, optimistic**n), value)
        worst = max(_mean(losses[0], gaps, pessimistic**n), value)
        low, high = sorted((metric.loss(best), metric.loss(worst)))
        curve.append(ExpectedBest(n=n, value=metric.loss(value), low=low, high=high))
    return curve


def at(curve: Sequence[ExpectedBest], n: int) -> ExpectedBest:
    """The point of `n` trials; on the line between its neighbours where it is none of the curve's."""
    above = bisect_left(curve, n, key=lambda point: point.n)
    b = curve[above]
    if b.n == n:
        return b
    a = curve[above - 1]
    part = (n - a.n) / (b.n - a.n)
    value, low, high = (p + part * (q - p) for p, q in ((a.value, b.value), (a.low, b.low), (a.high, b.high)))
    return ExpectedBest(n=n, value=value, low=low, high=high)


def missed_by(total: int, n: int) -> NDArray[np.float64]:
    """The chance that none of n draws without replacement is among the first i of `total`, for i from 1 on."""
    from scipy.special import gammaln

    rest = total - np.arange(1, total)
    enough = rest >= n
    kept = rest[enough]
    known = gammaln(kept + 1) - gammaln(kept - n + 1) - gammaln(total + 1) + gammaln(total - n + 1)
    return np.concatenate([np.exp(known), np.zeros(int((~enough).sum()))])


def _counts(total: int) -> set[int]:
    if total <= EACH:
        return set(range(1, total + 1))
    chosen = {*range(1, _FIRST + 1), total // 4, total // 2, total}
    n = float(_FIRST)
    while (n := n * _FARTHER) < total:
        chosen.add(int(n))
    return chosen


def _mean(best: np.float64, gaps: NDArray[np.float64], missed: NDArray[np.float64]) -> float:
    return float(best + gaps @ missed)
