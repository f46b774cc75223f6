"""Trials that diverged without a NaN: they are infeasible, like those with a NaN.

A trial whose last evaluations are no better than an untrained model has gained nothing: its loss rose far above the
others, or it collapsed to chance level. The level of an untrained model is the metric's declared `chance`, or else the
worst first evaluation among the better trials. Slow training is not divergence: if a training loss is recorded, it must
not have fallen either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.errors import StudyError
from playbook_cli.storage.metric_names import training_losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Curve, Metric, StudyRecord, TrialRecord

    Numbers = NDArray[np.float64]

NO_BETTER = "no better than"
"""Part of the reason of every trial that is infeasible by this rule."""
_NEAR = 0.02
"""Share of the way from an untrained model to the best trial that counts as no progress."""
_MANY = 10
"""Fewest evaluations that show whether a curve moves at all."""
_EARLY = 0.1
"""A first evaluation within this share of training shows an untrained model."""
_LEAST = 4
"""Fewest trials, and fewest evaluations."""
_DROP = 0.5
"""The better trials must have fallen by this share of the way to the best result since their first evaluation."""
_NOISES = 4
"""They must also have fallen by this multiple of the noise of one evaluation."""
_HALF = 0.5
"""A trial without a training loss that came this share of the way to the best result counts as overfitting."""


@dataclass(frozen=True, kw_only=True)
class Untrained:
    """The losses of a model that has learned nothing; smaller is better."""

    loss: float
    declared: bool
    training: float | None
    """The training loss of such a model; None if none is recorded."""
    best: float
    """The best result of all trials, for the scale."""

    def reached(self, end: float) -> bool:
        """Whether a final loss is no better."""
        return end >= self.loss - _NEAR * (self.loss - self.best)


@dataclass(frozen=True, kw_only=True)
class _Course:
    """The evaluations of one trial."""

    trial: TrialRecord
    losses: Numbers
    training: Numbers
    first_step: int

    @property
    def end(self) -> float:
        return _end(self.losses)


def judged(trials: Sequence[TrialRecord], metric: Metric) -> list[TrialRecord]:
    """The trials; those that diverged without a NaN are infeasible, with the reason."""
    courses = _courses(trials, metric)
    start = _untrained(courses, metric)
    if start is None or start.loss <= start.best:
        return list(trials)
    lost = {c.trial.id: _reason(c, start, metric) for c in courses if _diverged(c, start)}
    if len(lost) == len(courses):
        return list(trials)
    return [replace(t, state="infeasible", reason=lost[t.id]) if t.id in lost else t for t in trials]


def _untrained(courses: Sequence[_Course], metric: Metric) -> Untrained | None:
    """The losses of an untrained model; None if they can't be known."""
    if not courses:
        return None
    courses = sorted(courses, key=lambda c: float(c.losses.min()))
    better = courses[: max(1, -(-len(courses) // 3))]
    best = float(courses[0].losses.min())
    training = [float(c.training[0]) for c in better if c.training.size]
    learned = max(training) if training else None
    if metric.chance is not None:
        return Untrained(loss=metric.loss(metric.chance), declared=True, training=learned, best=best)
    early = all(c.first_step <= _EARLY * max(c.trial.last_step, 1) for c in better)
    if len(courses) < _LEAST or not early:
        return None
    loss = max(float(c.losses[0]) for c in better)
    # If the first evaluation is as good as any later one, the model was trained by then, or never is.
    came = float(np.median([c.losses[0] - _lowest(c) for c in better]))
    if came < max(_DROP * (loss - best), _NOISES * float(np.median([_jump(c) for c in better]))) or loss <= best:
        return None
    return Untrained(loss=loss, declared=False, training=learned, best=best)


def nothing_learned(trials: Sequence[TrialRecord], metric: Metric) -> str | None:
    """Says that no trial got better than chance; None if one did, or it can't be known.

    With a declared `chance`, the best level of all trials counts. Without one, nothing is learned if, beyond noise, no
    trial falls from its first evaluation, none differs from the others, and no training loss falls.
    """
    courses = _courses(trials, metric)
    if not courses:
        return None
    if metric.chance is not None:
        chance = metric.loss(metric.chance)
        if min(_lowest(c) + 5 * _noise(c) for c in courses) < chance:
            return None
        best = metric.loss(min(float(c.losses.min()) for c in courses))
        return f"no trial is better than chance ({metric.name} {metric.chance:.3g}): the best reaches {best:.3g}"
    if len(courses) < _LEAST or any(c.losses.size < _MANY for c in courses):
        return None
    noise = float(np.median([_jump(c) for c in courses]))
    means = np.array([c.losses.mean() for c in courses])
    size = float(np.median([c.losses.size for c in courses]))
    still = all(c.losses[0] - _lowest(c) <= 5 * noise and not _falls(c.losses) for c in courses)
    alike = float(means.std()) <= 3 * noise / np.sqrt(size)
    idle = all(c.training.size < _LEAST or not _falls(c.training) for c in courses)
    if noise == 0.0 or not (still and alike and idle):
        return None
    return f"no trial learned anything: {metric.name} stays at {metric.loss(float(means.mean())):.3g} in all of them"


def refuse_unlearned(study: StudyRecord, folder: str) -> None:
    """StudyError if no trial of a study got better than chance: any next step would be built on noise."""
    nothing = nothing_learned(study.search.trials, study.metric)
    if nothing is not None:
        raise StudyError(
            f"{nothing}, so there is no result to build on",
            where=folder,
            hint="look for a bug in the data, the loss or the metric, or set the chance level, metric: {chance: ...}",
        )


def _diverged(course: _Course, start: Untrained) -> bool:
    if course.losses.size < 2 or not start.reached(course.end):
        return False
    way, first = start.loss - start.best, float(course.losses[0])
    if course.end < first - _NEAR * way and first <= start.loss + way:
        return False  # It is slow: the better trials had fallen further by their first evaluation.
    if course.training.size and start.training is not None:
        return _end(course.training) >= start.training - _NEAR * abs(start.training)
    # Without a training loss, one that came half way may have overfitted.
    return bool(course.losses.min() > start.loss - _HALF * (start.loss - start.best))


def _reason(course: _Course, start: Untrained, metric: Metric) -> str:
    end, level = metric.loss(course.end), metric.loss(start.loss)
    what = "chance" if start.declared else "an untrained model"
    return f"{metric.name} ends at {end:.3g}, {NO_BETTER} {what} ({level:.3g})"


def _courses(trials: Sequence[TrialRecord], metric: Metric) -> list[_Course]:
    found = []
    for trial in trials:
        curve = trial.curve
        if trial.state != "completed" or curve is None or metric.name not in curve.values:
            continue
        values = curve.values[metric.name]
        known = np.isfinite(values)
        if known.any():
            losses = values[known] if metric.goal == "minimize" else -values[known]
            first = int(curve.steps[known][0])
            found.append(_Course(trial=trial, losses=losses, training=_training(curve, metric), first_step=first))
    return found


def _training(curve: Curve, metric: Metric) -> Numbers:
    for name in training_losses(curve.values, metric.name):
        column = curve.values[name]
        if np.isfinite(column).any():
            return column[np.isfinite(column)]
    return np.array([])


def _end(losses: Numbers) -> float:
    """The median of the last tenth of the evaluations, at least three."""
    return float(np.median(losses[-max(3, losses.size // 10) :]))


def _lowest(course: _Course) -> float:
    """The lowest mean over a tenth of the evaluations."""
    size = max(1, course.losses.size // 10)
    return float(np.convolve(course.losses, np.ones(size) / size, "valid").min())


def _noise(course: _Course) -> float:
    """Standard deviation of a mean over a tenth of the evaluations."""
    return _jump(course) / float(np.sqrt(max(1, course.losses.size // 10)))


def _jump(course: _Course) -> float:
    """Noise of one evaluation: the median absolute difference between neighbours."""
    return float(np.median(np.abs(np.diff(course.losses)))) if course.losses.size > 2 else 0.0


def _falls(losses: Numbers) -> bool:
    """Whether the mean of the last half is below that of the first by more than noise."""
    first, last = losses[: losses.size // 2], losses[losses.size // 2 :]
    error = np.sqrt(first.var() / first.size + last.var() / last.size)
    return bool(first.mean() - last.mean() > 4 * error)
