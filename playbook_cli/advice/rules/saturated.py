"""Saturated: have the best trials stopped improving long before the end?"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice.best_curves import (
    BEST_TRIALS,
    MIN_EVALUATIONS,
    SPREAD,
    counts,
    ends,
    gain_between_trials,
    memory,
    reads,
    said_between_trials,
    unread,
)
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.advice.rules.best_step import best_step
from playbook_cli.advice.rules.still_improving import still_improving
from playbook_cli.analysis import curves
from playbook_cli.analysis.outlook import moves

if TYPE_CHECKING:
    from playbook_cli.analysis.curves import Line
    from playbook_cli.records import Finding, StudyRecord

_NOISES = 4
"""A drop is no less than so many times the noise of one evaluation: from its lowest to its highest, by chance."""


_CURVES = 3
"""Curves that it takes to ask for fewer steps."""


@partial(
    Rule,
    name="saturated",
    order=80,
    section="curves",
    shorter=("yes",),
    title="Do the best trials stop improving long before the end?",
    looks_at="the slope of the second half of the best trials' validation curves",
    verdicts={
        "yes": "Curves flatten early",
        "no": "No early plateau",
        "undecided": "Plateau unclear",
    },
    thresholds=(
        Threshold(name="p_value", default=0.05, meaning="chance of mistaking a falling curve for a flat one"),
        Threshold(
            name="gain",
            default=0.05,
            meaning="a change over the second half below this share of the total improvement is flat",
        ),
        SPREAD,
        BEST_TRIALS,
        MIN_EVALUATIONS,
    ),
    formula=(
        "Lines are fitted through the second halves and averaged. Yes if they almost surely change by less "
        "than `gain`, or less than half of one evaluation's noise if that is more. No if the last thirds "
        "still fall by best-step's `gain`, or the second halves gain as much as separates good trials."
    ),
    action="Train for fewer steps.",
    source="Examining the training curves",
)
def saturated(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    read = reads(study, saturated, share=0.5)
    if not read:
        return [unread(study, saturated)]
    most, p_limit = saturated.limit(study, "gain"), saturated.limit(study, "p_value")
    wander = memory(study)
    lines = [curves.line(r.series, 0.5, wander) for r in read]
    # Where a curve is flat from its first evaluation on, its drop is nothing but noise, and as small as may be.
    mean = curves.pooled(lines, [max(r.series.drop, _NOISES * curves.zero(r.series.jitter)) for r in read])
    # A long fast start makes all that follows small; what best-step takes for falling is not called flat here.
    seen = ends(study, still_improving, 1 / 3)
    longer = seen.longer(best_step.limit(study, "gain"), best_step.limit(study, "p_value")) if seen else "unclear"
    held = seen is not None and seen.held is not None and longer == "unclear"
    falls = longer == "falls" or held or (seen is not None and _falls(study, seen.end))
    # Nor is what decides between good trials.
    halves = gain_between_trials(study, lines)
    matters = counts(halves, saturated.limit(study, "spread"))
    p_flat = mean.p_flat(most)
    evidence = {
        "gain": mean.fall,
        "gain_threshold": most,
        "gain_of_spread": halves.fall,
        "spread_threshold": saturated.limit(study, "spread"),
        "p_value": p_flat,
        "p_value_threshold": p_limit,
        "curves": len(read),
    }
    message = (
        f"the second half of training brings {wording.percent(max(mean.fall, 0.0))} of the total improvement in "
        f"{study.metric.name} (mean of {wording.plural(len(read), 'best trial')})"
    )
    if matters and p_flat < p_limit and not falls:
        message += f", but {said_between_trials(halves)}"
    sure = best_step.limit(study, "p_value")  # of many curves that move by chance alone, one in twenty would
    changes = (mean.fall >= most and mean.p_fall() < sure) or (mean.fall <= -most and mean.p_rise() < sure)
    if falls or matters or changes:
        return [saturated.finding("ok", "no", evidence, message)]
    if p_flat >= p_limit:
        return [saturated.finding("info", "undecided", evidence, f"{message}; the change is within noise")]
    if len(read) < _CURVES:
        few = f"{message}: too few trials trained to the end to recommend fewer steps"
        return [saturated.finding("info", "undecided", evidence, few)]
    act = Next(max_train_steps=math.ceil(study.max_train_steps / 2))
    return [
        saturated.finding("info", "yes", evidence, f"{message}: {act.max_train_steps:,} steps would be enough", act=act)
    ]


def _falls(study: StudyRecord, line: Line) -> bool:
    gain, p_limit = best_step.limit(study, "gain"), best_step.limit(study, "p_value")
    return moves(line, gain, p_limit) == "falls"
