"""How many trials found the good region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import curves, outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Metric, TrialRecord


@dataclass(frozen=True, kw_only=True)
class GoodRegion:
    """The trials whose results are close to the best one."""

    good: int
    """How many they are, the best one included."""
    trials: int
    """Trials that ended."""
    limit: float
    """The worst result that still counts as good, in the metric's scale."""


def good_region(trials: Sequence[TrialRecord], metric: Metric, *, good: float) -> GoodRegion | None:
    """The trials within `good` of the way from the best result to the upper quartile; None where none is feasible.

    Results within two standard deviations of the evaluation noise of the best one are as good as it.
    """
    losses = outcomes.losses(trials, metric)
    feasible = losses[np.isfinite(losses)]
    if not feasible.size:
        return None
    best = float(feasible.min())
    noise = curves.late_noise(outcomes.ranked(trials, metric)[: max(3, len(trials) // 8)], metric) or 0.0
    limit = best + max(good * (float(np.quantile(feasible, 0.75)) - best), 2 * noise)
    return GoodRegion(good=int((feasible <= limit).sum()), trials=len(trials), limit=metric.loss(limit))
