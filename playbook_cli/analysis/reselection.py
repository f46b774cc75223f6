"""Whether another trial than the one that the search put first is the best on fresh seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.repeats import Repeated
    from playbook_cli.records import Metric

P_LIMIT = 0.05
"""Below it, the other trial is taken to be the better one."""


@dataclass(frozen=True, kw_only=True)
class Rival:
    """The other trial with the best mean on fresh seeds, set against the one that the search put first."""

    first: int
    trial: int
    gain: float
    """By how much its mean is better; negative where it is worse."""
    p_value: float
    """One-sided, of no better a mean; corrected for the choice among the others."""

    @property
    def better(self) -> bool:
        return self.gain > 0.0 and self.p_value < P_LIMIT


def rival(repeated: Sequence[Repeated], metric: Metric) -> Rival | None:
    """The rival among trials that were repeated, in the order that the search put them; None without any.

    A trial that diverged on more of the fresh seeds than the first one is none. The test is Welch's, which errs on the
    careful side where the same seed makes two trainings alike.
    """
    first = repeated[0] if repeated else None
    if first is None or len(first.values) < 2:
        return None
    able = [r for r in repeated[1:] if len(r.values) > 1 and r.infeasible <= first.infeasible]
    if not able:
        return None
    other = min(able, key=lambda r: (metric.loss(float(np.mean(r.values))), r.trial))
    ours, theirs = (np.array([metric.loss(value) for value in r.values]) for r in (first, other))
    gain = float(ours.mean() - theirs.mean())
    p_value = min(1.0, len(able) * _p_greater(ours, theirs))
    return Rival(first=first.trial, trial=other.trial, gain=gain, p_value=p_value)


def _p_greater(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """One-sided p-value of Welch's test that the mean of `a` is greater than that of `b`."""
    from scipy.special import stdtr

    gain = float(a.mean() - b.mean())
    parts = [float(x.var(ddof=1)) / x.size for x in (a, b)]
    if sum(parts) == 0.0:
        return 0.0 if gain > 0.0 else 1.0
    free = sum(parts) ** 2 / sum(part**2 / (x.size - 1) for part, x in zip(parts, (a, b), strict=True))
    return float(stdtr(free, -gain / math.sqrt(sum(parts))))
