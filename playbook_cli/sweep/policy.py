"""The sweep: train the grid, look at the results, decide what to train next.

Trials stop when they fit. Because the learning rate is constant, a trial's first steps do not depend on how many
follow: a trial that does not fit at the step of the fastest fit so far, or later, cannot change the answer, and stops
too. A program that ignores what it is asked for is stopped by Playbook, based on its evaluations.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from playbook_cli.running.probing import listed, under_way
from playbook_cli.running.study import NO_METRIC
from playbook_cli.sampling.planned import trial_seed
from playbook_cli.sampling.policy import Suggestion, Wanted
from playbook_cli.sweep.inspection import Inspection
from playbook_cli.sweep.judge import next_rates
from playbook_cli.sweep.points import rate_of, read, steps_spent
from playbook_cli.sweep.reaching import Reaching, require_metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import Curve, TrialRecord
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.probe import ProbeKind
    from playbook_cli.sweep.points import Point
    from playbook_cli.sweep.setting import Setting
    from playbook_cli.sweep.target import Fit

SWEEP: Final = "lr-sweep"


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """The measurements of a sweep, or of the search for its number of steps."""

    points: Sequence[Point]
    steps: int | None
    """N, the steps of each trial; None if N was searched for and no trial fits at any length."""
    longest: int
    """Number of steps of the longest trials."""
    spent: int
    """Total steps trained."""
    rates: Mapping[float, float] = field(default_factory=dict)
    """Learning rates that the program logs, by the ones it was given, if they differ."""


class Sweeping(Reaching):
    """The common part of the sweep and of the search for its number of steps: trials that vary the learning rate.

    SpecError if the script does not report the target's metric, or if a trial shows that it is not a sweep.
    """

    what = "the sweep"
    grows: Sequence[str] = ("trials", "nuisance.", "lr_sweep.harmless")

    def __init__(self, setting: Setting, paths: StudyPaths, steps: int) -> None:
        self.setting = setting
        self.paths = paths
        self.steps = steps
        self.target = setting.target
        self.inspection = Inspection(setting, paths)

    @abstractmethod
    def swept(self, trials: Sequence[TrialRecord]) -> SweepResult:
        """The measurements of all trials."""

    def seen(self, trial: TrialRecord, curve: Curve | None) -> None:
        self.inspection(trial, curve)

    def look(self, trials: Sequence[TrialRecord]) -> None:
        """Inspect trials that have ended or were interrupted."""
        self.inspection.all(trials)
        for trial in trials:
            if trial.state == "failed" and (trial.reason or "").startswith(NO_METRIC):
                require_metric(self.target, trial.curve)

    def grown(self, kind: ProbeKind, trials: Sequence[TrialRecord], rates: Sequence[float]) -> Suggestion:
        """The study of these trials with further learning rates added."""
        known = [rate_of(trial, self.setting.sweep.parameter) for trial in trials]
        spec = self.setting.spec(kind, self.steps, [*known, *rates])
        points = [{self.setting.sweep.parameter: rate, **spec.space().fixed} for rate in rates]
        return Suggestion(spec=spec, trials=listed(spec, points, trial_seed(spec.seed, 0)))


class Sweep(Sweeping):
    """Trials of `steps` steps at the rates of the grid, then the further ones needed to trust its answer.

    With `extend`, the grid grows past an edge that holds the best rate. With `racing`, trials that cannot win stop.
    """

    # further learning rates join the existing ones
    grows = (*Sweeping.grows, *(f"lr_sweep.{key}" for key in ("min", "max", "points", "steps", "find")))

    def __init__(self, setting: Setting, paths: StudyPaths, steps: int, *, extend: bool, racing: bool) -> None:
        super().__init__(setting, paths, steps)
        self.within = steps
        self._extend = extend
        self._racing = racing
        self._interval = setting.interval(steps)
        self._fastest: int | None = None
        """Step of the fastest fit so far."""
        self._first: dict[float, TrialRecord] = {}
        """The first trial of each learning rate; a second one repeats it to locate its fit exactly."""

    def asked(self, trials: Sequence[TrialRecord]) -> StudySpec:
        del trials
        return self.setting.spec(SWEEP, self.steps, self.setting.grid.middle_outward())

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        del room
        self.look(trials)
        points = read(trials, self.setting.sweep.parameter, self.target, self.steps)
        for point in points:
            if point.fit is not None:
                self._note(point.fit.step)
        self._first = {rate_of(trial, self.setting.sweep.parameter): trial for trial in reversed(trials)}
        further = [] if under_way(trials) else next_rates(points, self.setting.grid, extend=self._extend)
        return self.grown(SWEEP, trials, further)

    def wanted(self, trial: TrialRecord) -> Wanted:
        stop = evaluate_from = None
        if (fit := self._known(trial)) is not None:
            stop, evaluate_from = fit.step, fit.before + 1
        elif self._racing and self._fastest is not None and not self._repeats(trial):
            stop = self._fastest + self._interval  # late enough for one more evaluation
        return Wanted(target=self.target.value, stop_step=stop, evaluate_from=evaluate_from, overrun=True)

    def prompt(self, trial: TrialRecord) -> int | None:
        del trial
        return None if self.setting.study.train is None else self._interval

    def reached(self, trial: TrialRecord, step: int) -> None:
        del trial
        self._note(step)

    def hopeless(self, trial: TrialRecord, last: int) -> str | None:
        known = self._known(trial)
        if known is None and self._racing and self._fastest is not None and last >= self._fastest:
            return f"stopped at step {last}: cannot win, another learning rate fits at step {self._fastest}"
        return f"did not fit by step {last}" if last >= (self.steps if known is None else known.step) else None

    def swept(self, trials: Sequence[TrialRecord]) -> SweepResult:
        self.look(trials)
        points = read(trials, self.setting.sweep.parameter, self.target, self.steps)
        spent, rates = steps_spent(trials), self.inspection.rates
        return SweepResult(points=points, steps=self.steps, longest=self.steps, spent=spent, rates=rates)

    def _note(self, fit: int) -> None:
        self._fastest = fit if self._fastest is None else min(fit, self._fastest)

    def _repeats(self, trial: TrialRecord) -> bool:
        first = self._first.get(rate_of(trial, self.setting.sweep.parameter), trial)
        return first.id != trial.id

    def _known(self, trial: TrialRecord) -> Fit | None:
        """The fit that this trial repeats; None if it is the first trial of its learning rate."""
        first = self._first.get(rate_of(trial, self.setting.sweep.parameter), trial)
        return None if first.id == trial.id else self.target.reached(first.curve, self.steps)
