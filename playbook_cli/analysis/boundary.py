"""Whether results still get better where a range ends: a test that is neither fooled by one lucky trial nor blind.

Looking at the best trial alone fails in several dimensions, where some coordinate of it is near an edge more often than
not; counting the best trials near an edge fails at real budgets, where an edge zone holds two or three. So it is asked
what widening is expected to bring (`widening`), and the trend of all trials and the best trials must agree with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from playbook_cli.analysis import outcomes
from playbook_cli.analysis.widening import RANGES, widenings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.widening import Widening
    from playbook_cli.records import Metric, Parameter, TrialRecord

Side = Literal["lower", "upper"]

_KEPT = 0.6
"""Share of the results, from the best, whose values count; the others are as bad as the worst of these. What the bad
region looks like says nothing about where the optimum lies, and would drown it."""
_BENDING = 5
"""Different values that a range needs for a trend that bends in its middle."""
_MANY = 200
"""Offsets from which on they are taken off beforehand, not solved for: they would fill the memory."""
_FEW = 40
"""Columns that are solved anew in no time."""
_SPANNED = 1e-9
"""A column is spanned by the others but for rounding where they leave less than this share of its square."""
_DECADE = 10.0
"""Positive losses whose better share spans this factor may be fitted in their logarithm."""
_BETTER = 0.8
"""They are where that leaves less than this share of what the fit of the losses leaves, or from two decades on."""
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
    widening: Widening | None = None
    """None with too few trials, where all came to the same, and where many other ranges have a clearer trend."""


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
    levels = [_levels(p, trials) for p in shared if p.kind == "choice"]
    trend = _trend(losses[feasible], units[feasible], _Offsets(levels=levels, rows=feasible))
    p_values = [
        {upper: trend.p_values(i, 1.0 if upper else -1.0) for upper in (False, True)} for i in range(len(ranges))
    ]
    promised: Mapping[tuple[int, bool], Widening] = {}
    if trend.enough and np.ptp(losses[feasible]):
        looked = sorted(range(len(ranges)), key=lambda i: min(p for p, _ in p_values[i].values()))[:RANGES]
        codes = np.column_stack([np.zeros((len(trials), 0), dtype=np.int64), *levels])
        promised = widenings(units[feasible], codes[feasible], losses[feasible], sorted(looked))
    bad = (~feasible, losses > np.quantile(losses[feasible], 0.75))

    def edge(i: int, *, upper: bool) -> Edge:
        outward = units[:, i] if upper else 1 - units[:, i]
        side: Side = "upper" if upper else "lower"
        found = promised.get((i, upper))
        return _edge(side, outward, losses, bad, p_values=p_values[i][upper], zone=zone, widening=found)

    return {
        p.label: Edges(
            trials=len(trials),
            feasible=int(feasible.sum()),
            needed=trend.needed,
            enough=trend.enough,
            lower=edge(i, upper=False),
            upper=edge(i, upper=True),
        )
        for i, p in enumerate(ranges)
    }


def clipped(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Finite losses with the worse ones cut to the level where the better share ends."""
    return np.minimum(losses, np.quantile(losses, _KEPT))


def _trend(losses: NDArray[np.float64], units: NDArray[np.float64], offsets: _Offsets) -> _Trend:
    """Through the finite losses, or through their logarithms where they span decades."""
    kept = clipped(losses)
    raw = _fit(kept, units, offsets)
    if not raw.enough or kept.min() <= 0.0 or kept.max() <= _DECADE * kept.min():
        return raw
    logs = _fit(np.log(kept), units, offsets)
    wide = kept.max() > _DECADE**2 * kept.min()
    return logs if wide or logs.unexplained < _BETTER * raw.unexplained else raw


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """Coefficients by least squares, and their covariance."""

    coefficients: NDArray[np.float64]
    inverse: NDArray[np.float64]
    """Of the design's products with itself."""
    residual: NDArray[np.float64]
    free: int

    @cached_property
    def covariance(self) -> NDArray[np.float64]:
        return float(self.residual @ self.residual) / self.free * self.inverse


def _solved(design: NDArray[np.float64], y: NDArray[np.float64], absorbed: int) -> _Fit:
    """`absorbed` columns were taken off all others beforehand."""
    inverse = np.asarray(np.linalg.pinv(design.T @ design), dtype=np.float64)
    coefficients = inverse @ design.T @ y
    free = max(y.size - design.shape[1] - absorbed, 1)
    return _Fit(coefficients=coefficients, inverse=inverse, residual=y - design @ coefficients, free=free)


@dataclass(frozen=True, kw_only=True)
class _Trend:
    """An additive quadratic through the results y, shape (n,), fitted by least squares."""

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    """The ranges, from -1 to 1, shape (n, d)."""
    design: NDArray[np.float64]
    offsets: _Offsets
    absorbed: int
    """Offsets that are taken off y and the design; 0 where they are columns of it. It has no columns without need."""
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
        half = np.maximum(sign * self.x[:, number], 0.0) ** 2
        return plain, self._bent(self.offsets.off(half) if self.absorbed else half, outward)

    @cached_property
    def plain(self) -> _Fit:
        return _solved(self.design, self.y, self.absorbed)

    @property
    def unexplained(self) -> float:
        """Share of the variation of y that the fit leaves."""
        return float(self.plain.residual @ self.plain.residual) / float(((self.y - self.y.mean()) ** 2).sum())

    def _falls(self, fit: _Fit, outward: NDArray[np.float64]) -> float:
        """One-sided p-value that this sum of the coefficients is negative."""
        return _p_below(float(outward @ fit.coefficients), float(outward @ fit.covariance @ outward), fit.free)

    def _bent(self, half: NDArray[np.float64], outward: NDArray[np.float64]) -> float:
        """The same with one more column, `half`, whose coefficient counts twice.

        Of many columns the plain fit is brought up to date (Greville 1960, Some applications of the pseudoinverse of a
        matrix): solving it anew for each of two edges of hundreds of ranges would take minutes.
        """
        if self.design.shape[1] <= _FEW:
            return self._falls(
                _solved(np.column_stack([self.design, half]), self.y, self.absorbed), np.append(outward, 2.0)
            )
        fit = self.plain
        explained = fit.inverse @ (self.design.T @ half)
        beyond = half - self.design @ explained
        length = float(beyond @ beyond)
        if length <= _SPANNED * float(half @ half):
            return self._falls(
                _solved(np.column_stack([self.design, half]), self.y, self.absorbed), np.append(outward, 2.0)
            )
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


@dataclass(frozen=True, kw_only=True)
class _Offsets:
    """The mean, and the levels of categories, as columns of zeros and ones that may never be written out."""

    levels: Sequence[NDArray[np.int64]]
    """For each category the level of each trial, from 0 on, shape (trials,)."""
    rows: NDArray[np.bool_]
    """Which trials the fit has, shape (trials,)."""

    @property
    def count(self) -> int:
        return 1 + sum(int(level.max()) for level in self.levels)

    def columns(self) -> NDArray[np.float64]:
        """Shape (n, count)."""
        levels = [_indicators(level)[self.rows] for level in self.levels]
        return np.column_stack([np.ones((int(self.rows.sum()), 1)), *levels])

    def off(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """A column less what they explain of it, both of shape (n,)."""
        if len(self.levels) == 1:
            level = self.levels[0][self.rows]
            means = np.bincount(level, weights=column) / np.maximum(np.bincount(level), 1)
            return np.asarray(column - means[level])
        from scipy.sparse.linalg import lsmr

        explained = lsmr(self._sparse, column, atol=1e-12, btol=1e-12)[0]
        return np.asarray(column - self._sparse @ explained)

    @cached_property
    def _sparse(self) -> Any:
        from scipy.sparse import csr_array, hstack

        n = int(self.rows.sum())
        parts = [csr_array((np.ones(n), (np.arange(n), level[self.rows]))) for level in self.levels]
        return hstack([csr_array(np.ones((n, 1))), *parts]).tocsr()


def _fit(y: NDArray[np.float64], units: NDArray[np.float64], offsets: _Offsets) -> _Trend:
    """Fit y, shape (n,), by the ranges in unit space, shape (n, d), and by offsets; not at all with too few trials."""
    x = 2 * units - 1
    curved = [i for i in range(x.shape[1]) if np.unique(x[:, i]).size > 2]
    count = offsets.count + x.shape[1] + len(curved)
    if np.ptp(y) == 0.0:
        y = np.zeros_like(y)  # rounding would leave a trend of its own
    absorbed = offsets.count if offsets.count > _MANY else 0
    first = 0 if absorbed else offsets.count
    design = np.column_stack([x, x[:, curved] ** 2])
    if y.size < 2 * count:
        design = design[:, :0]
    elif absorbed:
        y, design = offsets.off(y), np.column_stack([offsets.off(column) for column in design.T])
    else:
        design = np.column_stack([offsets.columns(), design])
    return _Trend(
        y=y,
        x=x,
        design=design,
        offsets=offsets,
        absorbed=absorbed,
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
    widening: Widening | None,
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
        widening=widening,
    )


def _ends_in(bad: NDArray[np.bool_], outward: NDArray[np.float64]) -> bool:
    """Whether the outermost trials are all bad, more of them in a row than the others' share of bad ones explains."""
    out = bad[np.argsort(-outward, kind="stable")]
    run = out.size if out.all() else int(np.argmin(out))
    return run > 0 and (run == out.size or float(out[run:].mean()) ** run < _CHANCE)


def _levels(parameter: Parameter, trials: Sequence[TrialRecord]) -> NDArray[np.int64]:
    """Which of the choices that occur each trial has, from 0 on, shape (n,)."""
    chosen = np.array([parameter.place(t.params[parameter.name]) for t in trials])
    return np.asarray(np.unique(chosen, return_inverse=True)[1], dtype=np.int64)


def _indicators(levels: NDArray[np.int64]) -> NDArray[np.float64]:
    """One column for each level but the first, shape (n, levels - 1)."""
    return np.asarray(levels[:, None] == np.arange(1, int(levels.max()) + 1), dtype=np.float64)
