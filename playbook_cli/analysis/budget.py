"""What the last doublings of the number of trials brought, from the expected best of n."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import curves, outcomes
from playbook_cli.analysis.expected_best import at, expected_best, missed_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Metric, TrialRecord


_DRAWS = 2000
_HEAVY = 3
"""Degrees of freedom of Student's t, for noise with heavy tails."""
_MOST = 400
"""Results of an arm that are drawn: more of them bring a little less."""


@dataclass(frozen=True, kw_only=True)
class Doubling:
    """What the last doubling of the number of trials brought, and what the next one is expected to bring."""

    gain: float
    """Expected of the next one if gains go on shrinking as in the last two; in the metric's units, positive."""
    last: float
    """Of the last one, in the metric's units, positive: the next one hardly brings more."""
    spread: float
    """From the best result to the upper quartile of the feasible ones, positive, in the metric's units."""
    noise: float | None
    """Standard deviation of the evaluations late in training, median of the best trials; None without curves."""
    feasible: int
    """Results that this is known from."""


def last_doublings(trials: Sequence[TrialRecord], metric: Metric) -> Doubling | None:
    """By the expected best of n of these ended trials; None with fewer than 8, or 4 feasible ones."""
    losses = outcomes.losses(trials, metric)
    feasible = losses[np.isfinite(losses)]
    if losses.size < 8 or feasible.size < 4:
        return None
    expected = expected_best([metric.loss(loss) for loss in losses], metric)
    quarter, half, whole = (metric.loss(at(expected, losses.size // part).value) for part in (4, 2, 1))
    before, last = quarter - half, half - whole
    return Doubling(
        gain=last * min(last / before, 1.0) if before > 0.0 else last,
        last=last,
        spread=outcomes.spread(trials, metric),
        noise=curves.late_noise(outcomes.ranked(trials, metric)[: max(3, losses.size // 8)], metric),
        feasible=int(feasible.size),
    )


def chance(gain: float, noise: float, feasible: Sequence[int], free: int | None = None) -> float:
    """How often noise alone brings such a last doubling, averaged over arms of so many results.

    Normal noise of a known standard deviation, or of one that was estimated with `free` degrees of freedom. What is
    known from few results has to allow for heavy tails: then the noise is drawn from Student's t.
    """
    rng = np.random.default_rng(0)

    def drawn(count: int) -> NDArray[np.float64]:
        shape = (_DRAWS, count)
        return rng.normal(size=shape) if free is None else rng.standard_t(_HEAVY, size=shape)

    found = np.zeros(_DRAWS)
    for count in (min(count, _MOST) for count in feasible):
        gaps = np.diff(np.sort(drawn(count), axis=1))
        found += gaps @ missed_by(count, count // 2) / len(feasible)
    if free is not None:
        found /= drawn(min(free, _MOST) + 1).std(axis=1, ddof=1)
    return float((noise * found >= gain).mean())
