"""How far results differ by the training seed alone, near the best ones: by repeats, and by points that recur."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import outcomes

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord, TrialRecord


@dataclass(frozen=True, kw_only=True)
class SeedNoise:
    """Pooled over points that were trained with several seeds."""

    sd: float
    """In the metric's units, positive."""
    free: int
    """Degrees of freedom."""
    results: int
    """That it is known from."""

    def at_least(self, level: float) -> float:
        """What the standard deviation is at least with this probability, for normal noise."""
        from scipy.special import chdtri

        return self.sd * math.sqrt(self.free / float(chdtri(self.free, 1 - level)))


def seed_noise(study: StudyRecord) -> SeedNoise | None:
    """Of the points in the better half of the search; None where none has two results that differ.

    A repeated trial's own result does not count: it was selected. Trials of the search with the same hyperparameters
    differ by their seeds alone.
    """
    search = outcomes.feasible(study.search.trials)
    if not search:
        return None
    middle = float(np.median(outcomes.losses(search, study.metric)))
    same: dict[frozenset[tuple[str, object]], list[TrialRecord]] = {}
    for trial in outcomes.completed(search):
        same.setdefault(frozenset(trial.params.items()), []).append(trial)
    groups = [own for group in same.values() if (own := outcomes.losses(group, study.metric)).mean() <= middle]
    # Repeats are worse on average than the result that their trial was selected for.
    groups += [
        outcomes.losses(outcomes.completed(study.repeats(trial.id)), study.metric)
        for trial in search
        if outcomes.result(trial, study.metric) <= middle
    ]
    known = [losses for losses in groups if losses.size > 1]
    squares = sum(float(((losses - losses.mean()) ** 2).sum()) for losses in known)
    results = sum(losses.size for losses in known)
    free = results - len(known)
    return SeedNoise(sd=math.sqrt(squares / free), free=free, results=results) if squares > 0.0 else None
