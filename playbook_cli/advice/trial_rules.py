"""The rules that count trials: coverage, infeasible and budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.acts import Next
from playbook_cli.advice import found, wording
from playbook_cli.advice.rules import limit
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.budget import last_doublings
from playbook_cli.analysis.coverage import good_region
from playbook_cli.divergence import NO_BETTER

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord

_LEAST = 4
"""Ended trials below which a count says nothing."""
_ADAPTIVE = (
    "each point was chosen by the results before it: where the trials crowd, and how the best of them came about, says "
    "nothing about the rest of the space or about more trials"
)


def coverage(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    if study.listed:
        message = (
            "the points were listed, not sampled: they say nothing about the rest of the space, and which scientific "
            "setting is best is for repeats on fresh seeds to say"
        )
        return [found.info("coverage", "listed", {"points": len(study.trials)}, message)]
    if study.adaptive:
        return [found.info("coverage", "undecided", {"trials": len(study.trials)}, _ADAPTIVE)]
    needed = limit(study, "coverage", "min_good")
    share = limit(study, "coverage", "good")
    trials = outcomes.ended(study.trials)
    region = good_region(trials, study.metric, good=share)
    if region is None or region.trials < _LEAST:
        few = {"trials": len(trials), "trials_threshold": _LEAST}
        feasible = len(outcomes.completed(trials))
        message = (
            f"{wording.plural(len(trials), 'trial')} ended, {feasible} of them feasible: too few to see a good region"
        )
        return [found.info("coverage", "undecided", few, message)]
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
        return [found.ok("coverage", "enough", evidence, message)]
    message += f"; the good region is sampled by fewer than {needed:g}"
    act = Next(narrow=True)
    return [found.info("coverage", "sparse", evidence, message, act=act)]


def infeasible(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    threshold = limit(study, "infeasible", "share")
    trials = outcomes.ended(study.trials)
    bad = sum(t.state == "infeasible" for t in trials)
    failed = sum(t.state == "failed" for t in study.trials)
    share = bad / len(trials) if trials else 0.0
    evidence: dict[str, Any] = {
        "infeasible": bad,
        "trials": len(trials),
        "share": share,
        "share_threshold": threshold,
        "failed": failed,
    }
    without = [t for t in trials if t.state == "infeasible" and NO_BETTER in (t.reason or "")]
    evidence["without_nan"] = len(without)
    crashed = f"; {wording.plural(failed, 'trial')} failed for other reasons and are not counted" if failed else ""
    message = f"{bad} of {wording.plural(len(trials), 'ended trial')} {'is' if bad == 1 else 'are'} infeasible"
    if without:
        message += f" ({len(without)} without a NaN: trial {without[0].id}: {without[0].reason})"
    if len(trials) < 2 or bad < len(trials) < _LEAST:
        return [found.info("infeasible", "undecided", evidence, f"{message}: too few to judge{crashed}")]
    if share <= threshold:
        return [found.ok("infeasible", "few", evidence, f"{message}{crashed}")]
    if bad == len(trials):
        why = f" (trial {trials[0].id}: {trials[0].reason})" if trials[0].reason and not without else ""
        message += f"{why}: lower the learning rate, change or reparameterize the space, or look for a bug"
        return [found.warning("infeasible", "too-many", evidence, f"{message}{crashed}")]
    message += (
        f", more than {wording.percent(threshold)}: the space reaches far into where training fails, or there is a bug"
    )
    act = Next(narrow=True)
    return [found.warning("infeasible", "too-many", evidence, f"{message}{crashed}", act=act)]


def budget(study: StudyRecord) -> list[Finding]:
    """One finding for the study: the gain of a doubling, averaged over the arms, each by its own trials."""
    if study.adaptive:
        return [found.info("budget", "undecided", {"trials": len(study.trials)}, _ADAPTIVE)]
    least_gain, noises = limit(study, "budget", "gain"), limit(study, "budget", "noises")
    trials = outcomes.ended(study.trials)
    per_arm = [last_doublings(own, study.metric) for own in outcomes.by_arm(trials, study.arms)]
    known = [d for d in per_arm if d is not None]
    if not known or len(known) < len(per_arm):
        few = {"trials": len(trials), "trials_threshold": 8 * len(study.arms)}
        message = "8 ended trials, 4 of them feasible, are needed in every arm to say what more would bring"
        return [found.info("budget", "undecided", few, message)]
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
        return [found.info("budget", "more-trials-help", evidence, message, act=act)]
    if relative >= least_gain:
        message += f", which is within the noise of one evaluation ({wording.number(noise)})"
    return [found.ok("budget", "enough", evidence, message)]
