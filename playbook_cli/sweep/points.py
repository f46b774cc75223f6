"""What a sweep knows about each of its learning rates."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from playbook_cli.records import WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Curve, State, TrialRecord
    from playbook_cli.sweep.target import Fit, Target

LOSSES = ("train_loss", "training_loss", "loss")
"""Names of the training loss; the first one that a trial reports counts."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One learning rate and the outcome of training with it."""

    learning_rate: float
    state: State
    reason: str | None
    """Why training was infeasible, failed, or was stopped before its last step."""
    fit: Fit | None
    refined: bool
    """Whether it was trained a second time to locate the fit exactly."""
    last_step: int
    evaluated: int
    """The last step at which the target's metric was measured."""
    cut_short: bool
    """Whether the program itself ended long before the trial's last step, for example by its own early stopping."""
    closest: float | None
    """The best value of the target metric; None if it was never measured."""
    distance: float | None
    """Distance of `closest` from the target; smaller is closer, for either goal."""
    loss: str | None
    """Name of the training loss; None if none is reported."""
    last_loss: float | None
    """Mean training loss over the last quarter of the evaluations."""
    loss_change: float | None
    """Relative change of that mean from the quarter before; None with too few evaluations."""

    @property
    def steps_to_fit(self) -> int | None:
        return None if self.fit is None else self.fit.step


def read(trials: Sequence[TrialRecord], parameter: str, target: Target, steps: int) -> list[Point]:
    """One point per learning rate, in ascending order, from trials planned for `steps` steps.

    The first trial of a learning rate is the sweep's own; one after it repeated it up to its fit, evaluated at every
    step near it.
    """
    by_rate: dict[float, list[TrialRecord]] = {}
    for trial in trials:
        by_rate.setdefault(rate_of(trial, parameter), []).append(trial)
    return [_point(rate, by_rate[rate], target, steps) for rate in sorted(by_rate)]


def rate_of(trial: TrialRecord, parameter: str) -> float:
    """The learning rate of a trial of a sweep."""
    rate = trial.params[parameter]
    return float(rate) if isinstance(rate, int | float) else 0.0


def steps_spent(trials: Sequence[TrialRecord]) -> int:
    """Total steps trained, as far as the trials recorded them."""
    return sum(trial.last_step for trial in trials)


def steps_of_full_grid(points: Sequence[Point], steps: int) -> int:
    """Steps of the sweep as the playbook describes it: each learning rate for `steps` steps or until it diverges."""
    return sum(point.last_step if point.state == "infeasible" else steps for point in points)


def _point(rate: float, trials: Sequence[TrialRecord], target: Target, steps: int) -> Point:
    first = trials[0]
    again = next((trial for trial in trials[1:] if trial.state == "completed"), None)
    fit = target.reached(first.curve, steps) if first.state == "completed" else None
    exact = target.reached(again.curve, steps) if again else None
    evaluated = target.evaluated(first.curve)
    best = None if first.best is None else first.best.value
    loss, last_loss, change = _loss(first.curve, target)
    return Point(
        learning_rate=rate,
        state=first.state,
        reason=first.reason,
        fit=exact or fit,
        refined=len(trials) > 1,
        last_step=first.last_step,
        evaluated=max(evaluated, default=0),
        cut_short=first.state == "completed" and fit is None and _cut_short(first.last_step, evaluated, steps),
        closest=best,
        distance=None if best is None else target.metric.loss(best) - target.metric.loss(target.value),
        loss=loss,
        last_loss=last_loss,
        loss_change=change,
    )


def _cut_short(last_step: int, evaluated: Sequence[int], steps: int) -> bool:
    """Whether one more evaluation would have come within the trial's steps, at equal distances or at growing ones."""
    gap = max((after - before for before, after in pairwise([0, *evaluated])), default=steps)
    growth = evaluated[-1] / evaluated[-2] if len(evaluated) > 1 and evaluated[-2] > 0 else 1.0
    return max(last_step + gap, last_step * growth) <= steps and last_step < WHOLE * steps


def _loss(curve: Curve | None, target: Target) -> tuple[str | None, float | None, float | None]:
    """Name and late mean of the training loss (else of the target's metric), and its relative change."""
    import numpy as np

    name = next((n for n in (*LOSSES, target.metric.name) if curve is not None and n in curve.values), None)
    if curve is None or name is None:
        return None, None, None
    values = curve.values[name][np.isfinite(curve.values[name])]
    quarter = len(values) // 4
    if quarter == 0:
        return name, float(values[-1]) if len(values) else None, None
    late, early = float(values[-quarter:].mean()), float(values[-2 * quarter : -quarter].mean())
    return name, late, (late - early) / abs(early) if early else None
