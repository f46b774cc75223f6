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


ADAPTIVE = (
    "each point was chosen by the results before it: where the trials crowd, and how the best of them came about, says "
    "nothing about the rest of the space or about more trials"
)


@partial(
    Rule,
    name="coverage",
    order=30,
    section="coverage",
    title="Are there enough trials in the good region?",
    looks_at="the number of trials whose result is close to the best one",
    verdicts=("sparse", "enough", "listed", "undecided"),
    thresholds=(
        Threshold(name="min_good", default=3, meaning="trials that the good region must hold, the best one included"),
        Threshold(
            name="good",
            default=0.15,
            meaning="a result is good within this part of the way from the best to the upper quartile",
        ),
    ),
    formula=(
        "Count the feasible results better than best + good x (quartile - best), or within twice the noise. Listed "
        "points sample nothing: there the rules about the space, budget and isolation say nothing."
    ),
    action="Narrow the ranges around the good region, or run more trials.",
    source="Not sampling enough points in the search space",
)
def coverage(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    if study.listed:
        message = (
            "the points were listed, not sampled: they say nothing about the rest of the space, and which scientific "
            "setting is best is for repeats on fresh seeds to say"
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
        message = (
            f"{wording.plural(len(trials), 'trial')} ended, {feasible} of them feasible: too few to see a good region"
        )
        return [coverage.finding("info", "undecided", few, message)]
    evidence: dict[str, Any] = {
        "good": region.good,
        "good_threshold": needed,
        "trials": region.trials,
        "good_limit": region.limit,
    }
    reach = (
        f"{study.metric.name} {'up to' if study.metric.goal == 'minimize' else 'from'} {wording.number(region.limit)}"
    )
    message = f"{region.good} of {wording.plural(region.trials, 'trial')} came close to the best ({reach})"
    if region.good >= needed:
        return [coverage.finding("ok", "enough", evidence, message)]
    message += f"; the good region is sampled by fewer than {needed:g}"
    act = Next(narrow=True)
    return [coverage.finding("info", "sparse", evidence, message, act=act)]
