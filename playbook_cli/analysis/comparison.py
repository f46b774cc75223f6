"""Two pipelines compared by what their searches select: the gain, against the variance of trials and of searches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import isolation, looking, outcomes
from playbook_cli.analysis.contrast import LEVEL, Contrast, error_of
from playbook_cli.analysis.expected_best import at, expected_best
from playbook_cli.analysis.search_luck import Plan, fixed_points_variance, freedom, search_luck
from playbook_cli.analysis.selection import select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.analysis.search_luck import SearchLuck
    from playbook_cli.analysis.selection import Selected
    from playbook_cli.records import Metric, StudyRecord


@dataclass(frozen=True, kw_only=True)
class Side:
    """One pipeline: its search, and further searches of it on other search seeds."""

    study: StudyRecord
    further: Sequence[StudyRecord] = ()


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The expected fresh result of what one pipeline's search selects; losses and variances in the metric's units."""

    selected: Selected
    trials: int
    """Ended trials of the search."""
    level: float
    """Mean of the fresh results, over all searches, before any correction for the number of trials."""
    sd: float
    """The trial standard deviation, pooled over the searches."""
    trial_variance: float
    """Of `level`, from training seeds."""
    trial_freedom: int
    study_variance: float
    """Of `level`, from the luck of the search's points."""
    study_freedom: int
    searches: int
    luck: SearchLuck | None
    """None for a fixed list of points."""

    @property
    def search_sd(self) -> float:
        """Standard deviation, over searches, of the true result of what one search selects."""
        return math.sqrt(self.study_variance * self.searches)

    @property
    def repeats(self) -> int:
        """Completed fresh trainings of the first search's selected point."""
        return len(self.selected.finite)


@dataclass(frozen=True, kw_only=True)
class Comparison(Contrast):
    """How much better the candidate is than the baseline, in the metric's units."""

    baseline: Estimate
    candidate: Estimate
    probability_better: float
    """Share of the pairs of a fresh training of each selected point that the candidate wins; ties count half."""
    trials: int
    """The number of trials a side at which they are compared."""
    shift: float
    """What the larger search's head start was worth; it is taken out of the gain."""

    @property
    def looked(self) -> bool:
        """Whether results of a side decided how many repeats it has, so that the interval must hold at every look."""
        return self.baseline.selected.looked or self.candidate.selected.looked

    @property
    def trial_sd(self) -> float:
        """The trial standard deviation, of both sides together."""
        return math.sqrt((self.baseline.sd**2 + self.candidate.sd**2) / 2)


def estimate(side: Side) -> Estimate | None:
    """None where repeats cannot yet tell the trial variance: two completed ones of the selected point are the least."""
    chosen = [select(study) for study in (side.study, *side.further)]
    known = [(s, c) for s, c in zip((side.study, *side.further), chosen, strict=True) if c is not None and c.finite]
    if not known or known[0][0] is not side.study:
        return None
    selected = [c for _, c in known]
    free = sum(c.freedom for c in selected)
    if not free:
        return None
    sd = math.sqrt(sum(c.freedom * (c.sd or 0.0) ** 2 for c in selected) / free)
    levels = np.array([float(np.mean(c.finite)) for c in selected])
    count = len(known)
    trial_variance = float(np.mean([sd**2 / len(c.finite) for c in selected])) / count
    luck = _luck(side, selected[0], sd)
    variance, study_free = _study_variance(side, selected[0], luck, sd)
    if count > 1:  # the searches' own spread, beyond that of their repeats, together with what the first one suggests
        seen = max(float(levels.var(ddof=1)) - trial_variance * count, 0.0)
        variance = (study_free * variance + (count - 1) * seen) / (study_free + count - 1)
    return Estimate(
        selected=selected[0],
        trials=len(outcomes.ended(side.study.search.trials)),
        level=float(levels.mean()),
        sd=sd,
        trial_variance=trial_variance,
        trial_freedom=free,
        study_variance=variance / count,
        study_freedom=study_free + count - 1,
        searches=count,
        luck=luck,
    )


def compare(baseline: Side, candidate: Side) -> Comparison | None:
    """None where a side has too few repeats. Both studies have the same metric.

    The gain is the difference of the two levels. Where the searches differ in size, the larger one's is first made
    worse by what its additional trials brought: the expected best of n of its N results (`expected_best`), times the
    share of such a drop that is no luck of the noise, by `search_luck`.
    """
    a, b = estimate(baseline), estimate(candidate)
    if a is None or b is None:
        return None
    trials = min(a.trials, b.trials)
    lost_a, lost_b = _lost(baseline, a, trials), _lost(candidate, b, trials)
    gain = (a.level + lost_a) - (b.level + lost_b)
    shift = lost_a - lost_b
    parts = [
        (a.trial_variance, a.trial_freedom),
        (b.trial_variance, b.trial_freedom),
        (a.study_variance, a.study_freedom),
        (b.study_variance, b.study_freedom),
        ((shift / 2) ** 2, trials),
    ]
    error, free = error_of(parts)
    return Comparison(
        baseline=a,
        candidate=b,
        gain=gain,
        error=error,
        freedom=free,
        alpha=min((looking.alpha(e.repeats) for e in (a, b) if e.selected.looked), default=1.0 - LEVEL),
        probability_better=_wins(a.selected, b.selected),
        trials=trials,
        shift=shift,
    )


def selected_gain(baseline: StudyRecord, candidate: StudyRecord) -> float | None:
    """The difference of the two searches' best scores, lucky as they are; None where one has none."""
    metric = baseline.metric
    best = [next(iter(outcomes.ranked(s.search.trials, metric)), None) for s in (baseline, candidate)]
    if best[0] is None or best[1] is None:
        return None
    return outcomes.result(best[0], metric) - outcomes.result(best[1], metric)


def _luck(side: Side, selected: Selected, sd: float) -> SearchLuck | None:
    study = side.study
    trials = outcomes.ended(study.search.trials)
    finite = [loss for loss in outcomes.losses(trials, study.metric).tolist() if math.isfinite(loss)]
    dimensions = isolation.searched(study, trials)
    if study.listed or not dimensions or len(finite) < 2:
        return None
    seeds = max(len(selected.finite), 1)
    plan = Plan(trials=len(finite), dimensions=dimensions, top=selected.top, seeds=seeds, even=side.study.even)
    score = outcomes.result(selected.best, study.metric)
    optimism = (float(np.mean(selected.finite)) - score) / sd if sd > 0.0 and selected.finite else None
    return search_luck(finite, sd, plan, optimism)


def _study_variance(side: Side, selected: Selected, luck: SearchLuck | None, sd: float) -> tuple[float, int]:
    """Of one search, and its degrees of freedom."""
    if luck is None:
        return fixed_points_variance(selected.levels, sd, len(selected.finite)), max(selected.freedom, 1)
    return luck.variance(), freedom(len(outcomes.completed(side.study.search.trials)))


def _lost(side: Side, known: Estimate, trials: int) -> float:
    """How much worse the best of `trials` of this search's trials is expected to be."""
    if known.luck is None or trials >= known.trials:
        return 0.0
    metric: Metric = side.study.metric
    ended = outcomes.ended(side.study.search.trials)
    curve = expected_best([metric.loss(loss) for loss in outcomes.losses(ended, metric)], metric, also=[trials])
    drop = metric.loss(at(curve, trials).value) - metric.loss(curve[-1].value)
    true, score = known.luck.lost(max(known.luck.plan.trials * trials // known.trials, 1))
    return drop * min(true / score, 1.0) if score > 0.0 else 0.0


def _wins(a: Selected, b: Selected) -> float:
    """A diverged training loses to any other."""
    x, y = np.array(a.scores)[:, None], np.array(b.scores)[None, :]
    return float((y < x).mean() + (y == x).mean() / 2)
