"""Instability-edge: is the best setting right below values at which training fails?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.acts import Next, ProbeInstability
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.instability import unstable_above, unstable_together

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from playbook_cli.analysis.instability import Together, Unstable
    from playbook_cli.records import Finding, Parameter, StudyRecord


@partial(
    Rule,
    name="instability-edge",
    order=20,
    trials="sampled",
    section="space",
    title="Is the best setting held back by training instability?",
    looks_at="every range, ratio and product of two: is everything above some value infeasible, the best just below?",
    verdicts={
        "unstable-above": "Best results next to an instability",
        "unstable-together": "Best results next to an instability across two ranges",
        "none": "No instability edge",
        "undecided": "Instability edge unclear",
    },
    thresholds=(
        Threshold(name="p_value", default=0.05, meaning="chance of a false alarm among all ranges"),
        Threshold(
            name="zone",
            default=0.35,
            meaning="part of the stable range next to the instability that the best trials must be in",
        ),
    ),
    formula=(
        "Takes the r highest values of a range that are all infeasible. The probability that chance alone "
        "does this is C(n-r, m-r) / C(n, m) for m infeasible trials among n, multiplied by the number of "
        "ranges. At least half of the best n/8 trials must be next to them. The same test is applied to the ratio and "
        "product of every two of up to 12 ranges on log scales, corrected for their number; the smaller p-value "
        "counts. Undecided without any feasible trial."
    ),
    action=("Don't widen the range. Stabilise training first (warmup, clipping, another optimizer), then tune again."),
    source="Identifying bad search space boundaries; How can optimization failures be debugged and mitigated?",
)
def instability_edge(study: StudyRecord) -> list[Finding]:
    """One finding a range."""
    ranges = outcomes.ranges(study)
    trials = outcomes.ended(study.trials)
    zone = instability_edge.limit(study, "zone")
    having = {p.label: [t for t in trials if outcomes.has(p, t)] for p in ranges}
    seen = {
        label: unstable_above(own, p, study.metric, zone=zone)
        for p, (label, own) in zip(ranges, having.items(), strict=True)
        if own
    }
    together = unstable_together(trials, ranges, study.metric, zone=zone)
    across: Collection[Parameter] = together.of if together and _counts(study, together, seen) else ()
    return [
        _across(study, p, together) if together and p in across else _instability(study, p, seen.get(p.label), seen)
        for p in ranges
    ]


def _counts(study: StudyRecord, together: Together, seen: Mapping[str, Unstable]) -> bool:
    """Whether the border is no chance, lies next to the best, and is told better by both ranges than by one of them."""
    alone = min(seen[p.label].p_value * len(seen) for p in together.of)
    limit = min(alone, instability_edge.limit(study, "p_value"))
    return together.p_value < limit and 2 * together.above.near >= together.above.top


def _instability(study: StudyRecord, parameter: Parameter, seen: Unstable | None, ranges: Collection[str]) -> Finding:
    threshold = instability_edge.limit(study, "p_value")
    zone = instability_edge.limit(study, "zone")
    if seen is None or seen.limit is None:
        count = seen.trials if seen else 0
        return instability_edge.finding(
            "info",
            "undecided",
            {"trials": count, "infeasible": count},
            "no feasible trial yet, so no edge of stability to find",
            subject=parameter.label,
        )
    p_value = min(1.0, seen.p_value * len(ranges))
    evidence = {
        "p_value": p_value,
        "p_value_threshold": threshold,
        "failed_above": seen.failed_above,
        "infeasible": seen.infeasible,
        "trials": seen.trials,
        "top_near_limit": seen.near,
        "top": seen.top,
        "zone": zone,
    }
    if p_value >= threshold or 2 * seen.near < seen.top:
        why = (
            f"the {seen.failed_above} highest of {seen.trials} trials are infeasible, but the best are well below"
            if p_value < threshold
            else "no trial is infeasible"
            if not seen.infeasible
            else f"infeasible trials are not concentrated at the upper end ({seen.failed_above} in a row there)"
        )
        return instability_edge.finding("ok", "none", evidence, why, subject=parameter.label)
    return instability_edge.finding(
        "warning",
        "unstable-above",
        evidence | {"limit": parameter.from_unit(seen.limit)},
        (
            f"{wording.out_of(seen.failed_above, seen.failed_above, 'trial')} above "
            f"{wording.at(parameter, seen.limit)} {'is' if seen.failed_above == 1 else 'are'} infeasible "
            f"({wording.p_text(p_value)}) and {_below(seen)}: training is unstable there, so widening won't help"
        ),
        subject=parameter.label,
        act=ProbeInstability() if _can_be_probed(study, parameter) else Next(),
    )


def _across(study: StudyRecord, parameter: Parameter, together: Together) -> Finding:
    above, (first, second) = together.above, together.of
    what = f"{first.label} {'/' if together.ratio else '*'} {second.label}"
    evidence = {
        "p_value": together.p_value,
        "p_value_threshold": instability_edge.limit(study, "p_value"),
        "with": second.label if parameter == first else first.label,
        "combined": what,
        "ratio": together.ratio,
        "side": "above" if parameter == first or not together.ratio else "below",
        "limit": together.limit,
        "failed_above": above.failed_above,
        "infeasible": above.infeasible,
        "trials": above.trials,
        "top_near_limit": above.near,
        "top": above.top,
        "zone": instability_edge.limit(study, "zone"),
    }
    message = (
        f"all {above.failed_above} trials with {what} above {wording.number(together.limit)} are infeasible "
        f"({wording.p_text(together.p_value)}) and {_below(above)}: training is unstable there, so widening "
        "won't help"
    )
    act = ProbeInstability() if any(_can_be_probed(study, p) for p in together.of) else Next()
    return instability_edge.finding("warning", "unstable-together", evidence, message, subject=parameter.label, act=act)


def _below(seen: Unstable) -> str:
    return f"{wording.out_of(seen.near, seen.top, 'top trial')} {'is' if seen.near == 1 else 'are'} right below"


def _can_be_probed(study: StudyRecord, parameter: Parameter) -> bool:
    """Whether `playbook instability` knows it for the learning rate, and can train."""
    return parameter.name == "learning_rate" and not study.imported
