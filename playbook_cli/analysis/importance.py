"""Which hyperparameters mattered, and which two change each other's best value: named only beyond what chance does.

An additive model explains the results by a parabola in each range, or a cubic where trials allow it, and an offset for
each choice. Results count by rank, so that neither bad trials nor the metric's scale decide. The same is done with
results that were shuffled among the trials: how well the luckiest hyperparameter then does is what a named one must
beat (the smallest p-value of all: Westfall and Young 1993, Resampling-based multiple testing). Infeasible trials have
no rank: which hyperparameters tell them from the others is a question of its own.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from playbook_cli.analysis import outcomes
from playbook_cli.analysis.evenness import crowded
from playbook_cli.analysis.ridge import ridge
from playbook_cli.analysis.shuffled import Additive, products_of_pairs
from playbook_cli.analysis.surface import surface
from playbook_cli.analysis.terms import terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.ridge import Ridge
    from playbook_cli.analysis.surface import Surface
    from playbook_cli.analysis.terms import Term
    from playbook_cli.records import StudyRecord, TrialRecord

ALPHA = 0.04
"""Chance that a study in which nothing matters names anything."""
_OF_PAIRS = 0.2
"""Share of it for the pairs: what truly interacts is far beyond chance, and there are many pairs."""
_MOST = 1000
"""Of more trials so many are drawn: the others would cost time and add nothing."""
_MAPPED = 8
"""Hyperparameters of which every two are mapped."""
_FEW = 3
"""Infeasible trials, and feasible ones, that a question about feasibility needs."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What one hyperparameter did to the results."""

    label: str
    share: float
    """Of the variation in rank: what its own curve explains beyond what noise would, 0 to 1."""
    needed: float
    """The share from which on it is told from chance."""
    p_value: float
    """Corrected for everything that was tested."""
    infeasible_p_value: float | None
    """That it decides which trials are infeasible, corrected; None where too few trials are, or all that have it."""
    hinders: bool
    """Whether it does."""
    moves: bool
    """Whether its own effect on the results is told from chance."""
    trials: int
    """Trials with a result that have it."""
    correlation: float | None
    """Of a range, the rank correlation of its value with the loss: above 0, larger values are worse."""
    matters: bool
    """Named: for its own effect, for the infeasible trials, or as one of two that interact."""


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """The two hyperparameters of which the best value of one shifts the most with the value of the other."""

    labels: tuple[str, str]
    share: float
    """Of the variation in rank that the additive model leaves."""
    p_value: float
    """Corrected for everything that was tested."""
    proven: bool
    ridge: Ridge | None = None
    """Where they are proven to interact, and trade off."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """What the search says about its hyperparameters; with too few trials only how many it would take."""

    trials: int
    """With a result."""
    infeasible: int
    needed: int
    """Trials with a result that the model needs: two a coefficient."""
    effects: Sequence[Effect] = ()
    """The largest first; empty where there are too few trials, or all came to the same."""
    interaction: Interaction | None = None
    predicted: float = 0.0
    """Share of the variation in rank of each trial that the model predicts from the others, two that interact in it."""
    crowded: Sequence[str] = ()
    """Hyperparameters whose trials crowd in a part of the range, as after a search that follows its results."""
    surface: Surface | None = None
    """Results over the two that interact, or else over the two that matter the most; None where there are no two."""

    @property
    def enough(self) -> bool:
        """Whether there are trials enough to say anything."""
        return self.trials >= self.needed

    @property
    def named(self) -> list[Effect]:
        """Those that mattered, the largest first."""
        return [effect for effect in self.effects if effect.matters]


def importance(study: StudyRecord) -> Importance | None:
    """None where the points were not sampled, or followed the results, or nothing varies: they tell no space."""
    if study.raced or study.listed or study.adaptive:
        return None
    ended = _sampled(study)
    done = outcomes.feasible(ended)
    whole = terms(study.parameters, ended)
    if not whole:
        return None
    told = Importance(trials=len(done), infeasible=len(ended) - len(done), needed=2 * _coefficients(whole))
    losses = outcomes.losses(done, study.metric)
    of = terms(study.parameters, done)
    if not told.enough or not of or not np.ptp(losses):
        return told
    told = replace(told, crowded=crowded(whole))
    with threadpool_limits(1, "blas"):
        return _told(told, of, losses, _hindering(whole, ended) if min(told.infeasible, told.trials) >= _FEW else {})


def _correlation(term: Term, ranks: NDArray[np.float64]) -> float | None:
    """Spearman's, over the trials that have this range."""
    from scipy.stats import spearmanr

    if term.parameter.kind == "choice" or not np.ptp(ranks[term.present]):
        return None
    return float(spearmanr(term.units[term.present], ranks[term.present]).statistic)


def _told(
    told: Importance, of: Sequence[Term], losses: NDArray[np.float64], hindering: Mapping[str, float]
) -> Importance:
    from scipy.stats import rankdata

    ranks = rankdata(losses)
    model = Additive(of, ranks - ranks.mean(), np.random.default_rng(0))
    pair = _interaction(model)
    proven = pair.labels if pair is not None and pair.proven else ()
    weight = (2 if hindering else 1) / (1 - _OF_PAIRS)
    effects = []
    for number, term in enumerate(of):
        label = term.parameter.label
        p_value = min(1.0, model.p_values[number] * weight)
        stops = min(1.0, hindering[label] * weight) if label in hindering else None
        hinders = stops is not None and stops <= ALPHA
        effects.append(
            Effect(
                label=label,
                share=model.share(number),
                needed=model.needed(number, ALPHA / weight),
                p_value=p_value,
                infeasible_p_value=stops,
                hinders=hinders,
                moves=p_value <= ALPHA,
                trials=int(term.present.sum()),
                correlation=_correlation(term, ranks),
                matters=p_value <= ALPHA or hinders or label in proven,
            )
        )
    effects.sort(key=lambda effect: (-effect.share, effect.p_value))
    shown = proven or _two(of, [effect.label for effect in effects if effect.moves])
    return replace(
        told,
        effects=effects,
        interaction=pair,
        predicted=model.predicted([term for term in of if term.parameter.label in proven]),
        surface=surface(of, losses, *shown) if shown else None,
    )


def surfaces(study: StudyRecord, told: Importance | None) -> list[Surface]:
    """The results over every two hyperparameters, by the model of importance; of many, those that explain the most."""
    if told is None or not told.effects:
        return []
    done = outcomes.feasible(_sampled(study))
    of = {term.parameter.label: term for term in terms(study.parameters, done)}
    labels = [effect.label for effect in told.effects if effect.label in of][:_MAPPED]
    losses = outcomes.losses(done, study.metric)
    both = (pair for pair in itertools.combinations(labels, 2) if _two([*of.values()], pair))
    with threadpool_limits(1, "blas"):  # the matrices are small: where cores are busy, threads cost ten times as much
        return [found for pair in both if (found := surface([*of.values()], losses, *pair)) is not None]


def _sampled(study: StudyRecord) -> Sequence[TrialRecord]:
    ended = outcomes.ended(study.search.trials)
    if len(ended) <= _MOST:
        return ended
    return [ended[number] for number in np.sort(np.random.default_rng(0).choice(len(ended), _MOST, replace=False))]


def _two(of: Sequence[Term], labels: Sequence[str]) -> tuple[str, str] | None:
    """The first two of `labels` that both vary among the trials that have both."""
    known = {term.parameter.label: term for term in of}
    for first, second in itertools.combinations(labels, 2):
        a, b = known[first], known[second]
        both = a.present & b.present
        if min(np.unique(term.units[both]).size for term in (a, b)) > 1:
            return first, second
    return None


def _interaction(model: Additive) -> Interaction | None:
    pairs = list(itertools.combinations(model.terms, 2))
    found = products_of_pairs(model, pairs)
    if found is None:
        return None
    number, share, p_value = found
    first, second = pairs[number]
    p_value = min(1.0, p_value / _OF_PAIRS)
    proven = p_value <= ALPHA
    return Interaction(
        labels=(first.parameter.label, second.parameter.label),
        share=share,
        p_value=p_value,
        proven=proven,
        ridge=ridge(model.terms, model.results[:, 0], first, second) if proven else None,
    )


def _hindering(of: Sequence[Term], ended: Sequence[TrialRecord]) -> dict[str, float]:
    """That a hyperparameter decides which trials are infeasible: p-values by label, corrected for their number."""
    failed = np.array([t.state == "infeasible" for t in ended], dtype=np.float64)
    model = Additive(of, failed - failed.mean(), np.random.default_rng(0))
    return {term.parameter.label: p for term, p in zip(of, model.p_values, strict=True)}


def _coefficients(of: Sequence[Term]) -> int:
    """Of the smallest model of these terms: a parabola a range, the mean counted."""
    sizes = [(int(term.columns.shape[1]), term.parameter.kind) for term in of]
    return 1 + sum(size if kind == "choice" else min(size, 2) for size, kind in sizes)
