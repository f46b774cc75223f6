"""Still-improving: do the validation curves of the best trials still fall at their end?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice.best_curves import BEST_TRIALS, DECAYED, MIN_EVALUATIONS, ends, unread
from playbook_cli.advice.rule import Rule, Threshold

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord


@partial(
    Rule,
    name="still-improving",
    order=70,
    section="curves",
    longer=("yes",),
    title="Are the best trials still improving when they end?",
    looks_at="the slope of the last third of the best trials' validation curves",
    verdicts={
        "yes": "Still improving at the end",
        "no": "Not improving at the end",
        "undecided": "Trend at the end unclear",
    },
    thresholds=(
        Threshold(name="p_value", default=0.01, meaning="chance of mistaking noise for improvement"),
        Threshold(
            name="gain",
            default=0.08,
            meaning="improvement over the last third, as a share of the drop after the first tenth",
        ),
        DECAYED,
        BEST_TRIALS,
        MIN_EVALUATIONS,
    ),
    formula=(
        "Lines are fitted through the last thirds and averaged. Yes if they fall by at least `gain` and "
        "beyond noise; no if they almost surely fall by less. A fall counts only while the learning rate is "
        "known to be high (a logged learning_rate, or a hyperparameter schedule: constant); if it decays, the "
        "last third of its time at the peak counts. Otherwise undecided, since any decay makes curves fall."
    ),
    action="Train longer, or use another learning-rate schedule.",
    source="Examining the training curves",
)
def still_improving(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    seen = ends(study, still_improving, 1 / 3)
    if seen is None:
        return [unread(study, still_improving)]
    least, p_limit = still_improving.limit(study, "gain"), still_improving.limit(study, "p_value")
    line = seen.held or seen.end
    evidence = {
        "gain": line.fall,
        "gain_threshold": least,
        "p_value": line.p_fall(),
        "p_value_threshold": p_limit,
        "curves": seen.curves,
        "schedule": seen.course,
    }
    until = " at the peak learning rate" if seen.held else ""
    message = (
        f"the last third{until} brings {wording.percent(max(line.fall, 0.0))} of {study.metric.name}'s improvement "
        f"after the first tenth "
        f"({wording.p_text(line.p_fall())}, mean of {wording.plural(seen.curves, 'best curve')})"
    )
    longer = seen.longer(least, p_limit)
    if longer == "falls":
        act = Next(max_train_steps=2 * study.max_train_steps)
        return [still_improving.finding("info", "yes", evidence, message, act=act)]
    if longer in ("flat", "rises"):
        return [still_improving.finding("ok", "no", evidence, message + seen.owed)]
    why = seen.why(least, p_limit)
    message = f"{message}; {why}" if why else f"{message}; the change is within noise"
    return [still_improving.finding("info", "undecided", evidence, message, because=why)]
