"""Whether another trial than the one that the search put first is the best on fresh seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import looking
from playbook_cli.analysis.contrast import LEVEL, Contrast, error_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.analysis.repeats import Repeated
    from playbook_cli.records import Metric


@dataclass(frozen=True, kw_only=True)
class Rival:
    """The other trial with the best mean on fresh seeds, set against the one that the search put first."""

    first: int
    trial: int
    gain: float
    """By how much its mean is better; negative where it is worse."""
    p_value: float
    """Two-sided, of equal means; corrected for the choice among the others."""

    @property
    def better(self) -> bool:
        return self.gain > 0.0 and self.p_value < 1.0 - LEVEL


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
    error, freedom = error_of((float(x.var(ddof=1)) / x.size, x.size - 1) for x in (ours, theirs))
    looked = first.looked or other.looked
    alpha = looking.alpha(min(ours.size, theirs.size)) if looked else 1.0 - LEVEL
    contrast = Contrast(gain=float(ours.mean() - theirs.mean()), error=error, freedom=freedom, alpha=alpha)
    p_value = min(1.0, len(able) * contrast.p_value())
    return Rival(first=first.trial, trial=other.trial, gain=contrast.gain, p_value=p_value)
