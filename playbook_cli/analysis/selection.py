"""What a fresh training of the point that a search selected comes to, free of the luck that selected it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import StudyRecord, TrialRecord

_UNLIKE = 0.05
"""P-value below which the scores scatter more than repeats of the points do."""


@dataclass(frozen=True, kw_only=True)
class Selected:
    """The point that a study selects, and what its repeats measured; losses: smaller is better."""

    trial: TrialRecord
    """The search trial whose point it is."""
    best: TrialRecord
    """The search's best trial; another one where that has no repeats, or does worse in them."""
    scores: Sequence[float]
    """One fresh result a seed; infinity where the repeat diverged."""
    sd: float | None
    """The trial standard deviation; None where no point has two completed repeats."""
    freedom: int
    """Degrees of freedom of `sd`."""
    top: int
    """Points that the choice was among."""
    levels: Sequence[float]
    """Mean of each of these points' completed repeats, best of the search first."""
    looked: bool = False
    """Whether the results decided how many repeats there are (`repeat --until-decided`)."""

    @property
    def finite(self) -> list[float]:
        return [score for score in self.scores if math.isfinite(score)]

    @property
    def mean(self) -> float | None:
        """Of the fresh results; None where none completed."""
        return float(np.mean(self.finite)) if self.finite else None

    @property
    def diverged(self) -> int:
        return len(self.scores) - len(self.finite)


def select(study: StudyRecord) -> Selected | None:
    """The point that a study selects; None where no trial of its search has completed.

    With one repeated point its repeats are the scores. Where several points were repeated on the same seeds, each seed
    is scored at the point that is best on all the other seeds: no result helps to choose the point that it stands for,
    so the mean is what choosing among these points comes to, without a winner's curse. A search all of whose trials
    were repeated selected nothing yet: its own results are one more seed. Where the results decided which points got
    more seeds, those with the most seeds are the ones that were left to choose from.
    """
    search = study.search.trials
    ranked = outcomes.ranked(search, study.metric)
    if not ranked:
        return None
    again = {trial.id: _by_seed(study, trial.id) for trial in ranked}
    first = next((trial for trial in ranked if again[trial.id]), None)
    looked = any(trial.looked for trial in study.trials)
    if looked:
        first = max(ranked, key=lambda trial: len(again[trial.id]))
    if first is None:
        return Selected(trial=ranked[0], best=ranked[0], scores=[], sd=None, freedom=0, top=1, levels=[])
    seeds = list(again[first.id])
    points = [trial for trial in ranked if all(seed in again[trial.id] for seed in seeds)]
    table = np.array([[again[trial.id][seed] for seed in seeds] for trial in points])
    if len(points) > 1 and len(points) == len(outcomes.ended(search)):
        table = np.column_stack([outcomes.losses(points, study.metric), table])
    if table.shape[1] < 2:
        points, table = points[:1], table[:1]
    chosen = int(_means(table).argmin())
    scores = _scores(table)
    sd, freedom = _spread(scores, *_sd(table))
    return Selected(
        trial=points[chosen],
        best=ranked[0],
        scores=scores,
        sd=sd,
        freedom=freedom,
        top=len(points),
        levels=[float(mean) for mean in _means(table)],
        looked=looked,
    )


def _spread(scores: Sequence[float], sd: float | None, freedom: int) -> tuple[float | None, int]:
    """The trial standard deviation; that of the scores where they scatter more than it explains."""
    from scipy.special import fdtrc

    finite = [score for score in scores if math.isfinite(score)]
    if sd is None or len(finite) < 2:
        return sd, freedom
    own = float(np.std(finite, ddof=1))
    if own > sd and (sd == 0.0 or fdtrc(len(finite) - 1, freedom, (own / sd) ** 2) < _UNLIKE):
        return own, len(finite) - 1
    return sd, freedom


def _by_seed(study: StudyRecord, trial: int) -> dict[int, float]:
    return {t.seed: outcomes.result(t, study.metric) for t in outcomes.ended(study.repeats(trial))}


def _scores(table: NDArray[np.float64]) -> list[float]:
    """The cross-fitted score of each seed, from results of shape (points, seeds)."""
    if len(table) == 1:
        return [float(value) for value in table[0]]
    everywhere = np.arange(table.shape[1])
    chosen = [int(table[:, everywhere != seed].sum(axis=1).argmin()) for seed in everywhere]
    return [float(table[point, seed]) for seed, point in enumerate(chosen)]


def _means(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each point's finite results; infinity where there is none, shape (points,)."""
    finite = np.isfinite(table)
    sums = np.where(finite, table, 0.0).sum(axis=1)
    return np.where(finite.any(axis=1), sums / np.maximum(finite.sum(axis=1), 1), math.inf)


def _sd(table: NDArray[np.float64]) -> tuple[float | None, int]:
    """Standard deviation within a point, pooled over the better half of the points, and its degrees of freedom."""
    better = table[np.argsort(_means(table), kind="stable")[: (len(table) + 1) // 2]]
    rows = [row[np.isfinite(row)] for row in better]
    freedom = sum(max(row.size - 1, 0) for row in rows)
    if not freedom:
        return None, 0
    return math.sqrt(sum(float(((row - row.mean()) ** 2).sum()) for row in rows if row.size) / freedom), freedom
