"""Whether one scientific setting is better than another beyond the luck of the search and of the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import outcomes
from playbook_cli.analysis.isolation import optimum_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Metric, Parameter, TrialRecord

_LEAST_PAIRS = 6
_REACH = 0.1
"""The optimum is taken to lie between the best pair and the lower end of its interval at confidence 1 - this."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much better the best trial of one group is than that of another, and what speaks against chance."""

    gain: float
    """Between the two best trials, positive."""
    p_search: float
    """That a search of the worse group could still have come down to the better one's best, by the trials' spacing."""
    p_reach: float
    """The second half of that: that the worse group's own optimum is as good as the better one's best."""
    p_paired: float | None
    """Of the difference between trials at the same point, extrapolated to the best points; None without pairs."""
    pairs: int

    @property
    def p_value(self) -> float:
        """The smaller of the two, corrected for the choice."""
        if self.p_paired is None:
            return self.p_search
        return min(1.0, 2 * min(self.p_search, self.p_paired))


def difference(
    better: Sequence[TrialRecord],
    worse: Sequence[TrialRecord],
    *,
    metric: Metric,
    parameters: Sequence[Parameter],
    dimensions: int,
) -> Difference:
    """Compare two groups of ended trials, each with a completed one, `better` holding the better best trial."""
    a, b = outcomes.losses(better, metric), outcomes.losses(worse, metric)
    pairs, p_reach = _pairs(better, worse, metric, parameters), _p_reach(b, float(a.min()), dimensions)
    return Difference(
        gain=float(b.min() - a.min()),
        p_search=max(_p_exchangeable(a, b), p_reach),
        p_reach=p_reach,
        p_paired=_p_paired(*pairs, dimensions) if pairs[0].size >= _LEAST_PAIRS else None,
        pairs=int(pairs[0].size),
    )


def _p_exchangeable(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Chance that the r best of all are in one group, r being how many of a are better than all of b; two-sided."""
    leading = int((a < b.min()).sum())
    total = a.size + b.size
    chance = math.prod((a.size - i) / (total - i) for i in range(leading))
    mirrored = math.prod(max(b.size - i, 0) / (total - i) for i in range(leading))
    return min(1.0, chance + mirrored)


def _p_reach(losses: NDArray[np.float64], target: float, dimensions: int) -> float:
    """P-value against the group's own optimum being at or below `target` (see `isolation.optimum_interval`)."""
    finite = np.sort(losses[np.isfinite(losses)])
    if finite.size < 4 or finite[0] <= target:
        return 1.0
    k = max(4, finite.size // 3)
    ratio = ((finite[0] - target) / (finite[k - 1] - target)) ** (max(dimensions, 1) / 2)
    return float((1 - ratio) ** (k - 1))


def _pairs(
    a: Sequence[TrialRecord], b: Sequence[TrialRecord], metric: Metric, parameters: Sequence[Parameter]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Losses of the completed trials that both groups have at the same nuisance point, two arrays of shape (n,)."""
    names = sorted({p.name for p in parameters if p.role == "nuisance"})

    def points(trials: Sequence[TrialRecord]) -> dict[tuple[str, ...], float]:
        done = outcomes.completed(trials)
        return {tuple(repr(t.params.get(n)) for n in names): outcomes.result(t, metric) for t in done}

    left, right = points(a), points(b)
    both = [key for key in left if key in right]
    return np.array([left[key] for key in both]), np.array([right[key] for key in both])


def _p_paired(a: NDArray[np.float64], b: NDArray[np.float64], dimensions: int) -> float:
    """P-value, two-sided, of b - a at the optimum: a line in the mean loss through the better half of the pairs.

    The line takes away a difference that only grows with the distance from the optimum. It is read at the best pair and
    where the optimum may lie at best, and must speak at both.
    """
    mean = (a + b) / 2
    half = np.argsort(mean, kind="stable")[: max(_LEAST_PAIRS, mean.size // 2)]
    interval = optimum_interval(mean.tolist(), dimensions, _REACH)
    places = [mean.min()] if interval is None else interval
    return max(_p_line(mean[half] - place, (b - a)[half]) for place in places)


def _p_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Two-sided p-value that the line through these points is positive at x = 0; 1 where it is not positive there."""
    from scipy.special import stdtr

    design = np.column_stack([np.ones(x.size), x])
    inverse = np.linalg.pinv(design.T @ design)
    fit = inverse @ design.T @ y
    free = x.size - 2
    error = math.sqrt(max(float(((y - design @ fit) ** 2).sum()) / free * float(inverse[0, 0]), 0.0))
    if fit[0] <= 0.0:
        return 1.0
    return 2 * float(stdtr(free, -float(fit[0]) / error)) if error > 0.0 else 0.0
