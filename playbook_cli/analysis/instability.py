"""Ranges whose upper part is infeasible with the best trials right below: training is unstable there.

The border often lies across two ranges, as where the learning rate over one minus the momentum is too large. So the
ratios and the products of two ranges on log scales are looked at in the same way.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Metric, Parameter, TrialRecord


_MOST = 12
"""Ranges of which every two are looked at; of more none are."""


@dataclass(frozen=True, kw_only=True)
class Unstable:
    """The upper end of one range, or of one ratio or product of two."""

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


@dataclass(frozen=True, kw_only=True)
class Together:
    """A border of stability across two ranges."""

    of: tuple[Parameter, Parameter]
    ratio: bool
    """Whether the first over the second is too large, or else their product."""
    limit: float
    """Largest value of it, in the parameters' own units, of a feasible trial."""
    above: Unstable
    tests: int
    """Ratios and products that were looked at."""

    @property
    def p_value(self) -> float:
        """Corrected for their number."""
        return min(1.0, self.above.p_value * self.tests)


def unstable_above(trials: Sequence[TrialRecord], parameter: Parameter, metric: Metric, *, zone: float) -> Unstable:
    """What is known of the upper end of a range; `trials` have ended and have this parameter, at least one of them.

    `zone` is the share of the feasible part of the range, next to the infeasible one, where the best must lie.
    """
    return _above(outcomes.units(parameter, trials), outcomes.losses(trials, metric), zone)


def unstable_together(
    trials: Sequence[TrialRecord], ranges: Sequence[Parameter], metric: Metric, *, zone: float
) -> Together | None:
    """The ratio or product of two ranges that chance explains the least; None without any, or without a limit.

    `trials` have ended. Of equally good ones the first counts.
    """
    logs = [p for p in ranges if p.scale == "log"]
    if len(logs) > _MOST or not any(t.state == "infeasible" for t in trials):
        return None
    found: list[tuple[tuple[Parameter, Parameter], bool, float, Unstable]] = []
    for pair in itertools.combinations(logs, 2):
        both = [t for t in trials if all(outcomes.has(p, t) for p in pair)]
        if not both:
            continue
        losses = outcomes.losses(both, metric)
        for (first, second), ratio in _combined(*pair):
            powers = _logs(first, both) + _logs(second, both) * (-1 if ratio else 1)
            low, high = _span(first, second, ratio=ratio)
            above = _above((powers - low) / (high - low), losses, zone)
            if above.limit is not None:
                found.append(((first, second), ratio, math.exp(low + above.limit * (high - low)), above))
    if not found:
        return None
    of, ratio, limit, above = min(found, key=lambda one: one[3].p_value)
    return Together(of=of, ratio=ratio, limit=limit, above=above, tests=len(found))


def _combined(first: Parameter, second: Parameter) -> Iterator[tuple[tuple[Parameter, Parameter], bool]]:
    """Both ratios, and the product."""
    yield from (((first, second), True), ((second, first), True), ((first, second), False))


def _logs(parameter: Parameter, trials: Sequence[TrialRecord]) -> NDArray[np.float64]:
    return np.log(np.array([t.params[parameter.name] for t in trials], dtype=np.float64))


def _span(first: Parameter, second: Parameter, *, ratio: bool) -> tuple[float, float]:
    """Logarithms of the smallest and of the largest ratio or product."""
    low, high = (second.high, second.low) if ratio else (second.low, second.high)
    sign = -1 if ratio else 1
    return math.log(first.low) + sign * math.log(low), math.log(first.high) + sign * math.log(high)


def _above(units: NDArray[np.float64], losses: NDArray[np.float64], zone: float) -> Unstable:
    feasible = np.isfinite(losses)
    n, m = len(losses), int((~feasible).sum())
    limit = float(units[feasible].max()) if feasible.any() else None
    run = n if limit is None else int((units > limit).sum())
    top = min(max(1, n // 8), (n - m + 1) // 2)
    best = np.argsort(losses, kind="stable")[:top]
    near = 0 if limit is None else int((units[best] >= limit * (1 - zone)).sum())
    p_value = math.prod((m - i) / (n - i) for i in range(run)) if limit is not None else 1.0
    return Unstable(failed_above=run, infeasible=m, trials=n, limit=limit, p_value=p_value, near=near, top=top)
