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
from playbook_cli.analysis.structure import structure

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord

_NEXT = 0.7
"""Part of the least gain that the next doubling must bring: it is known from few trials."""


@partial(
    Rule,
    name="budget",
    order=140,
    trials="sampled",
    section="budget",
    title="Would more trials help?",
    looks_at="the expected best result of n trials, up to the number that were run",
    verdicts={
        "more-trials-help": "More trials would help",
        "enough": "Enough trials",
        "undecided": "Value of more trials unclear",
    },
    thresholds=(
        Threshold(
            name="gain",
            default=0.05,
            meaning="gain of one doubling, as a share of the distance from the best to the upper quartile",
        ),
        Threshold(name="noises", default=1.0, meaning="gain in units of the evaluation noise of the best trials"),
        Threshold(
            name="structure",
            default=2.5,
            meaning="log likelihood ratio by which a dependence on the hyperparameters must beat noise alone",
        ),
    ),
    formula=(
        "With a = E[best of N/4] - E[best of N/2] and b = E[best of N/2] - E[best of N], averaged over the "
        "arms, the next doubling should bring b^2 / a, at most b. More trials help if b reaches the threshold "
        "and b^2 / a 0.7 of it; there are enough if b is less than half of it, or within noise; otherwise "
        "undecided. Since more trials give a better best by chance alone, they help only if a Gaussian process "
        "over the space explains the ranks of the results clearly better than noise does; otherwise undecided."
    ),
    action="Run more trials in the same space, or accept the result.",
    source="Tang et al. 2020, arXiv 2004.13705 (not in the playbook)",
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
        message = "needs at least 8 finished trials (4 feasible) per arm"
        return [budget.finding("info", "undecided", few, message)]
    gain = sum(d.gain for d in known) / len(known)
    last = sum(d.last for d in known) / len(known)
    spread = sum(d.spread for d in known) / len(known)
    recorded = [d.noise for d in known if d.noise is not None]
    noise = sum(recorded) / len(recorded) if recorded else 0.0
    relative, recent = (g / spread if spread > 0.0 else 0.0 for g in (gain, last))
    evidence: dict[str, Any] = {
        "gain": gain,
        "gain_share": relative,
        "gain_share_threshold": least_gain,
        "noise": noise,
        "last_gain_share": recent,
    }
    evidence |= {"noises_threshold": noises, "trials": len(trials)}
    message = (
        f"the last doubling of the number of trials improved the expected best {study.metric.name} by "
        f"{wording.number(last)}, the next is expected to bring {wording.number(gain)}, {wording.percent(relative)} of "
        "the way from the best to the upper quartile"
    )
    if last <= noises * noise and recent >= least_gain:
        message += f"; that is within the noise of one evaluation ({wording.number(noise)})"
        return [budget.finding("ok", "enough", evidence, message)]
    if recent >= least_gain and relative >= _NEXT * least_gain:
        known_from = structure(outcomes.by_arm(trials, study.arms), study.parameters, study.metric)
        least = budget.limit(study, "structure")
        evidence |= {"structure": known_from, "structure_threshold": least}
        if known_from < least:
            message += (
                "; but results do not clearly depend on the hyperparameters, so this may be chance: "
                "repeat the best trial with other training seeds"
            )
            return [budget.finding("info", "undecided", evidence, message)]
        act = Next(trials=2 * study.planned)
        return [budget.finding("info", "more-trials-help", evidence, message, act=act)]
    if recent >= least_gain / 2 and last > noises * noise:
        message += f"; that is near the {wording.percent(least_gain)} threshold, so more trials may help"
        return [budget.finding("info", "undecided", evidence, message)]
    return [budget.finding("ok", "enough", evidence, message)]
