"""Training-loss-rising: a training loss that rises is usually a bug."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli import wording
from playbook_cli.advice.best_curves import BEST_TRIALS, MIN_EVALUATIONS, memory, reads, unread
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.analysis import curves

if TYPE_CHECKING:
    from playbook_cli.analysis.curves import Series
    from playbook_cli.records import Finding, StudyRecord


@partial(
    Rule,
    name="training-loss-rising",
    order=90,
    trials="any",
    section="curves",
    unfair=("yes",),
    title="Does the training loss rise?",
    looks_at="the second half of the best trials' training-loss curves",
    verdicts={
        "yes": "Training loss rises",
        "no": "Training loss does not rise",
        "undecided": "Training loss unclear",
    },
    thresholds=(
        Threshold(name="p_value", default=0.05, meaning="chance of a false alarm among all curves read"),
        Threshold(name="rise", default=0.05, meaning="rise over the second half, as a share of the curve's range"),
        BEST_TRIALS,
        MIN_EVALUATIONS,
    ),
    formula=(
        "A line through the second half rises by at least `rise` and beyond noise, in one curve or in the mean of all."
    ),
    action=("Look for a bug in the training pipeline; otherwise lower the learning rate or stabilise training."),
    source="Examining the training curves",
)
def training_loss_rising(study: StudyRecord) -> list[Finding]:
    """One finding for the study; it speaks where the best trial of an arm is affected, or most of the best trials."""
    read = reads(study, training_loss_rising, curves.training_loss, share=0.0)
    if not read:
        return [unread(study, training_loss_rising, "a training loss (train_loss, training/loss, ...)")]
    p_value, least = training_loss_rising.limit(study, "p_value"), training_loss_rising.limit(study, "rise")
    wander = memory(study, curves.training_loss)
    rising = [r for r in read if rises(r.series, least, p_value / len(read), wander)]
    # What the noise of minibatches hides in each curve may stand out from all of them together.
    mean = curves.pooled([curves.line(r.series, 0.5, wander) for r in read], [_range(r.series) for r in read])
    together = mean.fall <= -least and mean.p_rise() < p_value
    if together and 2 * len(rising) < len(read):
        rising = [r for r in read if _rise_share(r.series) >= least]
    shares = sorted(_rise_share(r.series) for r in (rising or read))
    evidence = {"rising": len(rising), "curves": len(read), "rise": shares[-1], "rise_threshold": least}
    if not together and 2 * len(rising) < len(read) and all(r.arm is None for r in rising):
        message = f"training loss does not rise in the second half ({wording.plural(len(read), 'best trial')})"
        return [training_loss_rising.finding("ok", "no", evidence, message)]
    first = rising[0]
    message = (
        f"{first.series.name} rises in the second half of training in {len(rising)} of "
        f"{wording.plural(len(read), 'curve')}, by {wording.percent(_rise_share(first.series))} of its range in trial "
        f"{first.trial.id}: usually a bug in the training pipeline"
    )
    return [training_loss_rising.finding("warning", "yes", evidence | {"trial": first.trial.id}, message)]


def rises(series: Series, least: float, p_value: float, wander: float) -> bool:
    return _rise_share(series) >= least and curves.line(series, 0.5, wander).p_rise() < p_value


def _rise_share(series: Series) -> float:
    """The rise over the second half as a share of the whole range."""
    extent = _range(series)
    return -curves.line(series, 0.5).fall / extent if extent else 0.0


def _range(series: Series) -> float:
    return float(np.ptp(series.losses))
