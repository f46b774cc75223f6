"""Coverage: are there enough trials in the good region?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.coverage import good_region

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord

LEAST = 4
"""Ended trials below which a count says nothing."""


ADAPTIVE = "skipped: adaptively chosen points are not a sample of the space"


@partial(
    Rule,
    name="coverage",
    order=30,
    section="coverage",
    title="Are there enough trials in the good region?",
    looks_at="the number of trials whose result is close to the best",
    verdicts={
        "sparse": "Few trials near the best",
        "enough": "Enough trials near the best",
        "listed": "Points were listed, not sampled",
        "undecided": "Coverage unclear",
    },
    thresholds=(
        Threshold(name="min_good", default=3, meaning="trials needed in the good region, including the best"),
        Threshold(
            name="good",
            default=0.15,
            meaning="a result is good within this part of the way from the best to the upper quartile",
        ),
    ),
    formula=(
        "Counts the feasible trials better than best + good x (quartile - best), or within twice the noise of "
        "the best. Listed points are not a sample, so the rules about the space, budget and isolation skip "
        "them."
    ),
    action="Narrow the ranges around the good region, or run more trials.",
    source="Not sampling enough points in the search space",
)
def coverage(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    if study.listed:
        message = (
            "the points were listed, not sampled, so they say nothing about the rest of the space; repeat them on new "
            "training seeds to compare scientific settings"
        )
        return [coverage.finding("info", "listed", {"points": len(study.trials)}, message)]
    if study.adaptive:
        return [coverage.finding("info", "undecided", {"trials": len(study.trials)}, ADAPTIVE)]
    needed = coverage.limit(study, "min_good")
    share = coverage.limit(study, "good")
    trials = outcomes.ended(study.trials)
    region = good_region(trials, study.metric, good=share)
    if region is None or region.trials < LEAST:
        few = {"trials": len(trials), "trials_threshold": LEAST}
        feasible = len(outcomes.completed(trials))
        ended = wording.plural(len(trials), "trial")
        message = f"{ended} finished, {feasible} of them feasible: too few to find the good region"
        return [coverage.finding("info", "undecided", few, message)]
    evidence: dict[str, Any] = {
        "good": region.good,
        "good_threshold": needed,
        "trials": region.trials,
        "good_limit": region.limit,
    }
    reach = (
        f"{study.metric.name} {'below' if study.metric.goal == 'minimize' else 'above'} {wording.number(region.limit)}"
    )
    are = "is" if region.good == 1 else "are"
    message = f"{region.good} of {wording.plural(region.trials, 'trial')} {are} close to the best ({reach})"
    if region.good >= needed:
        return [coverage.finding("ok", "enough", evidence, message)]
    message += f"; at least {needed:g} are needed"
    act = Next(narrow=True)
    return [coverage.finding("info", "sparse", evidence, message, act=act)]
