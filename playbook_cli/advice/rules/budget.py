"""Budget: would more trials help?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.advice.rules.coverage import ADAPTIVE
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.budget import last_doublings

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord


@partial(
    Rule,
    name="budget",
    order=140,
    trials="sampled",
    section="budget",
    title="Would more trials help?",
    looks_at="the expected best result of n trials, for n up to the study's own",
    verdicts=("more-trials-help", "enough", "undecided"),
    thresholds=(
        Threshold(
            name="gain",
            default=0.05,
            meaning="gain of one doubling, as a share of the way from the best to the upper quartile",
        ),
        Threshold(name="noises", default=1.0, meaning="gain in units of the evaluation noise of the best trials"),
    ),
    formula="(E[best of N/4] - E[best of N]) / 2: the mean gain of the last two doublings, averaged over the arms.",
    action="Run more trials in the same space; or accept what there is.",
    source="Not in the playbook: expected best of n trials, Tang et al. 2020, arXiv 2004.13705",
)
def budget(study: StudyRecord) -> list[Finding]:
    """One finding for the study: the gain of a doubling, averaged over the arms, each by its own trials."""
    if study.adaptive:
        return [budget.finding("info", "undecided", {"trials": len(study.trials)}, ADAPTIVE)]
    least_gain, noises = budget.limit(study, "gain"), budget.limit(study, "noises")
    trials = outcomes.ended(study.trials)
    per_arm = [last_doublings(own, study.metric) for own in outcomes.by_arm(trials, study.arms)]
    known = [d for d in per_arm if d is not None]
    if not known or len(known) < len(per_arm):
        few = {"trials": len(trials), "trials_threshold": 8 * len(study.arms)}
        message = "8 ended trials, 4 of them feasible, are needed in every arm to say what more would bring"
        return [budget.finding("info", "undecided", few, message)]
    gain = sum(d.gain for d in known) / len(known)
    spread = sum(d.spread for d in known) / len(known)
    recorded = [d.noise for d in known if d.noise is not None]
    noise = sum(recorded) / len(recorded) if recorded else 0.0
    relative = gain / spread if spread > 0.0 else 0.0
    evidence: dict[str, Any] = {
        "gain": gain,
        "gain_share": relative,
        "gain_share_threshold": least_gain,
        "noise": noise,
    }
    evidence |= {"noises_threshold": noises, "trials": len(trials)}
    message = (
        f"the last doublings of the number of trials each improved the expected best {study.metric.name} by "
        f"{wording.number(gain)}, {wording.percent(relative)} of the way from the best to the upper quartile"
    )
    if relative >= least_gain and gain > noises * noise:
        act = Next(trials=2 * study.planned)
        return [budget.finding("info", "more-trials-help", evidence, message, act=act)]
    if relative >= least_gain:
        message += f", which is within the noise of one evaluation ({wording.number(noise)})"
    return [budget.finding("ok", "enough", evidence, message)]
