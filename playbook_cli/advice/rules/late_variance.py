"""Late-variance: does the validation result jump from evaluation to evaluation late in training?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.advice.best_curves import BEST_TRIALS, MIN_EVALUATIONS, reads, unread
from playbook_cli.advice.rule import Rule, Threshold

if TYPE_CHECKING:
    from playbook_cli.records import Finding, StudyRecord


@partial(
    Rule,
    name="late-variance",
    order=60,
    section="curves",
    title="Does validation jump between evaluations late in training?",
    looks_at="the noise in the second half of the best trials' validation curves",
    verdicts={
        "yes": "Noisy validation late in training",
        "no": "Little validation noise late in training",
        "undecided": "Validation noise unclear",
    },
    thresholds=(
        Threshold(
            name="noise",
            default=0.05,
            meaning="standard deviation of the noise, as a share of the curve's total improvement",
        ),
        BEST_TRIALS,
        MIN_EVALUATIONS,
    ),
    formula=(
        "Noise is measured by second differences, sqrt(mean((a - 2b + c)^2) / 6), without the largest quarter "
        "(a step in the curve is not noise). Yes if it is large in at least half of the curves."
    ),
    action="Try a larger batch, more validation data, learning-rate decay, or weight averaging.",
    source="Examining the training curves",
)
def late_variance(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    read = reads(study, late_variance)
    if not read:
        return [unread(study, late_variance)]
    least = late_variance.limit(study, "noise")
    ratios = [r.series.jitter / r.series.drop if r.series.drop else 0.0 for r in read]
    loud = sum(ratio >= least for ratio in ratios)
    middle = sorted(ratios)[len(ratios) // 2]
    evidence = {"noise": middle, "noise_threshold": least, "noisy": loud, "curves": len(read)}
    message = (
        f"late in training {study.metric.name} jumps between evaluations by {wording.percent(middle)} of its total "
        f"improvement (standard deviation, median of {wording.plural(len(read), 'curve')})"
    )
    if 2 * loud < len(read):
        return [late_variance.finding("ok", "no", evidence, message)]
    message += ", so the best evaluation is partly noise"
    return [late_variance.finding("warning", "yes", evidence, message)]
