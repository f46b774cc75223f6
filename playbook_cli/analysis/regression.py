"""Whether a pipeline got worse than a baseline by more than the noise of both."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from playbook_cli.analysis import outcomes
from playbook_cli.analysis.comparison import Side, compare, estimate
from playbook_cli.analysis.contrast import error_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.records import StudyRecord, TrialRecord, Value

ALARM = 0.05
"""Largest one-sided p-value, corrected for all looks, at which a loss counts as a regression; Playbook's own."""
MOST_OF = 8
"""Of fewer common points all are compared; of more, the better half, whose results are what a search selects."""
BEST = (1, 2, 4)
"""So many of the best points are looked at alone, too: where these get worse, all points together hardly do."""
FEWEST = 4
"""Common points."""

Point = frozenset[tuple[str, "Value"]]


@dataclass(frozen=True, kw_only=True)
class Regression:
    """How much worse the candidate is, in the metric's units; positive is worse."""

    by: Literal["repeats", "points"]
    """Whether fresh trainings of the selected points were compared, or the same points of both searches; where both
    were, the one that says more."""
    count: int
    """Repeats of the side that has fewer, or the points that were compared."""
    among: int
    """The common points, of which those are the best; of repeats, the same as `count`."""
    loss: float
    error: float
    """Its standard error."""
    p_value: float
    """One-sided, against no loss; times the number of looks of which it is the one that says most (Bonferroni)."""

    @property
    def found(self) -> bool:
        """Whether it is beyond the noise."""
        return self.p_value <= ALARM


def regression(baseline: Side, candidate: Side) -> Regression | None:
    """By repeats where both sides have some, and by points that both searches have; None where there is neither.

    Both have the same metric. Where the points are the same, the luck of the search is the same, too, and only the
    noise of training counts; else the luck of both searches does, as in `analysis.comparison`.
    """
    pairs = _pairs(baseline.study, candidate.study)
    same = len(pairs) >= FEWEST and len(pairs) >= len(outcomes.ended(baseline.study.search.trials))
    found = [_paired(pairs, baseline, candidate)] if len(pairs) >= FEWEST else []
    compared = compare(baseline, candidate)
    if compared is not None:
        a, b = compared.baseline, compared.candidate
        parts = [(a.trial_variance, a.trial_freedom), (b.trial_variance, b.trial_freedom)]
        if not same:
            parts += [(a.study_variance, a.study_freedom), (b.study_variance, b.study_freedom)]
        fewer = min(a.repeats, b.repeats)
        found.append(_judged("repeats", (fewer, fewer), -compared.gain, parts))
    if not found:
        return None
    first = min(found, key=lambda one: one.p_value)
    return replace(first, p_value=min(first.p_value * len(found), 1.0))


def _paired(pairs: list[tuple[float, float]], baseline: Side, candidate: Side) -> Regression:
    """By the differences at common points, of the best few and of the better half: the look that says most.

    The best are those of both sides together, so that the luck of one side selects nothing. The noise is that of all
    points' differences, round the mean of those looked at and round that of the others; repeats of either side tell of
    it, too.
    """
    ordered = sorted(pairs, key=_goodness)
    finite = [abs(b - a) for a, b in ordered if math.isfinite(b - a)]
    worst = max(finite, default=1.0) or 1.0
    differences = np.array([b - a if math.isfinite(b - a) else math.copysign(worst, b - a) for a, b in ordered])
    most = (len(ordered) + 1) // 2 if len(ordered) >= MOST_OF else len(ordered)
    looks = [_looked(differences, size, (baseline, candidate)) for size in (*(n for n in BEST if n < most), most)]
    first = min(looks, key=lambda one: one.p_value)
    return replace(first, p_value=min(first.p_value * len(looks), 1.0))


def _looked(differences: np.ndarray, size: int, sides: tuple[Side, Side]) -> Regression:
    """By the first `size` of these differences."""
    groups = [group for group in (differences[:size], differences[size:]) if group.size]
    squares = float(sum(((group - group.mean()) ** 2).sum() for group in groups))
    free = differences.size - len(groups)
    for side in sides:
        known = estimate(side)
        if known is not None:  # a difference of two trainings has twice the variance of one
            squares += 2 * known.sd**2 * known.trial_freedom
            free += known.trial_freedom
    loss = float(differences[:size].mean())
    return _judged("points", (size, differences.size), loss, [(squares / free / size, free)])


def _goodness(pair: tuple[float, float]) -> float:
    """How good a point is in both, in sum; of one that diverges in one of them, twice the other."""
    return sum(pair) if math.isfinite(sum(pair)) else 2 * min(pair)


def _judged(
    by: Literal["repeats", "points"], count: tuple[int, int], loss: float, parts: list[tuple[float, int]]
) -> Regression:
    """A loss whose error is made of these variances, each with its degrees of freedom; `count` and among how many."""
    from scipy.special import stdtr

    error, freedom = error_of(parts)
    certain = 0.0 if loss > 0.0 else 1.0
    p_value = certain if math.isinf(freedom) else float(stdtr(freedom, -loss / error))
    return Regression(by=by, count=count[0], among=count[1], loss=loss, error=error, p_value=p_value)


def _pairs(baseline: StudyRecord, candidate: StudyRecord) -> list[tuple[float, float]]:
    """The losses at each point that both searches have, of the same seed if there are several; not both infinite."""
    a, b = _by_point(baseline), _by_point(candidate)
    losses = [
        (outcomes.result(a[point], baseline.metric), outcomes.result(b[point], candidate.metric))
        for point in a
        if point in b
    ]
    return [pair for pair in losses if not (math.isinf(pair[0]) and math.isinf(pair[1]))]


def _by_point(study: StudyRecord) -> Mapping[Point, TrialRecord]:
    names = {parameter.name for parameter in study.parameters}
    return {
        frozenset((name, value) for name, value in trial.params.items() if name in names): trial
        for trial in outcomes.ended(study.search.trials)
        if trial.state != "stopped"
    }
