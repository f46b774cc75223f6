"""The rules that read learning curves: those of the best trials, and of the best trial of every arm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.acts import Next
from playbook_cli.advice import best_curves, found, wording
from playbook_cli.advice.best_curves import ends, memory, reads
from playbook_cli.advice.rules import limit
from playbook_cli.analysis import curves, outcomes, schedule
from playbook_cli.analysis.cycles import FEWEST, cycle
from playbook_cli.analysis.outlook import moves

if TYPE_CHECKING:
    from playbook_cli.advice.best_curves import Read
    from playbook_cli.analysis.curves import Line, Noise, Series
    from playbook_cli.records import Finding, StudyRecord

_WANDERING = 0.3
"""Memory of the noise from which on its wander may look like a rise."""
_NOISES = 4
"""A drop is no less than so many times the noise of one evaluation: from its lowest to its highest, by chance."""
_CURVES = 3
"""Curves that it takes to ask for fewer steps."""
_DECAYED = 0.5


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


def overfitting(study: StudyRecord) -> list[Finding]:
    """One finding for each arm whose best trial overfits; else one for the study, by most of the best trials."""
    name = "overfitting"
    read = reads(study, name, share=0.0)
    if not read:
        return [_unread(study, name)]
    wander = memory(study)
    noise = curves.common_noise([r.series for r in read], wander)
    risen = [x for x in (_overfit(study, r, len(read), wander, noise) for r in read) if x is not None]
    least = limit(study, name, "rise")
    evidence = {"overfit": len(risen), "curves": len(read), "rise_threshold": least}
    findings: list[Finding] = []
    for x in risen:
        if x.read.arm is None and (2 * len(risen) < len(read) or findings):
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
    rises = [_risen(r.series) for r in read]
    evidence |= {"rise": max(rises), "memory": wander}
    best = next((share for share, r in zip(rises, read, strict=True) if r.arm is not None), 0.0)
    if best >= least and wander >= _WANDERING:
        message = (
            f"the best trial's {study.metric.name} ends {wording.percent(best)} of its drop above its lowest level, "
            f"within its correlated noise: evaluate on more examples, or repeat the trial"
        )
        return [found.info(name, "undecided", evidence, message)]
    message = f"no validation curve of {wording.plural(len(read), 'best trial')} rises again beyond its noise"
    return [found.ok(name, "no", evidence, message)]


def late_variance(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    name = "late-variance"
    read = reads(study, name)
    if not read:
        return [_unread(study, name)]
    least = limit(study, name, "noise")
    ratios = [r.series.jitter / r.series.drop if r.series.drop else 0.0 for r in read]
    loud = sum(ratio >= least for ratio in ratios)
    middle = sorted(ratios)[len(ratios) // 2]
    evidence = {"noise": middle, "noise_threshold": least, "noisy": loud, "curves": len(read)}
    message = (
        f"late in training {study.metric.name} jumps between evaluations by {wording.percent(middle)} of its drop "
        f"(standard deviation, median of {wording.plural(len(read), 'curve')})"
    )
    if 2 * loud < len(read):
        return [found.ok(name, "no", evidence, message)]
    message += ": the best evaluation is partly luck"
    return [found.warning(name, "yes", evidence, message)]


def still_improving(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    name = "still-improving"
    seen = ends(study, name, 1 / 3)
    if seen is None:
        return [_unread(study, name)]
    least, p_limit = limit(study, name, "gain"), limit(study, name, "p_value")
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
        f"over its last third{until} {study.metric.name} improves by {wording.percent(max(line.fall, 0.0))} "
        f"of what it gained after the first tenth "
        f"({wording.p_text(line.p_fall())}, mean of {wording.plural(seen.curves, 'best curve')})"
    )
    longer = seen.longer(least, p_limit)
    if longer == "falls":
        act = Next(max_train_steps=2 * study.max_train_steps)
        return [found.info(name, "yes", evidence, message, act=act)]
    if longer in ("flat", "rises"):
        return [found.ok(name, "no", evidence, message + seen.owed)]
    why = seen.why(least, p_limit)
    message = f"{message}; {why}" if why else f"{message}; the change is within noise"
    return [found.info(name, "undecided", evidence, message)]


def saturated(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    name = "saturated"
    read = reads(study, name, share=0.5)
    if not read:
        return [_unread(study, name)]
    most, p_limit = limit(study, name, "gain"), limit(study, name, "p_value")
    wander = memory(study)
    lines = [curves.line(r.series, 0.5, wander) for r in read]
    # Where a curve is flat from its first evaluation on, its drop is nothing but noise, and as small as may be.
    mean = curves.pooled(lines, [max(r.series.drop, _NOISES * _number(r.series.jitter)) for r in read])
    # A long fast start makes all that follows small; what best-step takes for falling is not called flat here.
    seen = ends(study, "still-improving", 1 / 3)
    longer = seen.longer(limit(study, "best-step", "gain"), limit(study, "best-step", "p_value")) if seen else "unclear"
    held = seen is not None and seen.held is not None and longer == "unclear"
    falls = longer == "falls" or held or (seen is not None and _falls(study, seen.end))
    # Nor is what decides between good trials: an error that begins at 0.9 loses little of that from 0.05 to 0.03, and
    # little of what lies between 0.03 and the 0.2 of trials that nobody would choose.
    spread = outcomes.spread(outcomes.whole(study.trials, study.max_train_steps), study.metric, 0.25)
    halves = curves.pooled(lines, [spread] * len(read))
    counts = halves.fall >= limit(study, name, "spread") and halves.p_fall() < limit(study, "best-step", "p_value")
    p_flat = mean.p_flat(most)
    evidence = {
        "gain": mean.fall,
        "gain_threshold": most,
        "gain_of_spread": halves.fall,
        "spread_threshold": limit(study, name, "spread"),
        "p_value": p_flat,
        "p_value_threshold": p_limit,
        "curves": len(read),
    }
    message = (
        f"over its second half {study.metric.name} improves by {wording.percent(max(mean.fall, 0.0))} "
        f"of its whole drop (mean of {wording.plural(len(read), 'best curve')})"
    )
    if counts and p_flat < p_limit and not falls:
        message += (
            f", but by {wording.percent(halves.fall)} of what lies between the best trial and the best quarter's last"
        )
    sure = limit(study, "best-step", "p_value")  # of many curves that move by chance alone, one in twenty would
    changes = (mean.fall >= most and mean.p_fall() < sure) or (mean.fall <= -most and mean.p_rise() < sure)
    if falls or counts or changes:
        return [found.ok(name, "no", evidence, message)]
    if p_flat >= p_limit:
        return [found.info(name, "undecided", evidence, f"{message}; the change is within noise")]
    if len(read) < _CURVES:
        few = f"{message}: too few trials trained to the end to cut their steps"
        return [found.info(name, "undecided", evidence, few)]
    act = Next(max_train_steps=math.ceil(study.max_train_steps / 2))
    return [found.info(name, "yes", evidence, f"{message}: fewer steps would do", act=act)]


def training_loss_rising(study: StudyRecord) -> list[Finding]:
    """One finding for the study; it speaks where the best trial of an arm is affected, or most of the best trials."""
    name = "training-loss-rising"
    read = reads(study, name, curves.training_loss, share=0.0)
    if not read:
        return [_unread(study, name, "a training loss (train_loss, training/loss, ...)")]
    p_value, least = limit(study, name, "p_value"), limit(study, name, "rise")
    wander = memory(study, curves.training_loss)
    rising = [r for r in read if _rises(r.series, least, p_value / len(read), wander)]
    # What the noise of minibatches hides in each curve may stand out from all of them together.
    mean = curves.pooled([curves.line(r.series, 0.5, wander) for r in read], [_range(r.series) for r in read])
    together = mean.fall <= -least and mean.p_rise() < p_value
    if together and 2 * len(rising) < len(read):
        rising = [r for r in read if _rise_share(r.series) >= least]
    shares = sorted(_rise_share(r.series) for r in (rising or read))
    evidence = {"rising": len(rising), "curves": len(read), "rise": shares[-1], "rise_threshold": least}
    if not together and 2 * len(rising) < len(read) and all(r.arm is None for r in rising):
        message = f"the training loss of {wording.plural(len(read), 'best trial')} does not rise in the second half"
        return [found.ok(name, "no", evidence, message)]
    first = rising[0]
    message = (
        f"{first.series.name} of trial {first.trial.id} rises in the second half of training, by "
        f"{wording.percent(_rise_share(first.series))} of its range; so it does in {len(rising)} of "
        f"{wording.plural(len(read), 'curve')}: usually a bug in the training pipeline"
    )
    return [found.warning(name, "yes", evidence | {"trial": first.trial.id}, message)]


def periodic(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    name = "periodic"
    read = reads(study, name)
    if not read:
        return [_unread(study, name)]
    evidence: dict[str, Any] = {"curves": len(read), "height_threshold": limit(study, name, "height")}
    if max(r.series.losses.size for r in read) < FEWEST:
        message = f"a wave takes {FEWEST} evaluations of {study.metric.name} to be seen"
        return [found.info(name, "undecided", evidence, message)]
    seen = cycle([r.series for r in read], height=limit(study, name, "height"))
    if seen is None:
        message = f"{study.metric.name} of {wording.plural(len(read), 'best curve')} has no period"
        return [found.ok(name, "no", evidence, message)]
    evidence |= {"period": seen.steps, "height": seen.height}
    height = wording.percent(2 * seen.height)
    message = f"{study.metric.name} rises and falls every {seen.steps:.0f} steps, by {height} of its drop"
    if schedule.shared(schedule.course(r.trial, study.max_train_steps, decayed=_DECAYED) for r in read) == "restarts":
        return [found.info(name, "yes", evidence, f"{message}, as the learning rate restarts")]
    message += ": data in a fixed order, a bug in the pipeline, or a learning rate that restarts"
    return [found.warning(name, "yes", evidence, message)]


def _overfit(study: StudyRecord, read: Read, tests: int, wander: float, noise: Noise) -> _Overfit | None:
    """How the study's metric rises, or else the validation loss; None where neither does, or training fails too."""
    least, p_value = limit(study, "overfitting", "rise"), limit(study, "overfitting", "p_value")
    training = curves.training_loss(read.trial.curve, study.metric)
    if training is not None and training.losses.size >= 4 and _rises(training, least, p_value, wander):
        return None
    for series in (read.series, curves.validation_loss(read.trial.curve, study.metric)):
        if series is None or series.losses.size < limit(study, "overfitting", "min_evaluations"):
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


def _falls(study: StudyRecord, line: Line) -> bool:
    gain, p_limit = limit(study, "best-step", "gain"), limit(study, "best-step", "p_value")
    return moves(line, gain, p_limit) == "falls"


def _rises(series: Series, least: float, p_value: float, wander: float) -> bool:
    return _rise_share(series) >= least and curves.line(series, 0.5, wander).p_rise() < p_value


def _rise_share(series: Series) -> float:
    """The rise over the second half as a share of the whole range."""
    extent = _range(series)
    return -curves.line(series, 0.5).fall / extent if extent else 0.0


def _number(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _range(series: Series) -> float:
    return float(np.ptp(series.losses))


def _unread(study: StudyRecord, rule: str, what: str | None = None) -> Finding:
    least = limit(study, rule, "min_evaluations")
    why = best_curves.stopped(study)
    message = (
        f"no completed trial has {least:g} evaluations of {what or study.metric.name}: the curves cannot be judged"
        if outcomes.whole(study.trials, study.max_train_steps) or not why
        else f"{why}: no curve shows the end of training; switch early stopping off"
    )
    return found.info(rule, "undecided", {"curves": 0, "evaluations_threshold": least}, message)
