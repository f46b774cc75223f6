"""Instability-edge: is the best setting right below values at which training fails?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.acts import Next, ProbeInstability
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.instability import unstable_above

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Finding, Parameter, StudyRecord, TrialRecord


@partial(
    Rule,
    name="instability-edge",
    order=20,
    trials="sampled",
    section="space",
    title="Is the best setting held back by training instability?",
    looks_at="every range: are all trials above some value infeasible, with the best trials just below it?",
    verdicts={
        "unstable-above": "Best results next to an instability",
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
        "ranges. At least half of the best n/8 trials must be next to them. Undecided without any feasible "
        "trial."
    ),
    action=("Don't widen the range. Stabilise training first (warmup, clipping, another optimizer), then tune again."),
    source="Identifying bad search space boundaries; How can optimization failures be debugged and mitigated?",
)
def instability_edge(study: StudyRecord) -> list[Finding]:
    """One finding a range."""
    ranges = outcomes.ranges(study)
    trials = outcomes.ended(study.trials)
    return [_instability(study, p, [t for t in trials if outcomes.has(p, t)], len(ranges)) for p in ranges]


def _instability(study: StudyRecord, parameter: Parameter, trials: Sequence[TrialRecord], ranges: int) -> Finding:
    threshold = instability_edge.limit(study, "p_value")
    zone = instability_edge.limit(study, "zone")
    seen = unstable_above(trials, parameter, study.metric, zone=zone) if trials else None
    if seen is None or seen.limit is None:
        return instability_edge.finding(
            "info",
            "undecided",
            {"trials": len(trials), "infeasible": len(trials)},
            "no feasible trial yet, so no edge of stability to find",
            subject=parameter.label,
        )
    p_value = min(1.0, seen.p_value * ranges)
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
        evidence,
        (
            f"all {seen.failed_above} trials above {wording.at(parameter, seen.limit)} are infeasible "
            f"({wording.p_text(p_value)}) and {seen.near} of the best {wording.plural(seen.top, 'trial')} "
            f"{'lies' if seen.near == 1 else 'lie'} right below: training is unstable there, the range is not too small"
        ),
        subject=parameter.label,
        act=ProbeInstability() if _can_be_probed(study, parameter) else Next(),
    )


def _can_be_probed(study: StudyRecord, parameter: Parameter) -> bool:
    """Whether `playbook instability` knows it for the learning rate, and can train."""
    return parameter.name == "learning_rate" and not study.imported
