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
    """One look at one edge: among which trials, and what chance says after the correction for all looks."""

    arm: Mapping[str, Value]
    """{} for all trials that have the range."""
    edges: Edges
    edge: Edge
    p_value: float

    def points(self, share: float) -> bool:
        """Whether this share of the best trials lies near the edge, and the range does not end in a cliff there."""
        return self.edge.near >= share * self.edge.top and not self.edge.closed

    def shows(self, study: StudyRecord) -> bool:
        """Whether results still improve at the edge: neither chance nor a range in which they level off explains it."""
        level, bent = boundary.limit(study, "p_value"), boundary.limit(study, "bent")
        return self.p_value < level and self.edge.bent < bent


@partial(
    Rule,
    name="boundary",
    order=10,
    trials="sampled",
    section="space",
    unfair=("lower-edge", "upper-edge"),
    title="Is the search space large enough?",
    looks_at="every range, by its two edges: do results still get better where it ends?",
    verdicts=("lower-edge", "upper-edge", "interior", "undecided"),
    thresholds=(
        Threshold(name="p_value", default=0.03, meaning="chance of one false alarm among all edges of the study"),
        Threshold(name="bent", default=0.15, meaning="the same at one edge, of a trend that may bend midway"),
        Threshold(name="zone", default=0.25, meaning="outer part of a range that counts as near its edge"),
        Threshold(name="top_share", default=0.5, meaning="share of the best n/8 trials that must lie in that zone"),
    ),
    formula=(
        "Through the feasible results, the worse 40% cut to one level, goes a quadratic in each range (log ranges "
        "in their logarithm) plus an offset for each choice. Where the fit still improves outward at an edge "
        "(one-sided t-test, corrected for all edges) and enough of the best trials lie near it, the optimum is "
        "outside. All trials are read together, and each arm by itself. A row of failed or bad trials at the end "
        "of a range closes that edge. Undecided where a fit that may bend in the middle of the range does not "
        "fall at its edge any more, since results may have levelled off; with fewer feasible trials than twice the "
        "coefficients of the fit, 2 (1 + 2 ranges); or where chance explains the trend only after the correction."
    ),
    action="Widen the range past that edge and run the study again.",
    source="Identifying bad search space boundaries",
)
def boundary(study: StudyRecord) -> list[Finding]:
    """One finding a range."""
    ranges = outcomes.ranges(study)
    looks = edge_looks(study, ranges)
    return [_boundary(study, parameter, looks[parameter.label]) for parameter in ranges]


def edge_looks(study: StudyRecord, ranges: Sequence[Parameter]) -> dict[str, list[Look]]:
    """Every look at every range: first over all its trials, then arm by arm; half of the error goes to each kind.

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
    kinds = 2 if any(arm for looks in views.values() for arm, _ in looks) else 1
    whole_tests = 2 * sum(not arm and e.enough for looks in views.values() for arm, e in looks)
    arm_tests = 2 * sum(bool(arm) and e.enough for looks in views.values() for arm, e in looks)
    return {
        label: [
            Look(
                arm=arm,
                edges=e,
                edge=edge,
                p_value=min(1.0, edge.p_value * kinds * (arm_tests if arm else whole_tests)),
            )
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
    threshold = boundary.limit(study, "p_value")
    share = boundary.limit(study, "top_share")
    tested = [look for look in looks if look.edges.enough]
    if not tested:
        return _undecided(study, parameter, looks)
    pointing = [x for x in tested if x.points(share)]
    shown = [x for x in pointing if x.shows(study)]
    look = min(shown or pointing or tested, key=lambda x: x.p_value)
    zone = boundary.limit(study, "zone")
    evidence: dict[str, Any] = {
        "p_value": look.p_value,
        "p_value_threshold": threshold,
        "bent_p_value": look.edge.bent,
        "bent_p_value_threshold": boundary.limit(study, "bent"),
        "top_near_edge": look.edge.near,
        "top": look.edge.top,
        "top_share_threshold": share,
        "zone": zone,
        "trials": look.edges.trials,
    } | ({"arm": outcomes.arm_label(look.arm)} if look.arm else {})
    if look not in pointing or (look.p_value >= threshold and look.edge.p_value >= threshold):
        sign = wording.p_text(look.p_value) if look in pointing else "the best trials lie elsewhere"
        message = f"no sign that results still improve beyond {wording.span(parameter)} ({sign})"
        return boundary.finding("ok", "interior", evidence, message, subject=parameter.label)
    where = _where(parameter, look.edge, zone)
    among = f" of arm {evidence['arm']}" if look.arm else ""
    best = f"{look.edge.near} of the best {wording.plural(look.edge.top, 'trial')}{among}"
    lie = "lies" if look.edge.near == 1 else "lie"
    if look.p_value < threshold and not shown:
        message = (
            f"{best} {lie} {where} and the trend of the whole range points outward, but at that edge results may "
            f"have levelled off ({wording.p_text(look.edge.bent)}): more trials would tell"
        )
        return boundary.finding("info", "undecided", evidence, message, subject=parameter.label)
    if look.p_value >= threshold:
        message = (
            f"{best} {lie} {where} and the trend points outward, but chance "
            f"explains it too ({wording.p_text(look.p_value)} after correction for all edges); more trials would tell"
        )
        return boundary.finding("info", "undecided", evidence, message, subject=parameter.label)
    message = (
        f"results still improve at the {look.edge.side} edge ({wording.p_text(look.p_value)}) and {best} {lie} {where}"
    )
    widen = Next(widen=(parameter.label,))
    return boundary.finding("warning", f"{look.edge.side}-edge", evidence, message, subject=parameter.label, act=widen)


def _undecided(study: StudyRecord, parameter: Parameter, looks: Sequence[Look]) -> Finding:
    largest = max(looks, key=lambda look: look.edges.feasible, default=None)
    feasible = largest.edges.feasible if largest else 0
    needed = largest.edges.needed if largest else 2 * (1 + 2 * len(outcomes.ranges(study)))
    message = f"too few feasible trials to judge the edges: {needed} are needed, there are {feasible}"
    return boundary.finding(
        "info", "undecided", {"feasible": feasible, "feasible_threshold": needed}, message, subject=parameter.label
    )


def _where(parameter: Parameter, edge: Edge, zone: float) -> str:
    side, unit = ("below", zone) if edge.side == "lower" else ("above", 1 - zone)
    return f"{side} {wording.at(parameter, unit)}, in the outer {wording.percent(zone)} of {wording.span(parameter)}"
