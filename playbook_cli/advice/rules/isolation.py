"""Isolation, the question itself: which scientific setting is best, if the comparison is fair?"""

from __future__ import annotations

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
from playbook_cli.analysis.difference import Difference, difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Finding, Metric, Parameter, StudyRecord, TrialRecord


@dataclass(frozen=True, kw_only=True)
class _Group:
    """The ended trials of one arm, or of one bucket of a continuous scientific parameter."""

    label: str
    trials: Sequence[TrialRecord]


@partial(
    Rule,
    name="isolation",
    order=170,
    trials="sampled",
    section="question",
    concludes=True,
    title="The question itself: which scientific setting is best?",
    looks_at="the best trial of every arm over all nuisance hyperparameters",
    verdicts={
        "better": "One setting is better",
        "no-difference": "No difference",
        "blocked": "No comparison yet",
        "undecided": "Comparison inconclusive",
    },
    thresholds=(
        Threshold(name="p_value", default=0.04, meaning="chance of a false `better`"),
        Threshold(name="hint", default=0.2, meaning="below this p-value a difference that is not proven is undecided"),
        Threshold(name="min_trials", default=6, meaning="ended trials that every arm needs"),
        Threshold(
            name="balance",
            default=0.75,
            meaning="an arm with fewer trials than this part of the largest was tuned less",
        ),
    ),
    formula=(
        "Two tests, the smaller p-value doubled. Search: the r best trials all belong to one arm, and the other "
        "arm's spacing of its best trials says that its optimum (in d ranges, results rise from it with a power "
        "of 2 / d of the rank) does not reach the best one. Pairs: among the better half of the points that both "
        "arms tried, the difference, extrapolated along the mean result to the optimum, is not zero. Blocked while "
        "an arm is edge-bound, overfits, trains wrongly, or was searched less; undecided while nobody can say "
        "whether a range ends too early that only some arms have (Choi et al. 2019, arXiv 1910.05446). Where what "
        "every arm selects was repeated on fresh seeds, only these results count: by the gain and standard error "
        "of playbook compare."
    ),
    action="Repeat the best trials with fresh seeds before adopting: the best trial was selected for being lucky.",
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
    p_limit, least = isolation.limit(study, "p_value"), isolation.limit(study, "min_trials")
    subject = parameter.label if parameter else None
    fewest = min(len(g.trials) for g in groups)
    if obstacles:
        message = f"no comparison yet: {'; '.join(obstacles)}"
        return isolation.finding(
            "warning", "blocked", {"obstacles": len(obstacles), "trials": fewest}, message, subject=subject
        )
    usable = [g for g in groups if len(g.trials) >= least and outcomes.completed(g.trials)]
    if len(usable) < (len(groups) if parameter is None else 2):
        message = f"every setting needs {least:g} ended trials, one of them feasible; the fewest has {fewest}"
        few = {"trials": fewest, "trials_threshold": least}
        return isolation.finding("info", "undecided", few, message, subject=subject)
    best, *others = sorted(usable, key=lambda g: _order(outcomes.ranked(g.trials, study.metric)[0], study.metric))
    differences = [(g, _difference(study, best, g, paired=parameter is None)) for g in others]
    # To be better than every other arm each comparison must speak; to matter at all one bucket may, of several tried.
    tests = 1 if parameter is None else len(others)
    against = [
        Against(label=g.label, gain=d.gain, p_value=p, worse=p < p_limit)
        for g, d in differences
        for p in [min(1.0, d.p_value * tests)]
    ]
    worse = [one for one in against if one.worse]
    better = len(worse) == len(against) if parameter is None else bool(worse)
    decisive = max(differences, key=lambda x: x[1].p_value) if parameter is None else min(differences, key=_by_p_value)
    evidence: dict[str, Any] = {
        "gain": decisive[1].gain,
        "p_value": min(1.0, decisive[1].p_value * tests),
        "p_value_threshold": p_limit,
        "settings": len(usable),
        "told_apart": len(worse),
        "trials": fewest,
        "best": best.label,
        "against": among.evidence(against),
    }
    top = outcomes.ranked(best.trials, study.metric)[0]
    value = top.best.value if top.best else 0.0
    message = f"{best.label} reaches {study.metric.name} {wording.number(value)} (trial {top.id})"
    message += among.compared(against)
    if not better and evidence["p_value"] < isolation.limit(study, "hint"):
        message += "; more trials would settle it"
        return isolation.finding("info", "undecided", evidence, message, subject=subject)
    if not better:
        return isolation.finding("info", "no-difference", evidence, message, subject=subject)
    message += "; repeat it with other training seeds before adopting it: the best of many trials is optimistic"
    act = None if study.imported else Repeat(top=1)
    return isolation.finding("info", "better", evidence, message, subject=subject or best.label, act=act)


def _open(groups: Sequence[_Group], ranges: Sequence[str]) -> Finding:
    """No verdict while it is open whether the arms' own spaces hold their best settings."""
    more = f", and {len(ranges) - 1} more" if len(ranges) > 1 else ""
    message = (
        f"no verdict yet: the arms have spaces of their own, and it is open whether one ends too early ({ranges[0]}"
    )
    evidence = {"unjudged": len(ranges), "trials": min(len(g.trials) for g in groups)}
    return isolation.finding("info", "undecided", evidence, f"{message}{more})")


def _order(trial: TrialRecord, metric: Metric) -> tuple[float, int]:
    """The earlier trial first among equals, as everywhere that names the best one."""
    return outcomes.result(trial, metric), trial.id


def _by_p_value(compared: tuple[_Group, Difference]) -> float:
    return compared[1].p_value


def _difference(study: StudyRecord, best: _Group, other: _Group, *, paired: bool) -> Difference:
    return difference(
        best.trials,
        other.trials,
        metric=study.metric,
        parameters=study.parameters if paired else [],
        dimensions=points.searched(study, other.trials),
    )


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
        count = wording.plural(len(group.trials), "ended trial")
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
