"""Boundary: do results still improve where a range ends?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.boundary import Edge, Edges, edges

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Finding, Parameter, StudyRecord, TrialRecord, Value


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at one edge: among which trials, and what they say of it."""

    arm: Mapping[str, Value]
    """{} for all trials that have the range."""
    edges: Edges
    edge: Edge
    arms: int
    """How many arms are looked at by themselves, where this is one of them; else 1."""

    @property
    def probability(self) -> float:
        """That results are better beyond; 0 where nothing says so."""
        return self.edge.widening.probability if self.edge.widening else 0.0

    def points(self, study: StudyRecord) -> bool:
        """Whether enough of the best trials lie near the edge, and the range does not end in a cliff there."""
        return self.edge.near >= boundary.limit(study, "top_share") * self.edge.top and not self.edge.closed

    def shows(self, study: StudyRecord) -> bool:
        """Whether results probably improve beyond the edge, and enough of the best trials lie at it."""
        return self.points(study) and not self.edge.louder and self.probability > self.likely(study)

    def likely(self, study: StudyRecord) -> float:
        """The probability from which on a gain counts: the more arms are looked at, the surer it must be."""
        return 1 - (1 - boundary.limit(study, "likely")) / self.arms

    def is_open(self, study: StudyRecord) -> bool:
        """Whether it would be rash to say that the best results lie inside."""
        limit = boundary.limit(study, "unlikely" if self.points(study) else "unlikely_elsewhere")
        return not self.edge.closed and self.probability > limit


@partial(
    Rule,
    name="boundary",
    order=10,
    trials="sampled",
    section="space",
    unfair=("lower-edge", "upper-edge"),
    title="Is the search space large enough?",
    looks_at="both edges of every range: do results still improve there?",
    verdicts={
        "lower-edge": "Best results at the lower edge",
        "upper-edge": "Best results at the upper edge",
        "interior": "Best results inside the range",
        "undecided": "Edges inconclusive",
    },
    thresholds=(
        Threshold(
            name="likely",
            default=0.7,
            meaning="probability of a better result beyond the edge that triggers the warning",
        ),
        Threshold(
            name="unlikely",
            default=0.15,
            meaning="probability below which the best result is inside, even if top trials are at the edge",
        ),
        Threshold(
            name="unlikely_elsewhere",
            default=0.4,
            meaning="the same, if the best trials are not at the edge",
        ),
        Threshold(name="zone", default=0.25, meaning="outer part of a range that counts as its edge"),
        Threshold(name="top_share", default=0.5, meaning="share of the best n/8 trials that must be at the edge"),
    ),
    formula=(
        "Two Gaussian processes with a straight trend in each range are fitted to the feasible results, over all "
        "ranges and choices: one to their normal scores, one to the results or their logarithms with the worse "
        "half compressed. Worse results count less. The gain is the best value up to 30% of the range "
        "beyond an edge minus the best inside; it counts if it is at least a quarter of a trial's standard "
        "deviation. Half of the draws come from each process. The optimum is outside if such a gain is likely and "
        "enough of the best trials are near the edge. All trials are read together, and each arm by itself; with k "
        "arms, an arm's probability may fall short of 1 by 1/k as much. A run of failed or bad trials at the end of "
        "a range closes that edge. No warning if results only scatter more towards an edge, without better ranks "
        "there: then the best ones are there by chance. Undecided with fewer feasible trials than 2 (1 + 2 ranges), "
        "plus 2 for each further choice, or if a gain is neither likely nor unlikely."
    ),
    action="Widen the range beyond that edge and run the study again.",
    source="Identifying bad search space boundaries",
)
def boundary(study: StudyRecord) -> list[Finding]:
    """One finding a range."""
    ranges = outcomes.ranges(study)
    looks = edge_looks(study, ranges)
    return [_boundary(study, parameter, looks[parameter.label]) for parameter in ranges]


def edge_looks(study: StudyRecord, ranges: Sequence[Parameter]) -> dict[str, list[Look]]:
    """Every look at every range: first over all its trials, then arm by arm.

    A range that one arm alone has is looked at once.
    """
    zone = boundary.limit(study, "zone")
    trials = outcomes.ended(study.trials)
    arms = study.arms if len(study.arms) > 1 else []
    views: dict[str, list[tuple[Mapping[str, Value], Edges]]] = {p.label: [] for p in ranges}
    fits: dict[tuple[int, ...], Mapping[str, Edges]] = {}
    wholes: dict[str, tuple[int, ...]] = {}
    for parameter in ranges:
        active = [t for t in trials if outcomes.has(parameter, t)]
        key = tuple(t.id for t in active)
        wholes[parameter.label] = key
        if key not in fits:
            fits[key] = edges(active, study.parameters, study.metric, zone=zone)
        if parameter.label in fits[key]:
            views[parameter.label].append(({}, fits[key][parameter.label]))
    for arm, of_arm in zip(arms, outcomes.by_arm(trials, arms), strict=True):
        own = _comparable(study, of_arm)
        parts = edges(own, study.parameters, study.metric, zone=zone)
        for label, part in parts.items():
            if wholes[label] != tuple(t.id for t in own):
                views[label].append((arm, part))
    return {
        label: [
            Look(arm=arm, edges=e, edge=edge, arms=len(arms) if arm else 1)
            for arm, e in looks
            for edge in (e.lower, e.upper)
        ]
        for label, looks in views.items()
    }


def _comparable(study: StudyRecord, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trials that have every range that the first of them has, so that one fit holds for all."""
    own = [p for p in outcomes.ranges(study) if trials and outcomes.has(p, trials[0])]
    return [t for t in trials if all(outcomes.has(p, t) for p in own)]


def _boundary(study: StudyRecord, parameter: Parameter, looks: Sequence[Look]) -> Finding:
    tested = [look for look in looks if look.edges.enough]
    if not tested:
        return _undecided(study, parameter, looks)
    shown = [x for x in tested if x.shows(study)]
    pointing = [x for x in tested if x.points(study)]
    open_ = [x for x in tested if x.is_open(study)]
    look = max(shown or open_ or pointing or tested, key=lambda x: x.probability)
    zone = boundary.limit(study, "zone")
    evidence: dict[str, Any] = {
        "top_near_edge": look.edge.near,
        "top": look.edge.top,
        "top_share_threshold": boundary.limit(study, "top_share"),
        "zone": zone,
        "trials": look.edges.trials,
    } | ({"arm": outcomes.arm_label(look.arm)} if look.arm else {})
    beyond = look.edge.widening
    if beyond is not None:
        low, high = beyond.interval
        evidence |= {"probability": beyond.probability, "probability_threshold": look.likely(study)}
        evidence |= {"gain": beyond.gain, "gain_low": low, "gain_high": high}
    if beyond is None or not (shown or open_):
        sign = f"probability of a gain {wording.percent(look.probability)}" if beyond else "all results are equal"
        message = f"no sign that results still improve beyond {wording.span(parameter)} ({sign})"
        return boundary.finding("ok", "interior", evidence, message, subject=parameter.label)
    if shown:
        among = f" of arm {evidence['arm']}" if look.arm else ""
        best = f"{wording.out_of(look.edge.near, look.edge.top, 'top trial')}{among}"
        where = f"{best} {'is' if look.edge.near == 1 else 'are'} {_where(parameter, look.edge, zone)}"
        likely = f"probability {wording.percent(beyond.probability)}"
        message = f"widening should gain about {wording.number(beyond.gain)} ({likely}): {where}"
        widen, verdict = Next(widen=(parameter.label,)), f"{look.edge.side}-edge"
        return boundary.finding("warning", verdict, evidence, message, subject=parameter.label, act=widen)
    evidence["trials_needed"] = needed = max(beyond.settled, look.edges.trials + 1)
    message = (
        f"widening past the {look.edge.side} edge may gain up to {wording.number(high)} (probability of a gain "
        f"{wording.percent(beyond.probability)}); about {needed} trials would settle it"
    )
    return boundary.finding("info", "undecided", evidence, message, subject=parameter.label)


def _undecided(study: StudyRecord, parameter: Parameter, looks: Sequence[Look]) -> Finding:
    largest = max(looks, key=lambda look: look.edges.feasible, default=None)
    feasible = largest.edges.feasible if largest else 0
    needed = largest.edges.needed if largest else 2 * (1 + 2 * len(outcomes.ranges(study)))
    message = f"needs {needed} feasible trials to judge the edges, has {feasible}"
    return boundary.finding(
        "info", "undecided", {"feasible": feasible, "feasible_threshold": needed}, message, subject=parameter.label
    )


def _where(parameter: Parameter, edge: Edge, zone: float) -> str:
    side, unit = ("below", zone) if edge.side == "lower" else ("above", 1 - zone)
    return f"{side} {wording.at(parameter, unit)}"
