"""Isolation, the question itself: which scientific setting is best, if the comparison is fair?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.acts import Repeat
from playbook_cli.advice import among
from playbook_cli.advice.among import Against
from playbook_cli.advice.fairness import unfair, unjudged
from playbook_cli.advice.repeated_arms import by_repeats
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.analysis import isolation as points
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.attainable import of_groups
from playbook_cli.analysis.contrast import LEVEL
from playbook_cli.analysis.difference import difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.analysis.attainable import Gap
    from playbook_cli.analysis.difference import Difference
    from playbook_cli.records import Finding, Parameter, StudyRecord, TrialRecord

_AGREES = 0.9
"""Probability that an arm is better, by the model, below which no test says so."""
_SURE = 2.5
"""Standard deviations between a gain and 0 from which on it is settled."""
_MOST = 8
"""No more than so many times the trials are ever said to be needed."""


@dataclass(frozen=True, kw_only=True)
class _Group:
    """The ended trials of one arm, or of one bucket of a continuous scientific parameter."""

    label: str
    trials: Sequence[TrialRecord]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Against:
    """The best group against another one."""

    label: str
    gap: Gap
    difference: Difference


@partial(
    Rule,
    name="isolation",
    order=170,
    trials="sampled",
    section="question",
    concludes=True,
    title="Which scientific setting is best?",
    looks_at="the best result of every arm, over all nuisance hyperparameters",
    verdicts={
        "better": "One setting is better",
        "no-difference": "No difference",
        "blocked": "No comparison yet",
        "undecided": "Comparison inconclusive",
    },
    thresholds=(
        Threshold(name="p_value", default=0.04, meaning="chance of a false `better` in the tests of search and pairs"),
        Threshold(name="probability", default=0.99, meaning="model probability needed to call an arm better"),
        Threshold(
            name="deviations", default=0.5, meaning="smallest lead that counts, in standard deviations of a trial"
        ),
        Threshold(name="reach", default=0.1, meaning="largest p-value of the search test that confirms such a lead"),
        Threshold(name="clear_deviations", default=3, meaning="lead that needs no confirmation by the search test"),
        Threshold(
            name="equal_deviations",
            default=2,
            meaning="smallest difference that matters, in standard deviations of seed noise",
        ),
        Threshold(name="min_trials", default=6, meaning="finished trials that every arm needs"),
        Threshold(
            name="balance",
            default=0.75,
            meaning="an arm with less than this share of the largest arm's trials was tuned less",
        ),
    ),
    formula=(
        "A Gaussian process over the space, with the arm as a category and a quadratic in each range, estimates the "
        "best result that each arm could reach: the gain and its interval. An arm is better if the process is sure "
        "of a clear lead, or of a smaller one that the search test confirms, or if a test is significant and the "
        "process agrees. There are two tests, and the smaller p-value is doubled. Search: the r best trials all "
        "belong to one arm, and the spacing of the "
        "other arm's best trials says that its optimum does not reach the best one (in d ranges, results rise "
        "with a power 2 / d of the rank). Pairs: among the better half of the points that both arms tried, "
        "the difference, extrapolated to the optimum, is not zero. There is no difference if the process is "
        "sure that the gain is too small to matter. Blocked if an arm is limited by an edge, overfits, "
        "has training problems, or had fewer trials; undecided if a range that only some arms have may be too "
        "small (Choi et al. 2019, arXiv 1910.05446). If every arm's selected point was repeated with new "
        "seeds, only these results count, with the gain and interval of playbook compare."
    ),
    action=("Repeat the best trials with new training seeds before adopting: the best of many is optimistic."),
    source="Detecting whether a change is useful with isolation plots",
)
def isolation(study: StudyRecord, before: Sequence[Finding]) -> list[Finding]:
    """One finding for the arms, one for each continuous scientific parameter; `before` are all other findings.

    Where what every arm selects was repeated on fresh seeds, the arms are compared by that.
    """
    whole, study = study, study.search
    findings = []
    if len(study.arms) > 1:
        ended = outcomes.ended(study.trials)
        of_arms = zip(study.arms, outcomes.by_arm(ended, study.arms), strict=True)
        groups = [_Group(label=outcomes.arm_label(arm), trials=trials) for arm, trials in of_arms]
        obstacles = _obstacles(study, before) + _imbalance(study, groups)
        open_ = unjudged(study, before) if not obstacles else []
        fresh = by_repeats(whole, isolation) if not obstacles and not open_ else None
        findings.append(_open(groups, open_) if open_ else fresh or _judge(study, None, groups, obstacles))
    ranges = points.continuous_scientific(study)
    return findings + [_judge(study, p, _buckets(study, p), _obstacles(study, before)) for p in ranges]


def _judge(
    study: StudyRecord, parameter: Parameter | None, groups: Sequence[_Group], obstacles: Sequence[str]
) -> Finding:
    least = isolation.limit(study, "min_trials")
    subject = parameter.label if parameter else None
    fewest = min(len(g.trials) for g in groups)
    if obstacles:
        message = f"no comparison yet: {'; '.join(obstacles)}"
        return isolation.finding(
            "warning", "blocked", {"obstacles": len(obstacles), "trials": fewest}, message, subject=subject
        )
    usable = [g for g in groups if len(g.trials) >= least and outcomes.completed(g.trials)]
    if len(usable) < (len(groups) if parameter is None else 2):
        message = f"needs {least:g} finished trials per setting, one of them feasible; the smallest has {fewest}"
        few = {"trials": fewest, "trials_threshold": least}
        return isolation.finding("info", "undecided", few, message, subject=subject)
    known = of_groups([g.trials for g in usable], _nuisance(study, parameter), study.metric)
    if known is None:
        message = "all trials have the same result"
        return isolation.finding("info", "no-difference", {"trials": fewest}, message, subject=subject)
    first = min(range(len(usable)), key=lambda i: _best(usable[i], study))
    best, others = usable[first], [i for i in range(len(usable)) if i != first]
    against = [_against(study, best, usable[i], known.gap(first, i), paired=parameter is None) for i in others]
    # To be better than every other arm each comparison must speak; to matter at all one bucket may, of several tried.
    tests = 1 if parameter is None else len(others)
    worse = [one for one in against if _shown(study, one, tests, arms=parameter is None)]
    rest = [one for one in against if one not in worse]
    better = not rest if parameter is None else bool(worse)
    said = [
        Against(label=one.label, gain=one.gap.gain, interval=one.gap.interval, worse=one in worse) for one in against
    ]
    if parameter is None:
        decisive = max(against, key=lambda one: (one not in worse, -one.gap.gain))
    else:
        decisive = min(against, key=lambda one: one.difference.p_value)
    top = outcomes.ranked(best.trials, study.metric)[0]
    value = top.best.value if top.best else 0.0
    evidence: dict[str, Any] = {
        "gain": decisive.gap.gain,
        "interval": list(decisive.gap.interval),
        "probability": decisive.gap.probability(0.0),
        "p_value": min(1.0, decisive.difference.p_value * tests),
        "settings": len(usable),
        "told_apart": len(worse),
        "trials": fewest,
        "best": best.label,
        "against": among.evidence(said),
    }
    message = f"{best.label} reaches {study.metric.name} {wording.number(value)} (trial {top.id})"
    message += among.compared(said)
    if better:
        message += "; repeat it with other training seeds before adopting it: the best of many trials is optimistic"
        act = None if study.imported else Repeat(top=1)
        return isolation.finding("info", "better", evidence, message, subject=subject or best.label, act=act)
    bound = isolation.limit(study, "equal_deviations")
    if all(one.gap.within(bound) for one in rest):
        evidence["bound"] = max(abs(end) for one in rest for end in one.gap.interval)
        message += f"; equal within {wording.number(evidence['bound'])} ({LEVEL:.0%})"
        message += f": any difference is below {bound:g} trial standard deviations"
        return isolation.finding("info", "no-difference", evidence, message, subject=subject)
    equal = [g for g in usable if g.label in {one.label for one in rest}]
    theirs = [other.best.value for g in equal for other in outcomes.ranked(g.trials, study.metric)[:1] if other.best]
    message += wording.examples(study.metric, value, theirs[0]) if len(theirs) == 1 else ""
    needed = math.ceil(max(one.gap.more(_SURE, bound) for one in rest) * fewest)
    if fewest < needed <= _MOST * fewest:
        evidence["trials_needed"] = needed
        message += f"; about {needed} trials per setting would settle it"
    elif needed > fewest:
        message += "; more trials would hardly settle it, repeats of each setting's best trial may"
    return isolation.finding("info", "undecided", evidence, message, subject=subject)


def _best(group: _Group, study: StudyRecord) -> tuple[float, int]:
    """Its best result and the trial's number: the earlier trial first among equals, as wherever one is named."""
    top = outcomes.ranked(group.trials, study.metric)[0]
    return outcomes.result(top, study.metric), top.id


def _nuisance(study: StudyRecord, parameter: Parameter | None) -> list[Parameter]:
    """What every setting is tuned over."""
    of_arms = {name for arm in study.arms for name in arm} if parameter is None else {parameter.name}
    return [p for p in study.parameters if p.name not in of_arms and p.role != "fixed"]


def _shown(study: StudyRecord, against: _Against, tests: int, *, arms: bool) -> bool:
    """Whether the best group is better than another one.

    Buckets differ in a range of their own, not in a category, so the process alone says nothing of them.
    """
    gap, found = against.gap, against.difference
    if gap.probability(0.0) < _AGREES:
        return False
    if found.p_value * tests < isolation.limit(study, "p_value"):
        return True
    least = isolation.limit(
        study, "clear_deviations" if found.p_reach >= isolation.limit(study, "reach") else "deviations"
    )
    return arms and gap.probability(least) >= isolation.limit(study, "probability")


def _open(groups: Sequence[_Group], ranges: Sequence[str]) -> Finding:
    """No verdict while it is open whether the arms' own spaces hold their best settings."""
    more = f", and {len(ranges) - 1} more" if len(ranges) > 1 else ""
    message = f"no verdict yet: the arms have different spaces, and a range may be too small ({ranges[0]}"
    evidence = {"unjudged": len(ranges), "trials": min(len(g.trials) for g in groups)}
    return isolation.finding("info", "undecided", evidence, f"{message}{more})")


def _against(study: StudyRecord, best: _Group, other: _Group, gap: Gap, *, paired: bool) -> _Against:
    found = difference(
        best.trials,
        other.trials,
        metric=study.metric,
        parameters=study.parameters if paired else [],
        dimensions=points.searched(study, other.trials),
    )
    return _Against(label=other.label, gap=gap, difference=found)


def _obstacles(study: StudyRecord, before: Sequence[Finding]) -> list[str]:
    """What earlier findings say against a fair comparison, in words."""
    return [text for _, text in unfair(study, before)]


def _imbalance(study: StudyRecord, groups: Sequence[_Group]) -> list[str]:
    """Arms that were searched less than the others, in words."""
    balance, least = isolation.limit(study, "balance"), isolation.limit(study, "min_trials")
    most = max(len(g.trials) for g in groups)
    if most < least:
        return []
    words = []
    for group in groups:
        count = wording.plural(len(group.trials), "finished trial")
        if len(group.trials) < balance * most:
            words.append(f"{group.label} has {count} where another arm has {most}")
        elif not outcomes.completed(group.trials):
            words.append(f"{group.label} has {count} and none is feasible")
    return words


def _buckets(study: StudyRecord, parameter: Parameter) -> list[_Group]:
    return [
        _Group(label=bucket.label, trials=points.in_bucket(study, parameter, number))
        for number, bucket in enumerate(points.buckets(study, parameter))
    ]
