"""Eval-frequency: are evaluations frequent enough to find the best step?"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli import wording
from playbook_cli.acts import Next
from playbook_cli.advice.rule import Rule, Threshold
from playbook_cli.advice.rules.best_step import LEAST, better_half
from playbook_cli.analysis import curves, outcomes

if TYPE_CHECKING:
    from playbook_cli.records import Finding, Metric, StudyRecord, TrialRecord

_HEEDED = 1.5
"""A program that evaluates less often than this multiple of eval_every does not heed it."""


@partial(
    Rule,
    name="eval-frequency",
    order=120,
    section="curves",
    title="Are evaluations frequent enough to find the best step?",
    looks_at="the steps between evaluations, and whether trials are best at their very first one",
    verdicts={
        "too-coarse": "Evaluated too rarely",
        "enough": "Evaluated often enough",
        "undecided": "No evaluations yet",
    },
    thresholds=(
        Threshold(name="interval", default=0.05, meaning="longest acceptable interval, as a share of max_train_steps"),
        Threshold(
            name="first_share", default=0.5, meaning="share of the better half whose first evaluation is their best"
        ),
    ),
    formula=(
        "Median interval between evaluations of the metric / max_train_steps (two must fit into the first "
        "10%), and the share of trials whose first evaluation is their best."
    ),
    action=("Lower eval_every: a trial's result is its best evaluation, so a peak between evaluations is lost."),
    source="Setting up periodic evaluations; Saving checkpoints and retrospectively selecting the best checkpoint",
)
def eval_frequency(study: StudyRecord) -> list[Finding]:
    """One finding for the study."""
    widest, first_limit = eval_frequency.limit(study, "interval"), eval_frequency.limit(study, "first_share")
    done = outcomes.completed(study.trials)
    if not done:
        few = {"trials": 0, "trials_threshold": 1}
        return [eval_frequency.finding("info", "undecided", few, "no completed trial yet")]
    intervals = [gap for gap in (_interval(t, study.metric, study.max_train_steps) for t in done) if gap is not None]
    interval = float(np.median(intervals)) if intervals else float(study.eval_every)
    better = better_half(study)
    at_first = sum(_best_at_first(t, study.metric) for t in better)
    evidence: dict[str, Any] = {
        "interval": interval / max(study.max_train_steps, 1),
        "interval_threshold": widest,
        "best_at_first_share": at_first / len(better),
        "first_share_threshold": first_limit,
        "trials": len(done),
    }
    message = (
        f"{study.metric.name} is evaluated every {wording.number(interval)} steps, "
        f"{wording.percent(evidence['interval'])} of training"
    )
    early = len(better) >= LEAST and at_first >= first_limit * len(better)
    if interval <= 1 or (evidence["interval"] <= widest * (1 + 1e-9) and not early):  # finer than a step is nothing
        return [eval_frequency.finding("ok", "enough", evidence, message)]
    if early:
        message += f"; {wording.out_of(at_first, len(better), 'top trial')} peaked at the very first evaluation"
    finer = max(1, math.floor(min(interval, widest * study.max_train_steps) / (2 if early else 1)))
    heeded = not intervals or interval <= _HEEDED * study.eval_every
    if not heeded or not study.takes_eval_every:
        # To ask a program for what it does not do changes nothing.
        message += (
            f"{'' if heeded else f', though the study sets eval_every: {study.eval_every}'}, so the best step may be "
            f"missed; make the program evaluate every {'step' if finer == 1 else f'{finer} steps'}, or pass it "
            "${eval_every}"
        )
        return [eval_frequency.finding("warning", "too-coarse", evidence, message)]
    act = Next(eval_every=finer)
    return [
        eval_frequency.finding("warning", "too-coarse", evidence, f"{message}: the best step may be missed", act=act)
    ]


def _interval(trial: TrialRecord, metric: Metric, max_train_steps: int) -> float | None:
    """Steps between evaluations of the metric; a single one stands for all that it is evaluated in a training."""
    series = curves.objective(trial.curve, metric)
    if series is None:
        return None
    steps = series.steps
    return float(np.median(np.diff(steps))) if steps.size > 1 else float(max(steps[0], max_train_steps - steps[0], 1))


def _best_at_first(trial: TrialRecord, metric: Metric) -> bool:
    """Whether the first evaluation after training began is the best one, and not the only one."""
    series = curves.objective(trial.curve, metric)
    if series is None or trial.best is None:
        return False
    steps = series.steps[series.steps > 0]
    return bool(steps.size > 1 and trial.best.step == steps[0])
