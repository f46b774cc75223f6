"""Compute-bound: is the number of steps what limits training?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice import best_curves
from playbook_cli.advice.best_curves import (
    BEST_TRIALS,
    DECAYED,
    MIN_EVALUATIONS,
    WORTH,
    best_trials,
    ends,
    reads,
    worth,
)
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.analysis import curves
from playbook_cli.analysis.best_step import LAST
from playbook_cli.analysis.outlook import moves
from playbook_cli.analysis.regime import fitted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.analysis.outlook import Outlook
    from playbook_cli.records import Finding, StudyRecord

_LONGER = 10
"""Rounds of compute-bound work: many questions are answered at about a tenth of the production length."""


_TOP = 3
"""Points of the long round."""


@partial(
    Rule,
    name="compute-bound",
    order=130,
    section="steps",
    longer=("yes",),
    title="Is training length the limit (compute-bound)?",
    looks_at="whether the best trials' training and validation curves still improve at the end",
    verdicts={
        "yes": "Limited by training length",
        "no": "Not limited by training length",
        "undecided": "Unclear whether training length is the limit",
    },
    thresholds=(
        Threshold(name="p_value", default=0.05, meaning="chance of mistaking noise for a trend"),
        Threshold(
            name="gain",
            default=0.05,
            meaning="improvement over the last quarter, as a share of the drop after the first tenth; less is flat",
        ),
        Threshold(
            name="sweep_fall",
            default=0.02,
            meaning="relative fall of lr-sweep's training loss over its last quarter",
        ),
        WORTH,
        DECAYED,
        BEST_TRIALS,
        MIN_EVALUATIONS,
    ),
    formula=(
        "Lines are fitted through the last quarters of the curves and averaged. Yes: training loss and "
        "validation metric both still improve by at least `gain` and beyond noise (the metric alone if no "
        "training loss is recorded). No: lr-sweep fits the training set perfectly, the training error of most "
        "of the best trials reaches zero, validation is flat or gets worse, or the training loss is flat. If "
        "the schedule has decayed the learning rate by then, or is unknown, that alone may move the curves: "
        "undecided, unless the time at the peak rate settles it, or an lr-sweep at least as long never fits "
        "the training set at constant rates while its training loss still falls (yes)."
    ),
    action=(
        "Yes: tune in rounds of growing length, many short trials and then a few long ones. No: lr-sweep and "
        "best-step give the number of steps."
    ),
    source=(
        "Deciding how long to train when training is not compute-bound; Deciding how long to train when training "
        "is compute-bound"
    ),
)
def compute_bound(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    p_value, gain = compute_bound.limit(study, "p_value"), compute_bound.limit(study, "gain")
    best = [t for t, _ in best_trials(study, compute_bound).values()]
    training, validation = (ends(study, compute_bound, LAST, of) for of in (curves.training_loss, curves.objective))
    zero = fitted(best)
    evidence = _evidence(study, training, validation, zero) | {"gain_threshold": gain, "p_value_threshold": p_value}
    fits = study.training_fit
    if fits is not None and fits.fits:
        message = f"lr-sweep fits the training set perfectly within {wording.plural(fits.steps, 'step')}"
        return [_no(evidence, message)]
    if best and 2 * zero > len(best):
        message = f"{zero} of {wording.plural(len(best), 'best trial')} end with zero training error"
        return [_no(evidence, message)]
    if validation is None:
        least = compute_bound.limit(study, "min_evaluations")
        message = f"no completed trial has {least:g} evaluations of {study.metric.name}, the fewest that a curve needs"
        if best_curves.stopped(study) and not best:
            message = f"{best_curves.stopped(study)}: no curve reaches the end of training"
        return [compute_bound.finding("info", "undecided", evidence, message)]
    return [_by_curves(study, training, validation, evidence, (gain, p_value))]


def _by_curves(
    study: StudyRecord,
    training: Outlook | None,
    validation: Outlook,
    evidence: Mapping[str, Any],
    limits: tuple[float, float],
) -> Finding:
    """What the ends of the curves say, where nothing is known to fit the training set."""
    said = [_said(seen, *limits) for seen in (training, validation) if seen is not None]
    at_peak = " at the peak learning rate" if validation.held is not None else ""
    message = f"over the last quarter{at_peak} {', and '.join(said)}"
    ahead = validation.longer(*limits)
    learns = training.longer(*limits) if training is not None else None
    if validation.moves(*limits) == "rises" and validation.cycle is None:
        return _no(evidence, f"{message}: more steps would make it worse")
    never = _never_fits(study)
    why = validation.why(*limits)
    if ahead == "unclear" and why:
        message += f"; {why}"
        if _sweep_fall(study) is not None and validation.course == "decays":
            return _yes(study, evidence, f"{message}, but {never}")
        if not study.imported and (study.training_fit is None or study.training_fit.steps < study.max_train_steps):
            message += f"; playbook lr-sweep with --steps {study.max_train_steps} or more would settle it"
        return compute_bound.finding("info", "undecided", evidence, message, because=why)
    if ahead == "falls" and learns in ("falls", None):
        unless = never or "unless lr-sweep finds an affordable number of steps that fits the training set"
        return _yes(study, evidence, f"{message}: training length is the limit; {unless}")
    if ahead == "flat" and validation.is_of_the_end:
        gained = worth(study, compute_bound, [r.series for r in reads(study, compute_bound)], LAST)
        if gained:
            message += f", yet it still improves {gained}"
            return compute_bound.finding("info", "undecided", evidence, message)
    if ahead == "flat" or (learns == "flat" and ahead != "falls"):
        return _no(evidence, f"{message}{validation.owed}: training length is not the limit")
    return compute_bound.finding("info", "undecided", evidence, message)


def _sweep_fall(study: StudyRecord) -> float | None:
    """By how much the training loss of a sweep that fits nothing still falls; None unless it is as long as the study.

    Its learning rates are constant: no schedule makes it fall.
    """
    fit = study.training_fit
    if fit is None or fit.fits or fit.fell is None or fit.steps < study.max_train_steps:
        return None
    return fit.fell if fit.fell >= compute_bound.limit(study, "sweep_fall") else None


def _never_fits(study: StudyRecord) -> str:
    fit, fall = study.training_fit, _sweep_fall(study)
    if fit is None or fit.fits:
        return ""
    falls = (
        "" if fall is None else f", and its training loss still falls by {wording.percent(fall)} in the last quarter"
    )
    return f"no learning rate of lr-sweep fits the training set within {wording.plural(fit.steps, 'step')}{falls}"


def _yes(study: StudyRecord, evidence: Mapping[str, Any], message: str) -> Finding:
    number = study.earlier.number + 1 if study.earlier else 2
    act = Next(round=number, max_train_steps=_LONGER * study.max_train_steps, top=_TOP)
    return compute_bound.finding("info", "yes", evidence, message, act=act)


def _no(evidence: Mapping[str, Any], message: str) -> Finding:
    return compute_bound.finding("ok", "no", evidence, f"{message}; see best-step for how long to train")


def _said(seen: Outlook, gain: float, p_value: float) -> str:
    """`train_loss still improves by 12% of what it gained before`."""
    line = seen.held or seen.end
    share = f"{wording.percent(abs(line.fall))} of its earlier improvement"
    how = {
        "falls": f"still improves by {share}",
        "rises": f"gets worse by {share}",
        "flat": f"is flat ({share})",
        "unclear": "changes within noise",
    }
    return f"{seen.name} {how[moves(line, gain, p_value)]}"


def _evidence(study: StudyRecord, training: Outlook | None, validation: Outlook | None, zero: int) -> dict[str, Any]:
    fits = study.training_fit
    known: dict[str, Any] = {"curves": validation.curves if validation else 0}
    for name, seen in (("training", training), ("validation", validation)):
        if seen is not None:
            known |= {f"{name}_gain_at_end": seen.end.fall, f"{name}_metric": seen.name}
    known |= {"fitted": zero} | ({"schedule": validation.course} if validation else {})
    if fits is not None:
        known |= {"lr_sweep_fits": fits.fits, "lr_sweep_steps": fits.steps}
        known |= {} if fits.fell is None else {"lr_sweep_fall": fits.fell}
    return known
