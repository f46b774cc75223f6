"""Ranges whose upper part is infeasible with the best trials right below: training is unstable there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Metric, Parameter, TrialRecord


@dataclass(frozen=True, kw_only=True)
class Unstable:
    """The upper end of one range."""

    failed_above: int
    """Trials in a row, from the highest value down, that are infeasible."""
    infeasible: int
    trials: int
    limit: float | None
    """Highest value, in unit space, of a feasible trial; None where none is feasible."""
    p_value: float
    """Chance that so many infeasible trials are the highest ones by chance; not corrected for the number of ranges."""
    near: int
    """Trials among the best that lie in the zone right below the limit."""
    top: int
    """How many trials count as the best: an eighth, at least one, but at most half of the feasible ones."""


def unstable_above(trials: Sequence[TrialRecord], parameter: Parameter, metric: Metric, *, zone: float) -> Unstable:
    """What is known of the upper end of a range; `trials` have ended and have this parameter, at least one of them.

    `zone` is the share of the feasible part of the range, next to the infeasible one, where the best must lie.
    """
    units = outcomes.units(parameter, trials)
    losses = outcomes.losses(trials, metric)
    feasible = np.isfinite(losses)
    n, m = len(trials), int((~feasible).sum())
    limit = float(units[feasible].max()) if feasible.any() else None
    run = n if limit is None else int((units > limit).sum())
    top = min(max(1, n // 8), (n - m + 1) // 2)
    best = np.argsort(losses, kind="stable")[:top]
    near = 0 if limit is None else int((units[best] >= limit * (1 - zone)).sum())
    p_value = math.prod((m - i) / (n - i) for i in range(run)) if limit is not None else 1.0
    return Unstable(failed_above=run, infeasible=m, trials=n, limit=limit, p_value=p_value, near=near, top=top)
