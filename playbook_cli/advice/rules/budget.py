"""Budget: would more trials help?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.acts import Next, Repeat
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.advice.rules.coverage import ADAPTIVE
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.budget import chance, last_doublings
from playbook_cli.analysis.seed_noise import seed_noise
from playbook_cli.analysis.structure import structure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.analysis.budget import Doubling
    from playbook_cli.analysis.seed_noise import SeedNoise
    from playbook_cli.analysis.structure import Structure
    from playbook_cli.records import Finding, StudyRecord

_NEXT = 0.7
"""Part of the least gain that the next doubling must bring: it is known from few trials."""
_LEAST = 0.8
"""Probability that the noise of the training seed is at least as large as what a gain must exceed."""
_FEW = 8
"""Degrees of freedom of that noise below which more repeats are asked for."""


@partial(
    Rule,
    name="budget",
    order=140,
    trials="sampled",
    repeats=True,
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
        Threshold(
            name="noises",
            default=1.0,
            meaning="gain in units of the noise of one evaluation of the best trials, and of the training seed",
        ),
        Threshold(
            name="structure",
            default=0.1,
            meaning="largest p-value at which results depend on the hyperparameters (by shuffling)",
        ),
        Threshold(
            name="luck",
            default=0.03,
            meaning="largest probability that noise alone brings the gain of the last doubling",
        ),
    ),
    formula=(
        "With a = E[best of N/4] - E[best of N/2] and b = E[best of N/2] - E[best of N], averaged over the "
        "arms, the next doubling should bring b^2 / a, at most b. More trials help if b reaches the threshold "
        "and b^2 / a 0.7 of it; there are enough if b is less than half of it, or within noise; otherwise "
        "undecided. Since more trials give a better best by chance alone, b must also be more than noise brings. The "
        "noise is that of the training seed, if repeats or repeated points show it; otherwise it is what the "
        "hyperparameters leave unexplained, and results must depend on them more clearly than shuffled results do."
    ),
    action="Run more trials in the same space, or accept the result.",
    source="Tang et al. 2020, arXiv 2004.13705 (not in the playbook)",
)
def budget(study: StudyRecord) -> list[Finding]:
    """One finding for the study: the gain of a doubling, averaged over the arms, each by its own trials."""
    search = study.search
    if study.adaptive:
        return [budget.finding("info", "undecided", {"trials": len(search.trials)}, ADAPTIVE)]
    least_gain, noises = budget.limit(study, "gain"), budget.limit(study, "noises")
    trials = outcomes.ended(search.trials)
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
    seeds = seed_noise(study)
    evidence: dict[str, Any] = {
        "gain": gain,
        "gain_share": relative,
        "gain_share_threshold": least_gain,
        "noise": noise,
        "last_gain_share": recent,
        "noises_threshold": noises,
        "trials": len(trials),
    }
    if seeds is not None:
        evidence |= {"seed_noise": seeds.sd, "seed_noise_results": seeds.results}
    message = (
        f"the last doubling of the number of trials improved the expected best {study.metric.name} by "
        f"{wording.number(last)}, the next is expected to bring {wording.number(gain)}, {wording.percent(relative)} of "
        "the way from the best to the upper quartile"
    )
    # What the seeds' noise is at least: a few repeats may overstate it.
    within = {f"one evaluation ({wording.number(noise)})": noise}
    if seeds is not None:
        within[f"the training seed ({wording.number(seeds.sd)})"] = seeds.at_least(_LEAST)
    of = max(within, key=lambda name: within[name])
    if last <= noises * within[of] and recent >= least_gain:
        return [budget.finding("ok", "enough", evidence, f"{message}; that is within the noise of {of}")]
    if recent >= least_gain and relative >= _NEXT * least_gain:
        doubt, by = _luck(study, known, seeds)
        evidence |= by
        if doubt is not None:
            act = Repeat(top=1) if seeds is None and not study.imported else None
            return [budget.finding("info", "undecided", evidence, f"{message}; {doubt}", act=act)]
        more = Next(trials=2 * search.planned)
        return [budget.finding("info", "more-trials-help", evidence, message, act=more)]
    if recent >= least_gain / 2 and last > noises * within[of]:
        message += (
            f"; with {wording.percent(recent)} for the last one, that is near the {wording.percent(least_gain)} "
            "threshold, so more trials may help"
        )
        return [budget.finding("info", "undecided", evidence, message)]
    return [budget.finding("ok", "enough", evidence, message)]


def _luck(
    study: StudyRecord, known: Sequence[Doubling], seeds: SeedNoise | None
) -> tuple[str | None, Mapping[str, float]]:
    """Why noise alone may have brought the last doubling of the arms, None where it did not; and the evidence."""
    most, least = budget.limit(study, "luck"), budget.limit(study, "structure")
    last, counts = sum(d.last for d in known) / len(known), [d.feasible for d in known]
    evidence = {"luck_threshold": most}
    if seeds is not None:
        evidence["luck"] = chance(last, seeds.sd, counts, seeds.free)
        if evidence["luck"] <= most:
            return None, evidence
    groups = outcomes.by_arm(outcomes.ended(study.search.trials), study.arms)
    found = structure(groups, study.parameters, study.metric)
    evidence |= {"structure": found.p_value, "structure_threshold": least}
    if found.p_value <= least:
        evidence |= {"unexplained": found.noise, "unexplained_luck": chance(last, found.noise, counts)}
        if evidence["unexplained_luck"] <= most:
            return None, evidence
    return _doubt(seeds, found, followed=found.p_value <= least), evidence


def _doubt(seeds: SeedNoise | None, found: Structure, *, followed: bool) -> str:
    repeat = ": repeat the best trial with other training seeds"
    if seeds is not None:
        by = f"the noise of the training seed ({wording.number(seeds.sd)}, {wording.plural(seeds.results, 'result')})"
        return f"but {by} may explain that" + (": repeat it with more training seeds" if seeds.free < _FEW else "")
    if not followed:
        return f"but results do not clearly depend on the hyperparameters, so this may be chance{repeat}"
    return (
        f"but the variation that the hyperparameters do not explain ({wording.number(found.noise)}) may bring that, "
        f"so this may be chance{repeat}"
    )
