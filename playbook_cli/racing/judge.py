"""The chance that a running trial will become the best of its arm, from its curve and from the completed trials'.

Two models have to agree, and the larger chance counts.

The study's own curves say what later drops bring. At each phase (a share of max_train_steps) the results of the
completed trials are regressed on their best value so far, and the running trial's result is predicted with Student's t.
Everything that happens to all trials later, such as a decaying learning rate, is in it, whether the schedule is known
or not. The slope has a prior of one observation at `SLOPE`: differences between trials shrink until the end. A
prediction is never surer than one that is made later in training, since few curves agree by luck.

The trial's own curve says whether it is slow but still falling, as no completed trial was: the saturating power law of
`playbook horizon` (`horizon.law`), averaged over its exponents and floors, extrapolates it to the end of training.

The chances of all trials that are stopped add up to at most the `risk` of the study: so the best one is lost in at
most that share of studies, as far as the chances are right.

Curves are compared only at the same stage of the schedule, and never while the learning rate warms up.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import curves, outcomes, schedule
from playbook_cli.horizon.law import Mixture
from playbook_cli.horizon.runs import Scale
from playbook_cli.horizon.surface import LEAST_OF_MANY
from playbook_cli.records import Stopped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.curves import Series
    from playbook_cli.analysis.schedule import Stage
    from playbook_cli.records import Metric, TrialRecord, Value

    Array = NDArray[np.float64]

PHASES = np.arange(2, 17) / 20
"""Shares of max_train_steps at which a trial is judged: 10% to 80%, every 5%. Later, there is little left to save."""
FIRST = 4
"""Trials of an arm that are trained to the end before any is stopped."""
LEAST = 3
"""Completed trials that a curve must be comparable with at its phase."""
SLOPE = 0.5
BLOCKS = 6
"""Half octaves of a curve that the law is fitted to, counted back from its last step."""
_FEWEST = 3
_FREE = 4
_EXACT = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """The curve of a trial as it is judged."""

    trial: TrialRecord
    series: Series
    max_train_steps: int
    _stages: dict[int, Stage] = field(default_factory=dict)

    @cached_property
    def so_far(self) -> Array:
        """The best loss until each phase, shape (P,); NaN where there is none, or it has not trained that far."""
        steps, best = self.series.steps, np.minimum.accumulate(self.series.losses)
        ends = PHASES * self.max_train_steps
        places = np.searchsorted(steps, ends + _EXACT, side="right") - 1
        found: Array = np.where((places >= 0) & (steps[-1] >= ends - _EXACT), best[places], math.nan)
        return found

    @property
    def result(self) -> float:
        """The best loss of all."""
        return float(self.series.losses.min())

    def stage(self, phase: int) -> Stage:
        """Where the trial stood in its schedule."""
        if phase not in self._stages:
            step = float(PHASES[phase]) * self.max_train_steps
            self._stages[phase] = schedule.stage(self.trial, step, self.max_train_steps)
        return self._stages[phase]

    def until(self, phase: int) -> Series:
        """The curve as it was at a phase."""
        kept = self.series.steps <= PHASES[phase] * self.max_train_steps + _EXACT
        return curves.Series(name=self.series.name, steps=self.series.steps[kept], losses=self.series.losses[kept])


@dataclass(kw_only=True)
class Race:
    """What is known of a study's completed trials, and the judgement of the others."""

    metric: Metric
    max_train_steps: int
    risk: float
    """The chance, over the whole study, that a trial is stopped which would have become the best of its arm."""
    planned: int
    """Number of trials of the study."""
    _ended: int = 0
    _spent: dict[int, float] = field(default_factory=dict)
    """The chances of the trials that were stopped."""
    _arms: dict[frozenset[tuple[str, Value]], list[Course]] = field(default_factory=dict)

    def learn(self, trial: TrialRecord) -> None:
        """Take in a trial that has ended, with its curve if it has completed."""
        self._ended += 1
        self._spent.pop(trial.id, None)
        if trial.stopped is not None:
            self._spent[trial.id] = trial.stopped.chance
        course = self._course(trial)
        if trial.state == "completed" and course is not None:
            self._arms.setdefault(outcomes.key(trial.arm), []).append(course)

    def judge(self, trial: TrialRecord, phase: int) -> Stopped | None:
        """The decision to stop a trial at this phase, by its curve until then; None to go on.

        It may cost twice its share of the risk that is left, because about half of the trials are never stopped.
        """
        course, known = self._course(trial), self._arms.get(outcomes.key(trial.arm), [])
        if course is None or len(known) < FIRST:
            return None
        best = min(known, key=lambda one: (one.result, one.trial.id))
        so_far = float(course.so_far[phase])
        if not so_far > best.result:  # nor where it is not known
            return None
        scale = Scale(logarithmic=best.result > 0.0)
        left = max(self.risk - sum(self._spent.values()), 0.0)
        most = min(left, 2 * left / max(self.planned - self._ended, 1))
        seen = self._by_study(course, known, phase, best=best.result, scale=scale, most=most)
        if seen is None or seen.chance >= most:
            return None
        chance = max(seen.chance, _by_law(course.until(phase), self.max_train_steps, best.result, scale))
        if chance >= most:
            return None
        self._spent[trial.id] = chance
        return Stopped(
            step=round(float(PHASES[phase]) * self.max_train_steps),
            chance=chance,
            expected=self.metric.loss(min(max(scale.loss(seen.expected), best.result), so_far)),
            against=best.trial.id,
            known=sorted(seen.known),
        )

    def _course(self, trial: TrialRecord) -> Course | None:
        series = curves.objective(trial.curve, self.metric)
        return None if series is None else Course(trial=trial, series=series, max_train_steps=self.max_train_steps)

    def _by_study(
        self, course: Course, known: Sequence[Course], phase: int, *, best: float, scale: Scale, most: float
    ) -> _Seen | None:
        """What the comparable completed trials say; None if they are too few, or the chance is not below `most`."""
        now = course.stage(phase)
        if now.rises:
            return None
        alike = [one for one in known if np.isfinite(one.so_far[phase]) and now.like(one.stage(phase))]
        if len(alike) < LEAST:
            return None
        results = scale(np.array([one.result for one in alike]))
        here = _line(scale(np.array([one.so_far[phase] for one in alike])), results)
        so_far, target = (float(scale(np.array([value]))[0]) for value in (course.so_far[phase], best))
        if here.chance(so_far, target, here.error) >= most:
            return None
        noise = [scale.spread(float(scale(np.array(one.result))), curves.zero(one.series.jitter)) for one in alike]
        error = max(here.error, LEAST_OF_MANY * float(np.median(noise)), _EXACT)
        for later in range(phase + 1, PHASES.size):
            still = np.array([np.isfinite(one.so_far[later]) for one in alike])
            if still.sum() >= LEAST:
                levels = np.array([one.so_far[later] for one in alike])[still]
                error = max(error, _line(scale(levels), results[still]).error)
        return _Seen(
            chance=here.chance(so_far, target, error),
            expected=here.at(so_far),
            known=[one.trial.id for one in alike],
        )


@dataclass(frozen=True, kw_only=True)
class _Seen:
    chance: float
    expected: float
    """On the scale."""
    known: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class _Line:
    """Results as a line in the best values so far."""

    count: int
    middle: float
    level: float
    slope: float
    own: float
    """The slope of the data alone, at least 0."""
    squares: float
    error: float
    """Standard deviation of a result around the line."""

    def at(self, so_far: float) -> float:
        """The expected result: by the data alone, since a slope that is too small would make bad trials look alike."""
        return self.level + self.own * (so_far - self.middle)

    def chance(self, so_far: float, target: float, error: float) -> float:
        """The chance of a result below `target`, where results have this standard deviation around the line.

        `target` is at most the mean result. Far away, where the slope is uncertain, the chance would rise again; but a
        worse value so far is never the better omen, so it is taken from where it is smallest.
        """
        from scipy.special import stdtr

        wide, above = 1 + 1 / self.count, self.level - target
        away = so_far - self.middle
        if above > 0.0:
            away = min(away, self.slope * wide * self.squares / above)
        spread = max(error, _EXACT) * math.sqrt(wide + away**2 / max(self.squares, _EXACT))
        return float(stdtr(self.count - 1, -(above + self.slope * away) / spread))


def _line(so_far: Array, results: Array) -> _Line:
    x, y = so_far - so_far.mean(), results - results.mean()
    squares, count = float(x @ x), so_far.size
    prior = squares / count
    if squares == 0.0:
        slope = own = SLOPE
        left = float(y @ y)
    else:
        slope = min(max((float(x @ y) + prior * SLOPE) / (squares + prior), 0.0), 1.0)
        own = max(float(x @ y) / squares, 0.0)
        left = float(((y - slope * x) ** 2).sum()) + (slope - SLOPE) ** 2 * prior
    return _Line(
        count=count,
        middle=float(so_far.mean()),
        level=float(results.mean()),
        slope=slope,
        own=own,
        squares=squares + prior,
        error=math.sqrt(left / (count - 1)),
    )


def _by_law(series: Series, max_train_steps: int, best: float, scale: Scale) -> float:
    """The chance that this curve, extrapolated by a power law, ends below `best`; 1 if it can't be read."""
    losses, last = scale(series.losses), float(series.steps[-1])
    ends = last * 2.0 ** (-np.arange(BLOCKS + 1) / 2)
    blocks = [(series.steps <= high) & (series.steps > low) for high, low in itertools.pairwise(ends)]
    blocks = [block for block in reversed(blocks) if block.any()]
    if len(blocks) < _FEWEST:
        return 1.0
    levels = np.array([losses[block].mean() for block in blocks])
    doublings = np.array([np.log2(series.steps[block] / last).mean() for block in blocks])
    late = losses[series.steps > last / 2]
    jitter = curves.zero(curves.noise(late if late.size >= 4 else losses[-6:]))
    jitter = max(jitter, 1e-3 * float(np.ptp(levels)), _EXACT)
    covariance = np.diag(jitter**2 / np.array([block.sum() for block in blocks]))
    law = Mixture.of(doublings, levels, covariance, max(_FREE, late.size - 2), logarithmic=scale.logarithmic)
    # the result is the best of many evaluations, so about a standard deviation of their noise below the level
    return law.below(math.log2(max_train_steps / last), float(scale(np.array([best]))[0]) + jitter)
