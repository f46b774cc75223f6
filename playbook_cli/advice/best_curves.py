"""Which curves the rules read: those of the best trials that trained to the end, and of the best trial of every arm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.advice.rule import Threshold
from playbook_cli.analysis import curves, outcomes
from playbook_cli.analysis.outlook import outlook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from playbook_cli.advice.rule import Rule
    from playbook_cli.analysis.curves import Line, Series
    from playbook_cli.analysis.outlook import Outlook
    from playbook_cli.records import Curve, Finding, Metric, StudyRecord, TrialRecord, Value

    Arm = Mapping[str, Value]
    Of = Callable[[Curve | None, Metric], Series | None]

BEST_TRIALS = Threshold(
    name="best_trials",
    default=5,
    meaning="number of best trials whose curves are read (at least the best third), in addition to every arm's best "
    "trial",
)
MIN_EVALUATIONS = Threshold(name="min_evaluations", default=12, meaning="evaluations that a curve needs to be read")
DECAYED = Threshold(
    name="decayed", default=0.5, meaning="a learning rate below this fraction of its peak counts as decayed"
)
SPREAD = Threshold(
    name="spread",
    default=0.25,
    meaning="smallest gain that counts, as a share of the spread of the best quarter of the trials",
)
WORTH = Threshold(
    name="worth",
    default=1.0,
    meaning="a flat end is not called enough if it still gains this share of the spread of the best quarter of the "
    "trials",
)
_SURE = 0.01
"""Chance that noise alone looks like a gain that counts."""
_SHARE = 1 / 3
"""Part of the trials that counts as the best ones, where that is more than the rule's own number."""
_MEMORY = 64
"""Trials whose noise is looked at; it is the same in all of them."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """One trial whose curve is long enough to be read."""

    trial: TrialRecord
    series: Series
    arm: Arm | None
    """The arm whose best trial it is."""


def best_trials(study: StudyRecord, rule: Rule, *, share: float = _SHARE) -> dict[int, tuple[TrialRecord, Arm | None]]:
    """By id, best first: the best trials that trained to the end, and the best one of every arm with that arm."""
    placed = outcomes.placed(_judged(study), study.metric)
    champions = {}
    for arm in study.arms:
        for trial in outcomes.ranked(outcomes.of_arm(placed, arm), study.metric)[:1]:
            champions[trial.id] = arm
    count = max(rule.limit(study, "best_trials"), math.ceil(share * len(placed)))
    return {
        t.id: (t, champions.get(t.id))
        for i, t in enumerate(placed)
        if t.state == "completed" and (i < count or t.id in champions)
    }


def _judged(study: StudyRecord) -> list[TrialRecord]:
    """The trials that trained to the end, and those that were stopped since they would have been worse."""
    return [*outcomes.whole(study.trials, study.max_train_steps), *outcomes.stopped(study.trials)]


def reads(study: StudyRecord, rule: Rule, of: Of = curves.objective, *, share: float = _SHARE) -> list[Read]:
    """Their curves, as far as they are long enough."""
    least = max(rule.limit(study, "min_evaluations"), 4)
    found = [(t, arm, of(t.curve, study.metric)) for t, arm in best_trials(study, rule, share=share).values()]
    return [Read(trial=t, series=s, arm=arm) for t, arm, s in found if s and s.losses.size >= least]


def gain_between_trials(study: StudyRecord, lines: Sequence[Line]) -> Line:
    """What curves gain along these lines through their ends, in units of the distance between good trials.

    That is from the best trial to the best quarter's last. An error that begins at 0.9 loses little of that from 0.05
    to 0.03, and little of what lies between 0.03 and the 0.2 of trials that nobody would choose.
    """
    spread = outcomes.spread(_judged(study), study.metric, 0.25)
    return curves.pooled(lines, [spread] * len(lines))


def counts(gain: Line, least: float) -> bool:
    """Whether `gain_between_trials` is at least so much, and no noise."""
    return gain.fall >= least and gain.p_fall() < _SURE


def said_between_trials(gain: Line) -> str:
    """That gain, in words."""
    much = f"{wording.percent(gain.fall)} of" if gain.fall < 2 else f"{gain.fall:.0f} times"
    return f"by {much} the spread among the best quarter of the trials"


def worth(study: StudyRecord, rule: Rule, series: Sequence[Series], share: float) -> str:
    """What flat ends of curves still gain in words, where that is worth the rule's `worth`; empty where it is not."""
    wander = memory(study)
    gain = gain_between_trials(study, [curves.line(s, share, wander) for s in series])
    return said_between_trials(gain) if counts(gain, rule.limit(study, "worth")) else ""


def memory(study: StudyRecord, of: Of = curves.objective) -> float:
    """How far the noise of an evaluation is that of the one before, in this study's curves."""
    ranked = outcomes.ranked(outcomes.whole(study.trials, study.max_train_steps), study.metric)
    return curves.memory([s for t in ranked[:_MEMORY] if (s := of(t.curve, study.metric)) is not None])


def ends(study: StudyRecord, rule: Rule, share: float, of: Of = curves.objective) -> Outlook | None:
    """What the best trials' curves say about more steps, by their last `share` of training."""
    return outlook(
        [t for t, _ in best_trials(study, rule).values()],
        study.metric,
        study.max_train_steps,
        share=share,
        evaluations=rule.limit(study, "min_evaluations"),
        decayed=rule.limit(study, "decayed"),
        memory=memory(study, of),
        of=of,
    )


def stopped(study: StudyRecord) -> str:
    """How many completed trials ended before the end of training, and where; empty where none did."""
    done = outcomes.completed(study.trials)
    early = sorted({t.id for t in done} - {t.id for t in outcomes.whole(done, study.max_train_steps)})
    if not early:
        return ""
    last = sorted(t.last_step for t in done if t.id in early)
    where = f"at step {last[0]}" if last[0] == last[-1] else f"between steps {last[0]} and {last[-1]}"
    count = wording.plural(len(done), "completed trial")
    return f"{len(early)} of {count} stopped early, {where} of {study.max_train_steps}"


def unread(study: StudyRecord, rule: Rule, what: str | None = None) -> Finding:
    """That no curve is long enough for this rule; `what` they are of, where it is not the study's metric."""
    least = rule.limit(study, "min_evaluations")
    why = stopped(study)
    message = (
        f"no completed trial has {least:g} evaluations of {what or study.metric.name}, the fewest that a curve needs"
        if outcomes.whole(study.trials, study.max_train_steps) or not why
        else f"{why}: no curve reaches the end of training; turn early stopping off"
    )
    return rule.finding("info", "undecided", {"curves": 0, "evaluations_threshold": least}, message)
