"""The rule that says whether the number of steps is what limits training: compute-bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.acts import Next
from playbook_cli.advice import found, wording
from playbook_cli.advice.rules import limit
from playbook_cli.analysis import outcomes
from playbook_cli.analysis.regime import regime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.analysis.regime import Ending, Moves, Regime
    from playbook_cli.records import Finding, StudyRecord

_NAME = "compute-bound"
_LONGER = 10
"""Rounds of compute-bound work: many questions are answered at about a tenth of the production length."""
_TOP = 3
"""Points of the long round."""


def compute_bound(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    p_value, gain = limit(study, _NAME, "p_value"), limit(study, _NAME, "gain")
    best = outcomes.ranked(study.trials, study.metric)[: max(1, int(limit(study, _NAME, "best_trials")))]
    seen = regime(
        best,
        study.metric,
        evaluations=limit(study, _NAME, "min_evaluations"),
        decayed=limit(study, _NAME, "decayed"),
    )
    evidence = _evidence(study, seen) | {"gain_threshold": gain, "p_value_threshold": p_value}
    fits = study.training_fit
    if fits is not None and fits.fits:
        message = f"lr-sweep fits the training set perfectly within {wording.plural(fits.steps, 'step')}"
        return [_no(evidence, message)]
    if best and 2 * seen.fitted > len(best):
        message = f"the training error of {seen.fitted} of {wording.plural(len(best), 'best trial')} ends at zero"
        return [_no(evidence, message)]
    if seen.validation is None:
        least = limit(study, _NAME, "min_evaluations")
        message = f"no completed trial has {least:g} evaluations of {study.metric.name}: the curves cannot be judged"
        return [found.info(_NAME, "undecided", evidence, message)]
    validation = seen.validation.moves(gain, p_value)
    training = seen.training.moves(gain, p_value) if seen.training else None
    return [_by_curves(study, seen, evidence, validation, training)]


def _by_curves(
    study: StudyRecord, seen: Regime, evidence: Mapping[str, Any], validation: Moves, training: Moves | None
) -> Finding:
    """What the ends of the curves say, where nothing is known to fit the training set."""
    assert seen.validation is not None
    said = [_said(seen.training, training)] if seen.training is not None and training is not None else []
    message = f"over the last quarter {', and '.join([*said, _said(seen.validation, validation)])}"
    if validation == "rises":
        return _no(evidence, f"{message}: more steps make it worse")
    never = _never_fits(study)
    if 2 * seen.decayed > seen.read:
        message += "; the schedule has decayed the learning rate by then, so the curves cannot say what more steps do"
        if _sweep_fall(study) is not None:
            return _yes(study, evidence, f"{message}, but {never}")
        if not study.imported and (study.training_fit is None or study.training_fit.steps < study.max_train_steps):
            message += f"; playbook lr-sweep with --steps {study.max_train_steps} or more would tell"
        return found.info(_NAME, "undecided", evidence, message)
    if validation == "falls" and training in ("falls", None):
        unless = never or "unless lr-sweep finds steps that you can afford and that fit the training set"
        return _yes(study, evidence, f"{message}: the number of steps is what limits it; {unless}")
    if validation == "flat" or (training == "flat" and validation != "falls"):
        return _no(evidence, f"{message}: something else than the number of steps limits it")
    return found.info(_NAME, "undecided", evidence, message)


def _sweep_fall(study: StudyRecord) -> float | None:
    """By how much the training loss of a sweep that fits nothing still falls; None unless it is as long as the study.

    Its learning rates are constant: no schedule makes it fall.
    """
    fit = study.training_fit
    if fit is None or fit.fits or fit.fell is None or fit.steps < study.max_train_steps:
        return None
    return fit.fell if fit.fell >= limit(study, _NAME, "sweep_fall") else None


def _never_fits(study: StudyRecord) -> str:
    fit, fall = study.training_fit, _sweep_fall(study)
    if fit is None or fit.fits:
        return ""
    falls = "" if fall is None else f", where the training loss still falls by {wording.percent(fall)} in a quarter"
    return f"lr-sweep fits the training set at no learning rate within {wording.plural(fit.steps, 'step')}{falls}"


def _yes(study: StudyRecord, evidence: Mapping[str, Any], message: str) -> Finding:
    number = study.earlier.number + 1 if study.earlier else 2
    act = Next(round=number, max_train_steps=_LONGER * study.max_train_steps, top=_TOP)
    return found.info(_NAME, "yes", evidence, message, act=act)


def _no(evidence: Mapping[str, Any], message: str) -> Finding:
    return found.ok(_NAME, "no", evidence, f"{message}; best-step says how long to train")


def _said(ending: Ending, moves: Moves) -> str:
    """`train_loss still improves by 12% of what it gained before`."""
    share = f"{wording.percent(abs(ending.line.fall))} of what it gained before"
    how = {
        "falls": f"still improves by {share}",
        "rises": f"gets worse by {share}",
        "flat": f"is flat ({share})",
        "unclear": "moves too little to be told from noise",
    }
    return f"{ending.name} {how[moves]}"


def _evidence(study: StudyRecord, seen: Regime) -> dict[str, Any]:
    fits = study.training_fit
    known: dict[str, Any] = {"curves": seen.validation.curves if seen.validation else 0}
    for name, ending in (("training", seen.training), ("validation", seen.validation)):
        if ending is not None:
            known |= {f"{name}_gain_at_end": ending.line.fall, f"{name}_metric": ending.name}
    known |= {"fitted": seen.fitted, "decayed": seen.decayed}
    if fits is not None:
        known |= {"lr_sweep_fits": fits.fits, "lr_sweep_steps": fits.steps}
        known |= {} if fits.fell is None else {"lr_sweep_fall": fits.fell}
    return known
