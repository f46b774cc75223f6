"""The rules that read learning curves: those of the best trials, and of the best trial of every arm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.acts import Next
from playbook_cli.advice import found, wording
from playbook_cli.advice.rules import limit
from playbook_cli.analysis import curves, outcomes
from playbook_cli.analysis.best_step import learning_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playbook_cli.analysis.curves import Series
    from playbook_cli.records import Curve, Finding, Metric, StudyRecord, TrialRecord, Value


@dataclass(frozen=True, kw_only=True)
class _Read:
    """One trial whose curve is long enough to be read."""

    trial: TrialRecord
    series: Series
    arm: Mapping[str, Value] | None
    """The arm whose best trial it is."""


@dataclass(frozen=True, kw_only=True)
class _Overfit:
    """How far one curve rises again."""

    read: _Read
    series: Series
    rise: float
    share: float
    step: int
    objective: bool
    """Whether it is the study's own metric that rises."""


def overfitting(study: StudyRecord) -> list[Finding]:
    """One finding for each arm whose best trial overfits; else one for the study, by most of the best trials."""
    name = "overfitting"
    reads = _reads(study, name)
    if not reads:
        return [_unread(study, name)]
    risen = [x for x in (_overfit(study, r, len(reads)) for r in reads) if x is not None]
    least = limit(study, name, "rise")
    evidence = {"overfit": len(risen), "curves": len(reads), "rise_threshold": least}
    findings: list[Finding] = []
    for x in risen:
        if x.read.arm is None and (2 * len(risen) < len(reads) or findings):
            continue
        say = found.warning if x.objective else found.info
        beside = "" if x.objective else f"; {study.metric.name} does not rise with it"
        message = (
            f"trial {x.read.trial.id}: {x.series.name} rises again by {wording.number(x.rise)} after step {x.step}, "
            f"{wording.percent(x.share)} of its whole drop{beside}"
        )
        shown = evidence | {"trial": x.read.trial.id, "rise": x.share, "step": x.step}
        subject = outcomes.arm_label(x.read.arm or {}) or None
        act = Next(regularize=True) if x.objective else None
        findings.append(say(name, "yes", shown, message, subject=subject, act=act))
    if findings:
        return findings
    worst = max(_risen(r.series) for r in reads)
    message = f"no validation curve of {wording.plural(len(reads), 'best trial')} rises again beyond its noise"
    return [found.ok(name, "no", evidence | {"rise": worst}, message)]


def late_variance(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    name = "late-variance"
    reads = _reads(study, name)
    if not reads:
        return [_unread(study, name)]
    least = limit(study, name, "noise")
    ratios = [curves.noise(r.series.losses) / r.series.drop if r.series.drop else 0.0 for r in reads]
    loud = sum(ratio >= least for ratio in ratios)
    middle = sorted(ratios)[len(ratios) // 2]
    evidence = {"noise": middle, "noise_threshold": least, "noisy": loud, "curves": len(reads)}
    message = (
        f"late in training {study.metric.name} jumps between evaluations by {wording.percent(middle)} of its drop "
        f"(standard deviation, median of {wording.plural(len(reads), 'curve')})"
    )
    if 2 * loud < len(reads):
        return [found.ok(name, "no", evidence, message)]
    message += ": the best evaluation is partly luck"
    return [found.warning(name, "yes", evidence, message)]


def still_improving(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    name = "still-improving"
    reads = _reads(study, name)
    if not reads:
        return [_unread(study, name)]
    least, p_limit = limit(study, name, "gain"), limit(study, name, "p_value")
    mean = curves.pooled([curves.line(r.series, 1 / 3) for r in reads], [r.series.later_drop for r in reads])
    evidence = {
        "gain": mean.fall,
        "gain_threshold": least,
        "p_value": mean.p_fall(),
        "p_value_threshold": p_limit,
        "curves": len(reads),
    }
    message = (
        f"over its last third {study.metric.name} improves by {wording.percent(max(mean.fall, 0.0))} "
        f"of what it gained after the first tenth "
        f"({wording.p_text(mean.p_fall())}, mean of {wording.plural(len(reads), 'best curve')})"
    )
    if mean.fall < least or mean.p_fall() >= p_limit:
        return [found.ok(name, "no", evidence, message)]
    rates = [learning_rate(r.trial, r.trial.last_step) for r in reads]
    evidence["decayed"] = sum(rate is not None and rate < limit(study, name, "decayed") for rate in rates)
    if 2 * evidence["decayed"] > len(reads):
        message += ", while the schedule decays the learning rate: that alone improves it, more steps or not"
        return [found.info(name, "undecided", evidence, message)]
    act = Next(max_train_steps=2 * study.max_train_steps)
    return [found.info(name, "yes", evidence, message, act=act)]


def saturated(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    name = "saturated"
    reads = _reads(study, name)
    if not reads:
        return [_unread(study, name)]
    most, p_limit = limit(study, name, "gain"), limit(study, name, "p_value")
    mean = curves.pooled([curves.line(r.series, 0.5) for r in reads], [r.series.drop for r in reads])
    # A long fast start makes all that follows small; what best-step takes for falling is not called flat here.
    end = curves.pooled([curves.line(r.series, 1 / 3) for r in reads], [r.series.later_drop for r in reads])
    falls = end.fall >= limit(study, "best-step", "gain") and end.p_fall() < limit(study, "best-step", "p_value")
    # Nor is what decides between good trials: an error that begins at 0.9 loses little of that from 0.05 to 0.03, and
    # little of what lies between 0.03 and the 0.2 of trials that nobody would choose.
    spread = outcomes.spread(study.trials, study.metric, 0.25)
    halves = curves.pooled([curves.line(r.series, 0.5) for r in reads], [spread] * len(reads))
    counts = halves.fall >= limit(study, name, "spread") and halves.p_fall() < limit(study, "best-step", "p_value")
    evidence = {
        "gain": mean.fall,
        "gain_threshold": most,
        "gain_of_spread": halves.fall,
        "spread_threshold": limit(study, name, "spread"),
        "p_value": mean.p_flat(most),
        "p_value_threshold": p_limit,
        "curves": len(reads),
    }
    message = (
        f"over its second half {study.metric.name} improves by {wording.percent(max(mean.fall, 0.0))} "
        f"of its whole drop (mean of {wording.plural(len(reads), 'best curve')})"
    )
    if counts and mean.p_flat(most) < p_limit and not falls:
        message += (
            f", but by {wording.percent(halves.fall)} of what lies between the best trial and the best quarter's last"
        )
    if mean.p_flat(most) >= p_limit or falls or counts:
        return [found.ok(name, "no", evidence, message)]
    act = Next(max_train_steps=math.ceil(study.max_train_steps / 2))
    return [found.info(name, "yes", evidence, f"{message}: fewer steps would do", act=act)]


def training_loss_rising(study: StudyRecord) -> list[Finding]:
    """One finding for the study; it speaks where the best trial of an arm is affected, or most of the best trials."""
    name = "training-loss-rising"
    reads = _reads(study, name, of=curves.training_loss)
    if not reads:
        return [_unread(study, name, "a training loss (train_loss, training/loss, ...)")]
    p_value, least = limit(study, name, "p_value"), limit(study, name, "rise")
    rising = [r for r in reads if _rises(r.series, least, p_value / len(reads))]
    shares = sorted(_rise_share(r.series) for r in (rising or reads))
    evidence = {"rising": len(rising), "curves": len(reads), "rise": shares[-1], "rise_threshold": least}
    if 2 * len(rising) < len(reads) and all(r.arm is None for r in rising):
        message = f"the training loss of {wording.plural(len(reads), 'best trial')} does not rise in the second half"
        return [found.ok(name, "no", evidence, message)]
    first = rising[0]
    message = (
        f"{first.series.name} of trial {first.trial.id} rises in the second half of training, by "
        f"{wording.percent(_rise_share(first.series))} of its range; so it does in {len(rising)} of "
        f"{wording.plural(len(reads), 'curve')}: usually a bug in the training pipeline"
    )
    return [found.warning(name, "yes", evidence | {"trial": first.trial.id}, message)]


def _reads(
    study: StudyRecord, rule: str, of: Callable[[Curve | None, Metric], Series | None] = curves.objective
) -> list[_Read]:
    """The best trials and the best of every arm, best first, as far as their curves are long enough."""
    ranked = outcomes.ranked(study.trials, study.metric)
    champions = {}
    for arm, own in zip(study.arms, outcomes.by_arm(ranked, study.arms), strict=True):
        for trial in own[:1]:
            champions[trial.id] = arm
    chosen = [t for i, t in enumerate(ranked) if i < limit(study, rule, "best_trials") or t.id in champions]
    series = [(t, of(t.curve, study.metric)) for t in chosen]
    least = limit(study, rule, "min_evaluations")
    return [
        _Read(trial=t, series=s, arm=champions.get(t.id)) for t, s in series if s and s.losses.size >= max(least, 4)
    ]


def _overfit(study: StudyRecord, read: _Read, tests: int) -> _Overfit | None:
    """How the study's metric rises, or else the validation loss; None where neither does, or training fails too."""
    least, p_value = limit(study, "overfitting", "rise"), limit(study, "overfitting", "p_value")
    training = curves.training_loss(read.trial.curve, study.metric)
    if training is not None and training.losses.size >= 4 and _rises(training, least, p_value):
        return None
    for series in (read.series, curves.validation_loss(read.trial.curve, study.metric)):
        if series is None or series.losses.size < limit(study, "overfitting", "min_evaluations"):
            continue
        rise, share = curves.rise(series), _risen(series)
        if share >= least and 2 * tests * rise.p_value() < p_value:
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


def _rises(series: Series, least: float, p_value: float) -> bool:
    return _rise_share(series) >= least and curves.line(series, 0.5).p_rise() < p_value


def _rise_share(series: Series) -> float:
    """The rise over the second half as a share of the whole range."""
    extent = float(series.losses.max() - series.losses.min())
    return -curves.line(series, 0.5).fall / extent if extent else 0.0


def _unread(study: StudyRecord, rule: str, what: str | None = None) -> Finding:
    least = limit(study, rule, "min_evaluations")
    message = (
        f"no completed trial has {least:g} evaluations of {what or study.metric.name}: the curves cannot be judged"
    )
    return found.info(rule, "undecided", {"curves": 0, "evaluations_threshold": least}, message)
