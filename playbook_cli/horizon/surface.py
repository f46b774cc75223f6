"""How the loss depends on length and learning rate: the level of every length, a parabola over the rates, its drift.

On a scale with even noise (`runs.Scale`), at length j (t = log2 of its steps / the study's) and x = log2 of the rate /
the carried rate:

    y = level_j + (b0 + b1 t) x + (c0 + c1 t) x^2 + noise

So the best rate is at x = -(b0 + b1 t) / 2 (c0 + c1 t). In the middle of the lengths, with the best rate at m and the
curvature c, it drifts by -(b1 + 2 m c1) / 2c per doubling. That is a ratio of coefficients, so its interval is
Fieller's (1954), which is exact for normal noise and unbounded if the curvature may be zero. Without c1, which needs
four lengths, a carried rate that is off and a curvature that changes would look like a drift. If a further term b2 t^2
x explains more than noise would (an F test), the drift is not a line, and the term stays, so that levels and gains are
read at the best rates. For the levels, each length also has its own shape (`SHAPE`), because real curvatures jump, and
one length must not shift another.

Noise has two parts, because runs of one rate and seed (a family) begin identically and may be branches of one training:
a shared part, which the lengths of a family have in common, and each run's own part. It is a split-plot design (Fisher
1925, Yates 1935): gains and the drift are differences within families and have only the own noise. That is estimated
from the residuals within families, pooled over all points. The shared noise is estimated from the families' means
around the parabola over rates, if seeds or more than three rates leave degrees of freedom, else from the study's
repeats, else it is assumed to be as large as the own noise. Runs far above the best level of their length have more of
it (`REACH`), because real responses rise faster than a parabola near instability, which must not bend the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.horizon.runs import Run, Scale

    Array = NDArray[np.float64]

CONFIDENCE = 0.95
"""Two-sided confidence of every interval."""
LEAST_OF_MANY = 0.5
"""The minimum of 25 normal values has 0.51 of the standard deviation of one; a run's result is its best evaluation."""
BENT = 0.05
"""P-value below which a drift counts as curved."""
PARABOLA = 3
"""Number of rates that determine a parabola, and of lengths that distinguish a line from a curve."""
SKEW = 0.1
REACH, NOISES = 0.1, 4
"""A rate whose runs are usually worse than the best rate's by this share of the loss, or by this multiple of the noise
if that is more, counts half: no parabola fits that far, and training near instability scatters."""
SHAPE = 0.02
"""Share of the loss by which slope and curvature over log2 of the rate differ between lengths, apart from the drift.
Measured on a small transformer (configs/textlm.yaml): the cost of twice the best rate falls from 15% of the loss to 3%
between one length and the next."""
FARTHEST = 5.0
"""A rate that is worse by this multiple of `REACH` is beyond a cliff, and says nothing about the best rate."""
PASSES, SETTLED = 4, 0.1
"""The noise and the runs far from the best are estimated in turns, until the noise hardly changes."""
_EXACT = 1e-12


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Variances of one run on the even scale."""

    own: float
    """Variance of each run's own noise."""
    shared: float
    """Variance of the noise that the lengths of one rate and seed share."""
    free: int
    """Degrees of freedom of `own`; 0 if it cannot be estimated."""
    bends: int = 0
    """Degrees of freedom used by tests for a bent drift; a drift that passed one is judged with that many fewer."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate and its 95% interval; unknown ends are infinite."""

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True)
class Surface:
    """The fit of one point. Arrays over the lengths have shape (J,), shortest first."""

    lengths: Sequence[int]
    doublings: Array
    """log2 of the lengths / the study's own length."""
    coefficients: Array
    """The J levels at the carried rate, then b0, b1, b2, c0, c1; b2 is 0 unless the drift is `bent`."""
    covariance: Array
    levels: Array
    """The level of every length at its best rate."""
    level_covariance: Array
    noise: Noise
    rates: int
    """Number of learning rates that count."""
    step: float
    """Smallest difference between two x; 0 if there is only one."""
    window: tuple[float, float]
    """Lowest and highest x that were tried."""
    bend: float
    """P-value against a best rate that drifts by the same factor per doubling; NaN with fewer than three lengths."""

    @property
    def quantile(self) -> float:
        """Student's t for the intervals; infinite without degrees of freedom."""
        return _student(self.noise.free)

    @property
    def middle(self) -> float:
        """The middle of the lengths, in doublings."""
        return float(self.doublings.mean())

    @property
    def resolved(self) -> bool:
        """Whether the rates differ beyond noise, so that there is a best one among them."""
        curvature, error = self._curvature(self.middle)
        return curvature > 0.0 and curvature > self.quantile * error

    def best_x(self, doublings: float) -> float:
        """The x of a length's best rate, within the tried rates; noise shrinks it to the carried rate."""
        slope = float(self.coefficients[-5:-2] @ doublings ** np.arange(3))
        curvature, error = self._curvature(doublings)
        if curvature <= 0.0:
            return 0.0
        return float(np.clip(-slope / (2 * (curvature + error**2 / curvature)), *self.window))

    def _curvature(self, doublings: float) -> tuple[float, float]:
        """The curvature over the rates at a length, and its standard error."""
        pick = np.zeros(self.coefficients.size)
        pick[-2:] = 1.0, doublings
        return float(pick @ self.coefficients), max(float(pick @ self.covariance @ pick), 0.0) ** 0.5

    def gain(self, j: int, k: int, scale: Scale) -> Interval:
        """By how much the loss improves from length j to length k, each at its best rate (the delta method)."""
        levels, covariance = self.levels, self.level_covariance
        before, after = scale.loss(float(levels[j])), scale.loss(float(levels[k]))
        slope = np.array([before, -after] if scale.logarithmic else [1.0, -1.0])
        error = self.quantile * float(np.sqrt(max(slope @ covariance[np.ix_([j, k], [j, k])] @ slope, 0.0)))
        return Interval(value=before - after, low=before - after - error, high=before - after + error)

    def drift(self) -> Interval:
        """The change of log2 of the best rate in a doubling of the length, with Fieller's interval."""
        return self._ratio(*self._line(0.0, 1.0))

    def rate(self, doublings: float) -> Interval:
        """log2 of the best rate over the carried one at a length, with Fieller's interval, a little wider.

        No response is a parabola: one that is half as steep again on one side of its lowest point moves the parabola's
        by a tenth of the step between rates. That much is added at both ends.
        """
        if self.bend < BENT:
            over, under = np.zeros((2, self.coefficients.size))
            over[-5:-2], under[-2:] = -(doublings ** np.arange(3)), (2.0, 2.0 * doublings)
            found = self._ratio(over, under)
        else:
            found = self._ratio(*self._line(1.0, doublings - self.middle))
        skew = SKEW * self.step
        return Interval(value=found.value, low=found.low - skew, high=found.high + skew)

    def _line(self, level: float, slope: float) -> tuple[Array, Array]:
        """Numerator and denominator of `level` x the best rate's line in the middle + `slope` x its slope.

        The factor of c1 is the best rate itself, which is treated as known.
        """
        over, under = np.zeros((2, self.coefficients.size))
        over[-5:-3] = -level, -level * self.middle - slope
        over[-1] = -2 * slope * self.best_x(self.middle)
        under[-2:] = 2.0, 2.0 * self.middle
        return over, under

    def _ratio(self, *halves: Array) -> Interval:
        pick = np.stack(halves)
        (over, under), square = pick @ self.coefficients, _student(self.noise.free - self.noise.bends) ** 2
        (vnn, vnd), (_, vdd) = pick @ self.covariance @ pick.T
        if under <= 0.0 or not np.isfinite(square) or under**2 <= square * vdd:
            return Interval(value=float(over / under) if under > 0.0 else np.nan, low=-np.inf, high=np.inf)
        a, b, c = under**2 - square * vdd, over * under - square * vnd, over**2 - square * vnn
        root = float(np.sqrt(max(b * b - a * c, 0.0)))
        return Interval(value=float(over / under), low=float((b - root) / a), high=float((b + root) / a))


def _student(free: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(free, (1 + CONFIDENCE) / 2)) if free > 0 else np.inf


def fit(
    points: Sequence[Sequence[Run]], steps: int, scale: Scale, repeats: tuple[float, int] = (0.0, 0)
) -> list[Surface]:
    """The surface of every point, with noise that is pooled over them. `steps` is the study's max_train_steps.

    `repeats` are variance and degrees of freedom of the study's own repeats, on the scale. ValueError if a point has no
    feasible run.
    """
    tables = [_Table.of(runs, steps, scale) for runs in points]
    noise = _noise(tables, repeats)
    for _ in range(PASSES):
        tables, before = [table.loosened(noise) for table in tables], noise
        noise = _noise(tables, repeats)
        if abs(noise.own - before.own) <= SETTLED * before.own:
            break
    return [table.surface(noise) for table in tables]


@dataclass(frozen=True, kw_only=True)
class _Table:
    """The feasible runs of a point as columns, and the design of its model."""

    y: Array
    x: Array
    t: Array
    length: NDArray[np.int64]
    family: NDArray[np.int64]
    lengths: Sequence[int]
    doublings: Array
    jitter: float
    loose: Array
    """Factor on the variance of each run's own noise, relative to a run near the best."""
    unit: float
    """The whole loss on the scale, to convert shares of it: 1 on a logarithmic scale."""

    @classmethod
    def of(cls, runs: Sequence[Run], steps: int, scale: Scale) -> _Table:
        known = [run for run in runs if run.loss is not None]
        if not known:
            raise ValueError("no run of this point is feasible")
        lengths = sorted({run.steps for run in known})
        families = list(dict.fromkeys((run.factor, run.seed) for run in known))
        y = scale(np.array([run.loss for run in known], dtype=np.float64))
        jitters = [scale.spread(level, run.jitter) for level, run in zip(y, known, strict=True) if run.jitter > 0.0]
        return cls(
            y=y,
            x=np.log2([run.factor for run in known]),
            t=np.log2([run.steps / steps for run in known]),
            length=np.array([lengths.index(run.steps) for run in known]),
            family=np.array([families.index((run.factor, run.seed)) for run in known]),
            lengths=lengths,
            doublings=np.log2(np.array(lengths) / steps),
            jitter=float(np.median(jitters)) if jitters else 0.0,
            loose=np.ones(y.size),
            unit=1.0 if scale.logarithmic else float(np.abs(y).mean()),
        )

    def loosened(self, noise: Noise) -> _Table:
        """The same runs, with a larger variance for rates far worse than the best, and without the farthest ones."""
        reach = max(REACH * self.unit, NOISES * noise.own**0.5)
        above = (self.y - self._lowest()) / reach
        kept = above <= FARTHEST
        usual = np.array([np.median(above[self.x == x]) for x in self.x])  # one run's noise must not decide
        return replace(
            self,
            **{name: getattr(self, name)[kept] for name in ("y", "x", "t", "length", "family")},
            loose=(1 + usual**4)[kept],
        )

    def _lowest(self) -> Array:
        """For each run the lowest mean of a rate at its length."""
        lowest = np.zeros(self.y.size)
        for j in range(len(self.lengths)):
            here = self.length == j
            lowest[here] = min(self.y[here & (self.x == x)].mean() for x in np.unique(self.x[here]))
        return lowest

    @property
    def square(self) -> Array:
        """x^2; 0 with too few rates for a parabola."""
        return self.x**2 * (np.unique(self.x).size >= PARABOLA)

    def varying(self, *, bent: bool) -> list[Array]:
        """The terms that change with the length: t x, t^2 x, t x^2; a term that cannot be estimated is 0."""
        changes = len(self.lengths) > PARABOLA
        return [self.t * self.x, self.t**2 * self.x * bent, self.t * self.square * changes]

    def design(self) -> Array:
        levels = (self.length[:, None] == np.arange(len(self.lengths))).astype(np.float64)
        drift, bend, change = self.varying(bent=self.bend < BENT)
        return np.column_stack([levels, self.x, drift, bend, self.square, change])

    def within(self, *, bent: bool) -> tuple[float, int]:
        """Residual squares and degrees of freedom within families."""
        families = (self.family[:, None] == np.unique(self.family)).astype(np.float64)
        lengths = (self.length[:, None] == np.arange(1, len(self.lengths))).astype(np.float64)
        weights = 1 / np.sqrt(self.loose)
        whole = np.column_stack([families, lengths, *self.varying(bent=bent)]) * weights[:, None]
        y = self.y * weights
        solved, _, rank, _ = np.linalg.lstsq(whole, y, rcond=None)
        residual = y - whole @ solved
        return float(residual @ residual), int(self.y.size - rank)

    @cached_property
    def bend(self) -> float:
        """P-value of b2: the squares that it explains within families, compared with the residual ones (F test)."""
        from scipy.special import fdtrc

        if len(self.lengths) < PARABOLA:
            return np.nan
        (squares, free), (left, fewer) = self.within(bent=False), self.within(bent=True)
        if not 0 < fewer < free:
            return np.nan
        return float(fdtrc(1, fewer, (squares - left) / max(left / fewer, _EXACT)))

    def between(self) -> tuple[float, int, float]:
        """Squares and degrees of freedom of the families' means around a parabola, and mean runs per family."""
        families = np.unique(self.family)
        # remove the effects of length and drift on a mean first, because families may lack a length
        levels = self.y - self.design() @ np.linalg.pinv(self.design()) @ self.y
        means = np.array([levels[self.family == f].mean() for f in families])
        x = np.array([self.x[self.family == f][0] for f in families])
        rank = min(PARABOLA, np.unique(x).size)
        return float(means @ means), len(means) - rank, self.y.size / len(means)

    def surface(self, noise: Noise) -> Surface:
        design, variance = self.design(), self._variance(noise)
        coefficients, covariance = _solved(design, variance, self.y)
        step = float(np.diff(np.unique(self.x)).min()) if np.unique(self.x).size > 1 else 0.0
        found = Surface(
            lengths=self.lengths,
            doublings=self.doublings,
            coefficients=coefficients,
            covariance=covariance,
            levels=coefficients[: len(self.lengths)],
            level_covariance=covariance[: len(self.lengths), : len(self.lengths)],
            noise=noise,
            rates=int(np.unique(self.x).size),
            step=step,
            window=(float(self.x.min()), float(self.x.max())),
            bend=self.bend,
        )
        levels, level_covariance = self._levels(found, design, variance)
        return replace(found, levels=levels, level_covariance=level_covariance)

    def _variance(self, noise: Noise) -> Array:
        """Covariance of the runs' noise, shape (n, n)."""
        together = self.family[:, None] == self.family[None, :]
        variance: Array = np.diag(noise.own * self.loose + _EXACT) + noise.shared * together
        return variance

    def _levels(self, found: Surface, design: Array, variance: Array) -> tuple[Array, Array]:
        """The levels at the best rates, and their covariance: best linear unbiased predictions (Henderson 1975).

        Each length may have its own slope and curvature, which differ from the common ones by `SHAPE`: if the noise is
        smaller than that, a level depends on the length's own runs, and if it is larger, on all runs. At the best rate
        the level does not depend on the exact rate (the envelope theorem), so the rates are treated as known; they come
        from all lengths together, so that no selection among a length's own runs makes its level look too good.
        """
        count = len(self.lengths)
        best = np.array([found.best_x(float(t)) for t in self.doublings])
        fixed = np.zeros((count, design.shape[1]))
        fixed[np.arange(count), np.arange(count)] = 1.0
        powers = self.doublings[:, None] ** np.arange(3)
        fixed[:, -5:-2], fixed[:, -2:] = powers * best[:, None], powers[:, :2] * best[:, None] ** 2
        shape = (SHAPE * self.unit) ** 2
        here = self.length[None, :] == np.arange(count)[:, None]
        same = self.length[None, :] == self.length[:, None]

        def alike(x: Array, z: Array) -> Array:
            """Covariance of a length's own shape between two sets of rates."""
            product: Array = np.outer(x, z)
            return shape * (product + product**2)

        whole = variance + same * alike(self.x, self.x)
        inverse = np.linalg.inv(whole)
        common = np.linalg.pinv(design.T @ inverse @ design, hermitian=True) @ design.T @ inverse
        ours = here * alike(best, self.x)
        weights = fixed @ common + ours @ inverse @ (np.eye(self.y.size) - design @ common)
        cross = weights @ ours.T
        error = weights @ whole @ weights.T - cross - cross.T + np.diag(np.diag(alike(best, best)))
        levels: Array = weights @ self.y
        return levels, error


def _solved(design: Array, variance: Array, y: Array) -> tuple[Array, Array]:
    """Coefficients by generalized least squares, and their covariance."""
    inverse = np.linalg.inv(variance)
    covariance: Array = np.linalg.pinv(design.T @ inverse @ design, hermitian=True).astype(np.float64)
    return covariance @ design.T @ inverse @ y, covariance


def _noise(tables: Sequence[_Table], repeats: tuple[float, int]) -> Noise:
    """The noise of one run, estimated from all points."""
    left = [table.within(bent=table.bend < BENT) for table in tables]
    free = sum(f for _, f in left)
    own = sum(s for s, _ in left) / free if free else 0.0
    own = max(own, (LEAST_OF_MANY * max(table.jitter for table in tables)) ** 2)
    around = [table.between() for table in tables]
    families = sum(f for _, f, _ in around)
    if families > 0:
        runs = float(np.mean([n for _, _, n in around]))
        shared = max(0.0, sum(s for s, _, _ in around) / families - own / runs)
    elif repeats[1] > 0:
        shared = max(0.0, repeats[0] - own)
    else:
        shared = own
    bends = sum(not np.isnan(table.bend) and table.bend >= BENT for table in tables)
    return Noise(own=own, shared=shared, free=free, bends=bends)
