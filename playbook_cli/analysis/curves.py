"""Learning curves against their own noise: levels, lines and the columns that hold them.

A column counts as measured on training data where a word of its name is `train` or `training`, and on validation data
where one is `val`, `valid`, `validation`, `dev` or `eval` (`val_loss`, `validation/loss`, `loss.train`). The study's
metric counts as a validation metric unless its name says training; a plain `loss` counts as training loss. Only columns
whose name says loss, error, nll, perplexity or the like are read besides the metric: there, smaller is better.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Curve, Metric, TrialRecord

_TRAINING = {"train", "training", "trn"}
_VALIDATION = {"val", "valid", "validation", "dev", "eval"}
_LOSS = {"loss", "nll", "ce", "xent", "crossentropy", "perplexity", "ppl", "mse"}
_ERROR = {"error", "err"}


@dataclass(frozen=True, kw_only=True)
class Series:
    """The finite evaluations of one metric of one trial, turned so that smaller is better; arrays of shape (n,)."""

    name: str
    steps: NDArray[np.float64]
    losses: NDArray[np.float64]

    @property
    def drop(self) -> float:
        """How far the curve came down from its first evaluation; its range where it only rises."""
        down = float(self.losses[0] - self.losses.min())
        return down if down > 0.0 else float(np.ptp(self.losses))

    @property
    def later_drop(self) -> float:
        """How far the curve came down after the first tenth of its evaluations, which hold what any training does."""
        later = self.losses[self.losses.size // 10 :]
        down = float(later[0] - later.min())
        return down if down > 0.0 else float(np.ptp(later))


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line through a stretch of a curve."""

    fall: float
    """By how much the line falls over the stretch; negative where it rises."""
    error: float
    """Standard error of `fall`."""
    free: int
    """Degrees of freedom of that error."""

    def p_fall(self, at_least: float = 0.0) -> float:
        """One-sided p-value against a fall of at most `at_least`."""
        return _p_value(self.fall - at_least, self.error, self.free)

    def p_rise(self, at_least: float = 0.0) -> float:
        """One-sided p-value against a rise of at most `at_least`."""
        return _p_value(-self.fall - at_least, self.error, self.free)

    def p_flat(self, within: float) -> float:
        """P-value against a change of `within` or more, up or down."""
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
    return _first(curve, [n for n in _names(curve) if n != metric.name and _is(n, _VALIDATION) and _is(n, _LOSS)])


def training_loss(curve: Curve | None, metric: Metric) -> Series | None:
    """The training loss, or the training error where no loss is recorded."""
    names = _names(curve)
    marked = [n for n in names if _is(n, _TRAINING)]
    loss = [n for n in marked if _is(n, _LOSS)] + [n for n in names if n.lower() == "loss" and n != metric.name]
    return _first(curve, loss + [n for n in marked if _is(n, _ERROR)])


def training_error(curve: Curve | None) -> Series | None:
    """The training error (`train_error`), which is zero where the training set is fitted perfectly."""
    return _first(curve, [n for n in _names(curve) if _is(n, _TRAINING) and _is(n, _ERROR)])


def noise(losses: NDArray[np.float64]) -> float:
    """Standard deviation of the noise in the second half of a curve, from second differences; NaN below 4 values.

    A smooth curve hardly adds to them, and white noise of variance v makes their mean square 6 v.
    """
    half = losses[losses.size // 2 :] if losses.size >= 8 else losses
    if half.size < 4:
        return math.nan
    return float(np.sqrt(np.mean(np.diff(half, n=2) ** 2) / 6))


def line(series: Series, share: float) -> Line:
    """The line through the last `share` of the evaluations, at least 4, with the error that noise gives its fall."""
    count = min(series.losses.size, max(4, math.ceil(series.losses.size * share)))
    x, y = series.steps[-count:], series.losses[-count:]
    x = (x - x.mean()) / max(float(np.ptp(x)), 1.0)
    spread = float(x @ x)
    slope = float(x @ y) / spread if spread else 0.0
    residual = y - y.mean() - slope * x
    free = max(count - 2, 1)
    # A few residuals can be small by luck, and second differences miss slow wander: the larger one is believed.
    deviation = max(math.sqrt(float(residual @ residual) / free), _zero(noise(series.losses)))
    error = deviation / math.sqrt(spread) if spread else math.inf
    return Line(fall=-slope, error=error, free=max(free, series.losses.size // 4))


def rise(series: Series, share: float = 0.1) -> Rise:
    """How far the mean of the last `share` of the evaluations, at least 2, lies above the lowest mean of as many."""
    size = max(2, math.ceil(series.losses.size * share))
    means = np.convolve(series.losses, np.ones(size) / size, "valid")
    lowest = int(np.argmin(means))
    return Rise(
        rise=float(means[-1] - means[lowest]),
        error=_zero(noise(series.losses)) * math.sqrt(2 / size),
        lowest_step=int(series.steps[lowest + size - 1]),
        windows=max(1, series.losses.size // size),
        free=max(1, series.losses.size // 4),
    )


def pooled(lines: Sequence[Line], scales: Sequence[float]) -> Line:
    """The mean of several curves' lines, at least one, each divided by its own scale."""
    known = [(line, scale) for line, scale in zip(lines, scales, strict=True) if scale > 0.0]
    if not known:
        return Line(fall=0.0, error=0.0, free=1)
    return Line(
        fall=sum(line.fall / scale for line, scale in known) / len(known),
        error=math.sqrt(sum((line.error / scale) ** 2 for line, scale in known)) / len(known),
        free=sum(line.free for line, _ in known),
    )


def late_noise(trials: Sequence[TrialRecord], metric: Metric) -> float | None:
    """Standard deviation of one evaluation late in training, the median of these trials; None without curves."""
    series = [objective(t.curve, metric) for t in trials]
    known = [value for s in series if s is not None and not math.isnan(value := noise(s.losses))]
    return float(np.median(known)) if known else None


def _p_value(above: float, error: float, free: int) -> float:
    from scipy.special import stdtr

    if error == 0.0:
        return 0.0 if above > 0.0 else 1.0
    return float(stdtr(free, -above / error))


def _zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _names(curve: Curve | None) -> Sequence[str]:
    return [] if curve is None else list(curve.values)


def _is(name: str, words: set[str]) -> bool:
    return not words.isdisjoint(re.split(r"[^a-z0-9]+|_", name.lower()))


def _first(curve: Curve | None, names: Sequence[str]) -> Series | None:
    return next((s for s in (_series(curve, name, 1.0) for name in names) if s is not None), None)


def _series(curve: Curve | None, name: str, sign: float) -> Series | None:
    if curve is None or name not in curve.values:
        return None
    finite = np.isfinite(curve.values[name])
    if not finite.any():
        return None
    return Series(name=name, steps=curve.steps[finite].astype(np.float64), losses=sign * curve.values[name][finite])
