"""Learning curves against their own noise: levels, lines and the columns that hold them.

Columns are known by their names (`measures`). The study's metric counts as a validation metric unless its name says
training. Only columns whose name says loss, error, nll, perplexity or the like are read besides the metric: there,
smaller is better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.storage.metric_names import ERROR, LOSS, TRAINING, VALIDATION, says, training_losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Curve, Metric, TrialRecord

MOST = 120
"""Evaluations of a curve that are read one by one; of more, the means of so many blocks are."""
WORTH = 0.3
"""A fall over the last part of training of less than this part of one evaluation's noise is none: nobody sees it."""
FLAT = 0.5
"""The same of a change over half of training."""
_LONG = 48
_STRETCHES = ((0.3, 0.55), (0.5, 0.75), (0.75, 1.0))
_MEMORIES = np.linspace(0.0, 0.95, 39)
_SPREAD_KNOWN = 4
"""Curves from which on their spread is taken for the error of their mean, where it is the larger one."""
_KEPT = 0.75
_KEPT_VARIANCE = 0.3684
"""Of the smaller three quarters of normal deviations; a step in a curve is among the others."""
_LEVEL = 0.1
"""Share of a curve's evaluations whose mean is its level."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """The finite evaluations of one metric of one trial, turned so that smaller is better; arrays of shape (n,)."""

    name: str
    steps: NDArray[np.float64]
    losses: NDArray[np.float64]

    @cached_property
    def blocks(self) -> Series:
        """At most `MOST` evaluations: means of blocks of equal size, where there are more."""
        if self.losses.size <= MOST:
            return self
        edges = np.linspace(0, self.losses.size, MOST + 1).astype(int)[:-1]
        counts = np.diff([*edges, self.losses.size])
        steps, losses = (np.add.reduceat(x, edges) / counts for x in (self.steps, self.losses))
        return Series(name=self.name, steps=steps, losses=losses)

    @cached_property
    def lowest(self) -> float:
        """The lowest level: of means of a tenth of the evaluations, since the lowest of many is the luckiest."""
        losses = self.blocks.losses
        size = max(1, int(losses.size * _LEVEL))
        return float(np.convolve(losses, np.ones(size) / size, "valid").min())

    @property
    def drop(self) -> float:
        """How far the curve came down from its first evaluation; its range where it only rises."""
        return self._down_from(self.blocks.losses, 0)

    @property
    def later_drop(self) -> float:
        """How far the curve came down after the first tenth of training, which holds what any training does."""
        blocks = self.blocks
        return self._down_from(blocks.losses, int(np.searchsorted(blocks.steps, 0.1 * blocks.steps[-1])))

    @cached_property
    def jitter(self) -> float:
        """Standard deviation of one evaluation against its neighbours; NaN below 4 evaluations."""
        return noise(self.losses, self.steps)

    def _down_from(self, losses: NDArray[np.float64], at: int) -> float:
        around = losses.size // 60 if at else 0
        down = float(losses[max(at - around, 0) : at + around + 1].mean()) - self.lowest
        return down if down > 0.0 else float(np.ptp(losses[at:]))


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line through a stretch of a curve."""

    fall: float
    """By how much the line falls over the stretch; negative where it rises."""
    error: float
    """Standard error of `fall`."""
    free: int
    """Degrees of freedom of that error."""
    noise: float = 0.0
    """Standard deviation of one evaluation."""

    def p_fall(self, at_least: float = 0.0) -> float:
        """One-sided p-value against a fall of at most `at_least`."""
        return _p_value(self.fall - at_least, self.error, self.free)

    def p_rise(self, at_least: float = 0.0) -> float:
        """One-sided p-value against a rise of at most `at_least`."""
        return _p_value(-self.fall - at_least, self.error, self.free)

    def p_less(self, than: float) -> float:
        """One-sided p-value against a fall of `than` or more, or of what is worth its noise where that is more."""
        return _p_value(max(than, WORTH * self.noise) - self.fall, self.error, self.free)

    def p_flat(self, within: float) -> float:
        """P-value against a change up or down of `within` or more, or of what is worth its noise where that is more."""
        within = max(within, FLAT * self.noise)
        return max(
            _p_value(within - self.fall, self.error, self.free), _p_value(within + self.fall, self.error, self.free)
        )


@dataclass(frozen=True, kw_only=True)
class Rise:
    """How far a curve ends above its lowest level, both levels being means of `window` evaluations."""

    rise: float
    error: float
    lowest_step: int
    """Last step of the lowest window."""
    windows: int
    """How many places the lowest level was chosen from."""
    free: int
    """Degrees of freedom of the error."""

    def p_value(self) -> float:
        """One-sided p-value of the rise, corrected for the choice of the lowest window."""
        return min(1.0, self.windows * _p_value(self.rise, self.error, self.free))


def objective(curve: Curve | None, metric: Metric) -> Series | None:
    """The study's own metric; None where there is no finite evaluation of it."""
    return _series(curve, metric.name, -1.0 if metric.goal == "maximize" else 1.0)


def validation_loss(curve: Curve | None, metric: Metric) -> Series | None:
    """The validation loss where there is one besides the study's metric."""
    return _first(curve, [n for n in _names(curve) if n != metric.name and says(n, VALIDATION) and says(n, LOSS)])


def training_loss(curve: Curve | None, metric: Metric) -> Series | None:
    """The training loss, or the training error where no loss is recorded."""
    return _first(curve, training_losses(_names(curve), metric.name))


def training_error(curve: Curve | None) -> Series | None:
    """The training error (`train_error`), which is zero where the training set is fitted perfectly."""
    return _first(curve, [n for n in _names(curve) if says(n, TRAINING) and says(n, ERROR)])


def noise(losses: NDArray[np.float64], steps: NDArray[np.float64] | None = None) -> float:
    """Standard deviation of the noise in the second half of a curve, from second differences; NaN below 4 values.

    A smooth curve hardly adds to them, and white noise of variance v makes their mean square 6 v. The largest quarter
    of them is left out, so that a step in the curve is no noise. At uneven `steps` each evaluation is held against
    the line between its neighbours.
    """
    first = losses.size // 2 if losses.size >= 8 else 0
    half = losses[first:]
    if half.size < 4:
        return math.nan
    x = np.arange(half.size, dtype=np.float64) if steps is None else steps[first:]
    before = (x[2:] - x[1:-1]) / (x[2:] - x[:-2])
    apart = half[1:-1] - before * half[:-2] - (1 - before) * half[2:]
    squares = np.sort(apart**2 / (1 + before**2 + (1 - before) ** 2))
    if squares.size < 8:
        return float(np.sqrt(squares.mean()))
    return float(np.sqrt(squares[: math.ceil(_KEPT * squares.size)].mean() / _KEPT_VARIANCE))


def memory(series: Sequence[Series]) -> float:
    """How far the noise of one evaluation is that of the one before, 0 to 0.95: the same for all of these curves.

    From the residuals of parabolas through stretches of their later parts. A parabola takes away some of the noise's
    own wander; how much is known (the expected residuals of such noise), and undone. Of long curves three stretches
    are read and the middle answer is taken: a step in the curve, or the start of a decay, lies in one of them.
    """
    answers = []
    for low, high in _STRETCHES:
        found, totals, expected = [], [], []
        for one in series:
            losses = one.blocks.losses
            if losses.size < _LONG:
                losses = losses[-max(12, losses.size // 2) :]
            else:
                losses = losses[int(low * losses.size) : int(high * losses.size)]
            if losses.size < 8:
                continue
            keeps, curve = _parabola(losses.size)
            residual = keeps @ losses
            total = float(residual @ residual)
            if total <= 1e-18 * max(float(np.ptp(losses)) ** 2, 1e-300):
                continue
            weight = one.drop**2 or 1.0
            found.append(float(residual[1:] @ residual[:-1]) / weight)
            totals.append(total / weight)
            expected.append(curve)
        if found:
            answers.append(float(np.interp(sum(found) / sum(totals), np.mean(expected, axis=0), _MEMORIES)))
    return round(float(np.median(answers)), 2) if answers else 0.0


def line(series: Series, share: float, memory: float = 0.0) -> Line:
    """The line through the last `share` of training, at least 4 evaluations, with the error that noise gives its fall.

    Noise with a `memory` makes slopes by itself: as many evaluations are worth fewer.
    """
    blocks = series.blocks
    last = float(blocks.steps[-1])
    count = max(min(4, blocks.losses.size), int((blocks.steps > (1 - share) * last).sum()))
    x, y = blocks.steps[-count:], blocks.losses[-count:]
    # The fall over the share of training, however many steps lie between the first and the last of its evaluations.
    x = (x - x.mean()) / max(share * last, 1e-12)
    spread = float(x @ x)
    slope = float(x @ y) / spread if spread else 0.0
    residual = y - y.mean() - slope * x
    free = max(count - 2, 1)
    # A few residuals can be small by luck, and second differences miss slow wander: the larger one is believed.
    deviation = max(math.sqrt(float(residual @ residual) / free), zero(blocks.jitter))
    error = deviation / math.sqrt(spread) if spread else math.inf
    worth = max(free, blocks.losses.size // 4)
    if memory and spread:
        wander = _wander(count, memory)
        wandered = wander @ x
        kept = count - float(wander.mean() * count) - float(x @ wandered) / spread
        deviation = max(
            math.sqrt(float(residual @ residual) / max(kept, 0.05 * count)), zero(blocks.jitter) / _jumps(memory)
        )
        error = deviation * math.sqrt(max(float(x @ wandered), 0.0)) / spread
        worth = max(1, round(worth * (1 - memory) / (1 + memory)))
    return Line(fall=-slope, error=error, free=worth, noise=max(deviation, zero(series.jitter)))


def readable(series: Series, share: float) -> bool:
    """Whether the 4 evaluations that a line needs lie in about this last share of training."""
    steps = series.steps
    return steps.size >= 4 and float(steps[-1] - steps[-4]) <= 1.6 * share * float(steps[-1])


def rise(series: Series, share: float = _LEVEL, *, memory: float = 0.0, noise: Noise | None = None) -> Rise:
    """How far the mean of the last `share` of the evaluations, at least 2, lies above the lowest mean of as many.

    `noise` is what is known of it from other curves, too.
    """
    blocks = series.blocks
    size = max(2, math.ceil(blocks.losses.size * share))
    means = np.convolve(blocks.losses, np.ones(size) / size, "valid")
    lowest = int(np.argmin(means))
    own = noise or common_noise([series], memory)
    return Rise(
        rise=float(means[-1] - means[lowest]),
        error=own.share * series.drop * math.sqrt(2 * float(_wander(size, memory).mean())),
        lowest_step=int(blocks.steps[lowest + size - 1]),
        windows=max(1, blocks.losses.size // size),
        free=own.free,
    )


def rises_since(series: Series, step: float, least: float) -> bool:
    """Whether the curve ends above its level up to this step, by this share of its drop until then and beyond noise.

    Half of that level is enough, too: the first evaluation of a network that was set up badly is of any size.
    """
    blocks = series.blocks
    size = max(2, math.ceil(blocks.losses.size * _LEVEL))
    before = blocks.losses[blocks.steps <= step]
    if before.size < 2:
        return False
    ends = (before[-size:], blocks.losses[-size:])
    then, now = (float(np.median(end)) for end in ends)
    noise = 2 * max(float(np.median(np.abs(np.diff(end)))) for end in ends) * math.sqrt(2 / size)
    return now - then > max(min(least * max(float(before[0]) - then, 0.0), abs(then) / 2), noise, 0.0)


@dataclass(frozen=True, kw_only=True)
class Noise:
    """The noise of one evaluation, or of a block of many, in several curves."""

    share: float
    """Its standard deviation as a share of a curve's whole drop: the median of the curves."""
    free: int
    """Degrees of freedom of that."""


def common_noise(series: Sequence[Series], memory: float) -> Noise:
    """What these curves' second halves tell of their noise, which has this `memory`."""
    known = [s for s in series if s.drop > 0.0]
    shares = [max(_level_noise(s.blocks, memory), zero(s.blocks.jitter)) / s.drop for s in known]
    worth = sum(s.blocks.losses.size for s in known) / 4 * (1 - memory) / (1 + memory)
    return Noise(share=float(np.median(shares)) if shares else 0.0, free=max(1, round(worth)))


def pooled(lines: Sequence[Line], scales: Sequence[float]) -> Line:
    """The mean of several curves' lines, at least one, each divided by its own scale.

    Where the lines differ by more than their errors say, their spread is believed.
    """
    known = [(line, scale) for line, scale in zip(lines, scales, strict=True) if scale > 0.0]
    if not known:
        return Line(fall=0.0, error=0.0, free=1)
    count = len(known)
    falls = np.array([line.fall / scale for line, scale in known])
    error = math.sqrt(sum((line.error / scale) ** 2 for line, scale in known)) / count
    if count >= _SPREAD_KNOWN:
        error = max(error, float(falls.std(ddof=1)) / math.sqrt(count))
    return Line(
        fall=float(falls.mean()),
        error=error,
        free=sum(line.free for line, _ in known),
        noise=sum(line.noise / scale for line, scale in known) / count,
    )


def late_noise(trials: Sequence[TrialRecord], metric: Metric) -> float | None:
    """Standard deviation of one evaluation late in training, the median of these trials; None without curves."""
    series = [objective(t.curve, metric) for t in trials]
    known = [s.jitter for s in series if s is not None and not math.isnan(s.jitter)]
    return float(np.median(known)) if known else None


def _p_value(above: float, error: float, free: int) -> float:
    from scipy.special import stdtr

    if error == 0.0:
        return 0.0 if above > 0.0 else 1.0
    return float(stdtr(free, -above / error))


@lru_cache(maxsize=256)
def _parabola(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What takes the best parabola away from so many values, and the first autocorrelation that it leaves of noise.

    The latter for each of `_MEMORIES`, not falling.
    """
    x = np.linspace(-1.0, 1.0, count)
    basis = np.linalg.qr(np.stack([np.ones(count), x, x**2], axis=1))[0]
    keeps = np.eye(count) - basis @ basis.T
    left = [keeps @ _wander(count, float(m)) @ keeps for m in _MEMORIES]
    curve = [float(np.trace(one, offset=1) / np.trace(one)) for one in left]
    return keeps, np.maximum.accumulate(curve)


@lru_cache(maxsize=4096)
def _wander(count: int, memory: float) -> NDArray[np.float64]:
    """Correlations of so many evaluations in a row, shape (count, count)."""
    lags = np.arange(count)
    return np.asarray(memory ** np.abs(lags[:, None] - lags[None, :]), dtype=np.float64)


def _jumps(memory: float) -> float:
    """What second differences see of noise with a memory, as a part of its standard deviation."""
    return math.sqrt((6 - 8 * memory + 2 * memory**2) / 6)


def _level_noise(series: Series, memory: float) -> float:
    """Standard deviation of noise with a memory in the second half of a curve."""
    losses = series.losses[-max(12, series.losses.size // 2) :]
    if losses.size < 8:
        return 0.0
    keeps, _ = _parabola(losses.size)
    residual = keeps @ losses
    left = float(np.trace(keeps @ _wander(losses.size, memory)))
    return math.sqrt(float(residual @ residual) / max(left, 0.05 * losses.size))


def zero(value: float) -> float:
    """`value`, or 0 where it is not known."""
    return 0.0 if math.isnan(value) else value


def _names(curve: Curve | None) -> Sequence[str]:
    return [] if curve is None else list(curve.values)


def _first(curve: Curve | None, names: Sequence[str]) -> Series | None:
    return next((s for s in (_series(curve, name, 1.0) for name in names) if s is not None), None)


def _series(curve: Curve | None, name: str, sign: float) -> Series | None:
    if curve is None or name not in curve.values:
        return None
    finite = np.isfinite(curve.values[name])
    if not finite.any():
        return None
    return Series(name=name, steps=curve.steps[finite].astype(np.float64), losses=sign * curve.values[name][finite])
