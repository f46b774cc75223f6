"""What limits training at its end: the number of steps, or something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from playbook_cli.analysis import curves
from playbook_cli.analysis.best_step import learning_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.analysis.curves import Line, Series
    from playbook_cli.records import Metric, TrialRecord

Moves = Literal["falls", "flat", "rises", "unclear"]

LAST = 0.25
"""The part of training that is looked at."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How one kind of curve ends, over several trials."""

    name: str
    """Of the metric."""
    line: Line
    """Over the last quarter, in parts of what the curves gained after the first tenth."""
    curves: int

    def moves(self, gain: float, p_value: float) -> Moves:
        """`falls` by at least `gain` and surely at all; `flat` where it surely changes by less; `rises` likewise."""
        if self.line.fall >= gain and self.line.p_fall() < p_value:
            return "falls"
        if self.line.fall <= -gain and self.line.p_rise() < p_value:
            return "rises"
        return "flat" if self.line.p_flat(gain) < p_value else "unclear"


@dataclass(frozen=True, kw_only=True)
class Regime:
    """What the best trials' last quarters say."""

    training: Ending | None
    """Of the training loss; None where none is recorded, or too few evaluations."""
    validation: Ending | None
    """Of the study's metric."""
    fitted: int
    """Trials whose training error was zero for most of their last quarter."""
    read: int
    """Trials that were looked at."""
    decayed: int
    """Of them, those whose learning rate is known to have decayed by the end."""


def regime(trials: Sequence[TrialRecord], metric: Metric, *, evaluations: float, decayed: float) -> Regime:
    """Read these completed trials; a curve needs so many `evaluations`.

    A learning rate below the part `decayed` of its peak counts as decayed.
    """
    rates = [learning_rate(trial, trial.last_step) for trial in trials]
    return Regime(
        training=_ending([curves.training_loss(trial.curve, metric) for trial in trials], evaluations),
        validation=_ending([curves.objective(trial.curve, metric) for trial in trials], evaluations),
        fitted=sum(map(_fitted, trials)),
        read=len(trials),
        decayed=sum(rate is not None and rate < decayed for rate in rates),
    )


def _ending(series: Sequence[Series | None], evaluations: float) -> Ending | None:
    known = [s for s in series if s is not None and s.losses.size >= max(evaluations, 4)]
    if not known:
        return None
    # After a fast start nothing but noise may be left: a curve is measured by no less than a fifth of its whole drop.
    scales = [max(s.later_drop, s.drop / 5) for s in known]
    line = curves.pooled([curves.line(s, LAST) for s in known], scales)
    return Ending(name=known[0].name, line=line, curves=len(known))


def _fitted(trial: TrialRecord) -> bool:
    error = curves.training_error(trial.curve)
    if error is None:
        return False
    late = error.losses[error.steps > (1 - LAST) * trial.last_step]
    return bool(late.size and float(np.median(late)) <= 0.0)
