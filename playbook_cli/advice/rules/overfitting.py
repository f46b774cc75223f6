"""Overfitting: do the validation curves of the best trials rise again?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice.best_curves import BEST_TRIALS, MIN_EVALUATIONS, Read, memory, reads, unread
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.advice.rules.training_loss_rising import rises
from playbook_cli.analysis import curves, outcomes

if TYPE_CHECKING:
    from playbook_cli.analysis.curves import Noise, Series
    from playbook_cli.records import Finding, Severity, StudyRecord

_WANDERING = 0.3
"""Memory of the noise from which on its wander may look like a rise."""


@dataclass(frozen=True, kw_only=True)
class _Overfit:
    """How far one curve rises again."""

    read: Read
    series: Series
    rise: float
    share: float
    step: int
    objective: bool
    """Whether it is the study's own metric that rises."""


@partial(
    Rule,
    name="overfitting",
    order=50,
    section="curves",
    unfair=("yes",),
    title="Do the best trials overfit?",
    looks_at="the validation curves of the best trials, and of the best trial of every arm",
    verdicts={
        "yes": "Overfitting",
        "no": "No overfitting",
        "undecided": "Overfitting unclear",
    },
    thresholds=(
        Threshold(name="p_value", default=0.05, meaning="chance of a false alarm among all curves read"),
        Threshold(
            name="rise",
            default=0.05,
            meaning="rise above the lowest level, as a share of the curve's total improvement",
        ),
        BEST_TRIALS,
        MIN_EVALUATIONS,
    ),
    formula=(
        "The curve's final level (mean of the last tenth) minus its lowest level (lowest mean of ten blocks), "
        "relative to its noise and its total improvement. Correlated noise (measured on all curves) reduces "
        "the effective number of evaluations; a rise that it explains is undecided. It is not overfitting if "
        "the training loss rises as well."
    ),
    action="Add or strengthen regularization before comparing the arms.",
    source="Examining the training curves",
)
def overfitting(study: StudyRecord) -> list[Finding]:
    """One finding for each arm whose best trial overfits; else one for the study, by most of the best trials."""
    read = reads(study, overfitting, share=0.0)
    if not read:
        return [unread(study, overfitting)]
    wander = memory(study)
    noise = curves.common_noise([r.series for r in read], wander)
    risen = [x for x in (_overfit(study, r, len(read), wander, noise) for r in read) if x is not None]
    least = overfitting.limit(study, "rise")
    evidence = {"overfit": len(risen), "curves": len(read), "rise_threshold": least}
    findings: list[Finding] = []
    for x in risen:
        if x.read.arm is None and (2 * len(risen) < len(read) or findings):
            continue
        severity: Severity = "warning" if x.objective else "info"
        beside = "" if x.objective else f"; {study.metric.name} does not get worse with it"
        message = (
            f"{x.series.name} of trial {x.read.trial.id} gets worse by {wording.number(x.rise)} after step {x.step}, "
            f"{wording.percent(x.share)} of its total improvement{beside}"
        )
        shown = evidence | {"trial": x.read.trial.id, "rise": x.share, "step": x.step}
        subject = outcomes.arm_label(x.read.arm or {}) or None
        act = Next(regularize=True) if x.objective else None
        findings.append(overfitting.finding(severity, "yes", shown, message, subject=subject, act=act))
    if findings:
        return findings
    rises = [_risen(r.series) for r in read]
    evidence |= {"rise": max(rises), "memory": wander}
    best = next((share for share, r in zip(rises, read, strict=True) if r.arm is not None), 0.0)
    if best >= least and wander >= _WANDERING:
        message = (
            f"the best trial's {study.metric.name} ends {wording.percent(best)} of its improvement away from its best "
            f"level, within its correlated noise: evaluate on more examples, or repeat the trial"
        )
        return [overfitting.finding("info", "undecided", evidence, message)]
    message = f"no validation curve of {wording.plural(len(read), 'best trial')} gets worse again beyond its noise"
    return [overfitting.finding("ok", "no", evidence, message)]


def _overfit(study: StudyRecord, read: Read, tests: int, wander: float, noise: Noise) -> _Overfit | None:
    """How the study's metric rises, or else the validation loss; None where neither does, or training fails too."""
    least, p_value = overfitting.limit(study, "rise"), overfitting.limit(study, "p_value")
    training = curves.training_loss(read.trial.curve, study.metric)
    if training is not None and training.losses.size >= 4 and rises(training, least, p_value, wander):
        return None
    for series in (read.series, curves.validation_loss(read.trial.curve, study.metric)):
        if series is None or series.losses.size < overfitting.limit(study, "min_evaluations"):
            continue
        own = noise if series is read.series else None
        rise, share = curves.rise(series, memory=wander, noise=own), _risen(series)
        if share >= least and 2 * tests * rise.p_value() < p_value:
            if training is not None and curves.rises_since(training, rise.lowest_step, least):
                return None
            return _Overfit(
                read=read,
                series=series,
                rise=rise.rise,
                share=share,
                step=rise.lowest_step,
                objective=series is read.series,
            )
    return None


def _risen(series: Series) -> float:
    """The rise above the lowest level as a share of the whole drop."""
    return curves.rise(series).rise / series.drop if series.drop else 0.0
