"""Whether results still get better where a range ends: a test that is neither fooled by one lucky trial nor blind.

Looking at the best trial alone fails in several dimensions, where some coordinate of it is near an edge more often than
not; counting the best trials near an edge fails at real budgets, where an edge zone holds two or three. So the trend of
all trials is tested, and the best trials must agree with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from playbook_cli.analysis import outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Metric, Parameter, TrialRecord

Side = Literal["lower", "upper"]

_KEPT = 0.6
"""Share of the results, from the best, whose values count; the others are as bad as the worst of these. What the bad
region looks like says nothing about where the optimum lies, and would drown it."""
_BENDING = 5
"""Different values that a range needs for a trend that bends in its middle."""
_SPANNED = 1e-9
"""A column is spanned by the others but for rounding where they leave less than this share of its square."""
_CHANCE = 0.05
"""A row of failures at the end of a range that chance explains less often than this is a cliff."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What speaks for an optimum beyond one end of a range."""

    side: Side
    p_value: float
    """One-sided, of the trend outward at the edge; not corrected for the number of edges."""
    bent: float
    """The same where the trend may bend in the middle of the range: large where results level off before the edge."""
    near: int
    """Trials among the best that lie in the edge zone."""
    top: int
    """How many trials count as the best: an eighth, at least two, but at most half of the feasible ones."""
    closed: bool
    """The outermost trials failed or are among the worst: the range ends in a cliff, not too early."""


@dataclass(frozen=True, kw_only=True)
class Edges:
    """Both ends of one range; `enough` says whether the trials allow a test at all."""

    trials: int
    feasible: int
    needed: int
    """Feasible trials that the test needs."""
    enough: bool
    lower: Edge
    upper: Edge


def edges(
    trials: Sequence[TrialRecord],
    parameters: Sequence[Parameter],
    metric: Metric,
    *,
    zone: float,
) -> Mapping[str, Edges]:
    """For each range that all these trials have, by its label, what is known of its two ends.

    `trials` have ended; `parameters` are all that vary; `zone` is the share of a range that counts as near its edge.
    """
    shared = [p for p in parameters if all(outcomes.has(p, t) for t in trials)]
    ranges = [p for p in shared if p.kind != "choice" and p.low < p.high]
    losses = outcomes.losses(trials, metric)
    feasible = np.isfinite(losses)
    if not feasible.any() or not ranges:
        return {}
    units = np.column_stack([outcomes.units(p, trials) for p in ranges])
    columns = [_indicators([p.choices.index(t.params[p.name]) for t in trials]) for p in shared if p.kind == "choice"]
    offsets = np.column_stack([np.ones((len(trials), 1)), *columns])
    trend = _fit(clipped(losses[feasible]), units[feasible], offsets[feasible])
    bad = (~feasible, losses > np.quantile(losses[feasible], 0.75))
    return {
        p.label: Edges(
            trials=len(trials),
            feasible=int(feasible.sum()),
            needed=trend.needed,
            enough=trend.enough,
            lower=_edge("lower", 1 - units[:, i], losses, bad, p_values=trend.p_values(i, -1.0), zone=zone),
            upper=_edge("upper", units[:, i], losses, bad, p_values=trend.p_values(i, 1.0), zone=zone),
        )
        for i, p in enumerate(ranges)
    }


def clipped(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Finite losses with the worse ones cut to the level where the better share ends."""
    return np.minimum(losses, np.quantile(losses, _KEPT))


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """Coefficients by least squares, and their covariance."""

    coefficients: NDArray[np.float64]
    inverse: NDArray[np.float64]
    """Of the design's products with itself."""
    residual: NDArray[np.float64]
    free: int

    @property
    def noise(self) -> float:
        """Variance of the residuals."""
        return float(self.residual @ self.residual) / self.free


def _solved(design: NDArray[np.float64], y: NDArray[np.float64]) -> _Fit:
    inverse = np.linalg.pinv(design.T @ design)
    coefficients = inverse @ design.T @ y
    free = max(y.size - design.shape[1], 1)
    return _Fit(coefficients=coefficients, inverse=inverse, residual=y - design @ coefficients, free=free)


@dataclass(frozen=True, kw_only=True)
class _Trend:
    """An additive quadratic through the results y, shape (n,), fitted by least squares."""

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    """The ranges, from -1 to 1, shape (n, d)."""
    design: NDArray[np.float64]
    needed: int
    enough: bool
    linear: Sequence[int]
    """Column of each range's linear term."""
    square: Sequence[int | None]
    """Column of its square; None where a range has only two values."""

    def p_values(self, number: int, sign: float) -> tuple[float, float]:
        """One-sided p-values that the loss still falls outward at the upper (+1) or lower (-1) end of a range.

        The second is that of a trend that may bend in the middle of this range; the first again where it has too few
        values to show that. Both are 1 where there are too few trials to fit anything.
        """
        if not self.enough:
            return 1.0, 1.0
        outward = np.zeros(self.design.shape[1])
        outward[self.linear[number]] = sign
        if (square := self.square[number]) is not None:
            outward[square] = 2.0
        plain = self._falls(self.plain, outward)
        if np.unique(self.x[:, number]).size < _BENDING:
            return plain, plain
        return plain, self._bent(np.maximum(sign * self.x[:, number], 0.0) ** 2, outward)

    @cached_property
    def plain(self) -> _Fit:
        return _solved(self.design, self.y)

    def _falls(self, fit: _Fit, outward: NDArray[np.float64]) -> float:
        """One-sided p-value that this sum of the coefficients is negative."""
        return _p_below(float(outward @ fit.coefficients), fit.noise * float(outward @ fit.inverse @ outward), fit.free)

    def _bent(self, half: NDArray[np.float64], outward: NDArray[np.float64]) -> float:
        """The same with one more column, `half`, whose coefficient counts twice.

        The plain fit is brought up to date (Greville 1960, Some applications of the pseudoinverse of a matrix): solving
        it anew for each of two edges of hundreds of ranges would take minutes.
        """
        fit = self.plain
        explained = fit.inverse @ (self.design.T @ half)
        beyond = half - self.design @ explained
        length = float(beyond @ beyond)
        if length <= _SPANNED * float(half @ half):
            return self._falls(_solved(np.column_stack([self.design, half]), self.y), np.append(outward, 2.0))
        added = float(beyond @ fit.residual) / length
        residual = fit.residual - added * beyond
        free = max(fit.free - 1, 1)
        slope = 2.0 - float(outward @ explained)
        variance = float(outward @ fit.inverse @ outward) + slope**2 / length
        return _p_below(
            float(outward @ fit.coefficients) + added * slope, float(residual @ residual) / free * variance, free
        )


def _p_below(value: float, variance: float, free: int) -> float:
    """One-sided p-value that an estimate of this variance is negative; 1 without any variance."""
    from scipy.special import stdtr

    error = math.sqrt(max(variance, 0.0))
    return float(stdtr(free, value / error)) if error else 1.0


def _fit(y: NDArray[np.float64], units: NDArray[np.float64], offsets: NDArray[np.float64]) -> _Trend:
    """Fit y, shape (n,), by the ranges in unit space, shape (n, d), and by offsets, shape (n, 1 + levels)."""
    first = offsets.shape[1]
    x = 2 * units - 1
    curved = [i for i in range(x.shape[1]) if np.unique(x[:, i]).size > 2]
    design = np.column_stack([offsets, x, x[:, curved] ** 2])
    count = design.shape[1]
    if np.ptp(y) == 0.0:
        y = np.zeros_like(y)  # rounding would leave a trend of its own
    return _Trend(
        y=y,
        x=x,
        design=design,
        needed=2 * count,
        enough=y.size >= 2 * count,
        linear=range(first, first + x.shape[1]),
        square=[first + x.shape[1] + curved.index(i) if i in curved else None for i in range(x.shape[1])],
    )


def _edge(
    side: Side,
    outward: NDArray[np.float64],
    losses: NDArray[np.float64],
    bad: Sequence[NDArray[np.bool_]],
    *,
    p_values: tuple[float, float],
    zone: float,
) -> Edge:
    top = min(max(2, losses.size // 8), (int(np.isfinite(losses).sum()) + 1) // 2)
    best = np.argsort(losses, kind="stable")[:top]
    return Edge(
        side=side,
        p_value=p_values[0],
        bent=p_values[1],
        near=int((outward[best] >= 1 - zone).sum()),
        top=top,
        closed=any(_ends_in(kind, outward) for kind in bad),
    )


def _ends_in(bad: NDArray[np.bool_], outward: NDArray[np.float64]) -> bool:
    """Whether the outermost trials are all bad, more of them in a row than the others' share of bad ones explains."""
    out = bad[np.argsort(-outward, kind="stable")]
    run = out.size if out.all() else int(np.argmin(out))
    return run > 0 and (run == out.size or float(out[run:].mean()) ** run < _CHANCE)


def _indicators(levels: Sequence[int]) -> NDArray[np.float64]:
    """One column for each level but the first that occurs, shape (n, levels - 1)."""
    values = np.array(levels)
    return np.array([values == level for level in np.unique(values)[1:]], dtype=np.float64).reshape(-1, values.size).T
