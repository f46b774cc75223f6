"""Curves that rise and fall again and again: restarts of the learning rate, or data that come in a fixed order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.curves import Series

FEWEST = 20
"""Evaluations that a curve needs."""
_FROM = 0.1
"""Part of training from which on a wave is looked for: any curve falls steeply before."""
_CYCLES = 3.2
"""Cycles that must lie in the part looked at: fewer are a bend."""
_SHARE = 0.35
"""Part of the variance about a smooth trend that the wave must explain."""
HEIGHT = 0.02
"""Height of a wave that counts, as a part of the curves' whole drop."""
_P_VALUE = 0.001
_MOST = 8
_TREND = 3
"""Degree of the polynomial that a curve may follow beside the wave."""


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """A wave that most of these curves share."""

    steps: float
    """Of one period."""
    height: float
    """Half of the way from its lowest to its highest point, as a part of the curves' whole drop; the median."""
    curves: int


def cycle(series: Sequence[Series], height: float = HEIGHT) -> Cycle | None:
    """The wave of these curves; None where they have none, or too few evaluations to say.

    At each frequency a sine and its first overtone are fitted beside a smooth trend. The best frequency must explain
    much of what the trend leaves, in all curves together and beyond what noise does that remembers itself as what is
    left does, and the curves themselves must rise: steps down, too, lie about a trend like a wave.
    """
    known = [s.blocks for s in series if s.losses.size >= FEWEST][:_MOST]
    if not known:
        return None
    last = max(float(s.steps[-1]) for s in known)
    most = min(s.losses.size for s in known) / 5
    counts = np.arange(_CYCLES, max(most, _CYCLES), 0.1)
    if counts.size == 0:
        return None
    fits = [_fit(s, last, counts) for s in known]
    explained = np.mean([fit.explained for fit in fits], axis=0)
    # An overtone of half the frequency explains the same wave.
    best = int(np.flatnonzero(explained >= 0.95 * explained.max())[-1])
    wave = float(np.median([np.ptp(fit.fitted[best]) / 2 for fit in fits]))
    drop = float(np.median([s.drop for s in known]))
    memory = max(0.0, float(np.mean([_memory(fit.left - fit.fitted[best]) for fit in fits])))
    free = (min(s.losses.size for s in known) * (1 - _FROM) - _TREND - 5) * (1 - memory) / (1 + memory)
    if free <= 0 or wave < height * drop or explained[best] < _SHARE:
        return None
    period = (1 - _FROM) * last / float(counts[best])
    if np.median([_rises(s, period) for s in known]) < 0.8 * wave * float(counts[best]):
        return None
    terms = 4 * len(known)
    if counts.size / 3 * _tail(float(explained[best]), free * len(known), terms) >= _P_VALUE:
        return None
    return Cycle(steps=period, height=wave / drop if drop else 0.0, curves=len(known))


def _rises(series: Series, period: float) -> float:
    """By how much the curve goes up in all, seen over a quarter of a period."""
    later = series.steps >= _FROM * series.steps[-1]
    quarters = (series.steps[later] // (period / 4)).astype(int)
    _, starts, counts = np.unique(quarters, return_index=True, return_counts=True)
    means = np.add.reduceat(series.losses[later], starts) / counts
    return float(np.clip(np.diff(means), 0.0, None).sum())


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """Waves through one curve's evaluations, shape (n,), after the first tenth of training."""

    explained: NDArray[np.float64]
    """Part of the variance about the trend, for each number of cycles."""
    fitted: NDArray[np.float64]
    """The waves, shape (counts, n)."""
    left: NDArray[np.float64]
    """The curve without its trend."""


def _fit(series: Series, last: float, counts: NDArray[np.float64]) -> _Fit:
    t = (series.steps / last - _FROM) / (1 - _FROM)
    y = series.losses[t >= 0]
    t = t[t >= 0]
    trend = np.linalg.qr(np.vander(2 * t - 1, _TREND + 1))[0]
    y = y - trend @ (trend.T @ y)
    total = float(y @ y)
    angles = 2 * np.pi * counts[:, None] * t
    waves = np.stack([np.cos(angles), np.sin(angles), np.cos(2 * angles), np.sin(2 * angles)], axis=2)
    waves = waves - trend @ (trend.T @ waves)
    bases, _ = np.linalg.qr(waves)
    fitted = np.einsum("fnk,fk->fn", bases, np.einsum("fnk,n->fk", bases, y))
    explained = (fitted**2).sum(axis=1) / total if total > 0.0 else np.zeros(counts.size)
    return _Fit(explained=explained, fitted=fitted, left=y)


def _memory(left: NDArray[np.float64]) -> float:
    total = float(left @ left)
    return float(left[1:] @ left[:-1]) / total if total > 0.0 else 0.0


def _tail(explained: float, free: float, terms: int) -> float:
    """How often noise alone explains so much with so many terms."""
    from scipy.stats import f

    if explained >= 1.0:
        return 0.0
    ratio = explained / terms / ((1 - explained) / max(free, 1.0))
    return float(f.sf(ratio, terms, max(free, 1.0))) if math.isfinite(ratio) else 0.0
