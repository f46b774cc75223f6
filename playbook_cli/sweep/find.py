"""Step 1 of the algorithm: how many steps until any learning rate of a coarse grid fits the training set.

Round r trains every learning rate of the coarse grid from scratch for start * 2**r steps, so all rounds together cost
less than twice the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from playbook_cli.running.probing import under_way
from playbook_cli.sampling.policy import Suggestion, Wanted
from playbook_cli.sweep.grid import coarse
from playbook_cli.sweep.points import read, steps_spent
from playbook_cli.sweep.policy import Sweeping, SweepResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.sweep.points import Point
    from playbook_cli.sweep.setting import Setting
    from playbook_cli.sweep.target import Target

FIND: Final = "lr-find"
EVALUATIONS = 20
"""Number of evaluations of each trial."""
REACH = 16
"""By default the search begins at max_train_steps / REACH and ends at max_train_steps * REACH."""


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """The doubling: which round a trial belongs to, and how long its trials train."""

    start: int
    limit: int
    width: int
    """Number of trials in a round."""

    def of(self, trial: int) -> int:
        return trial // self.width

    def steps(self, number: int) -> int:
        """Steps of the trials of a round."""
        return min(self.start << number, self.limit)

    def interval(self, number: int) -> int:
        """Steps between the evaluations of a round."""
        return max(1, self.steps(number) // EVALUATIONS)

    def last(self, number: int) -> bool:
        """Whether the limit leaves no further round."""
        return self.steps(number) >= self.limit


def rounds(setting: Setting) -> Rounds:
    """The doubling for a study whose first guess is its max_train_steps; the sweep's own steps are the user's limit."""
    guess = setting.study.max_train_steps
    most = setting.sweep.steps or guess * REACH
    start = min(max(EVALUATIONS, guess // REACH), most)
    return Rounds(start=start, limit=most, width=coarse(setting.grid).points)


class Find(Sweeping):
    """Doubles the number of steps until a learning rate of the coarse grid fits; the points are of the last round.

    N is the step of the fastest fit, or of the next evaluation if the sweep evaluates less often. All trials of a round
    stop as soon as one of them fits, even at an edge of the grid: nothing more is needed. There is no further round if
    no trial reaches the end of this one, because each diverges or the program ends on its own.
    """

    def __init__(self, setting: Setting, paths: StudyPaths) -> None:
        self.rounds = rounds(setting)
        super().__init__(setting, paths, self.rounds.limit)
        self._found: set[int] = set()
        """Rounds in which a learning rate fits."""

    def asked(self, trials: Sequence[TrialRecord]) -> StudySpec:
        del trials
        return self.setting.spec(FIND, self.steps, coarse(self.setting.grid).middle_outward())

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        del room
        self.look(trials)
        fits = fitting(trials, self.target)
        self._found |= {self.rounds.of(number) for number in fits}
        rates = coarse(self.setting.grid).middle_outward()
        begun = len(trials) % self.rounds.width
        if begun:  # it was killed while it planned a round
            return self.grown(FIND, trials, rates[begun:])
        number, points = self._last_round(trials)
        over = trials and (fits or self.rounds.last(number) or _none_lasts(points))
        return self.grown(FIND, trials, [] if over or under_way(trials) else rates)

    def wanted(self, trial: TrialRecord) -> Wanted:
        number = self.rounds.of(trial.id)
        interval = self.rounds.interval(number)
        stop = interval if number in self._found else self.rounds.steps(number)
        return Wanted(target=self.target.value, stop_step=stop, eval_every=interval, overrun=True)

    def prompt(self, trial: TrialRecord) -> int | None:
        return None if self.setting.study.train is None else self.rounds.interval(self.rounds.of(trial.id))

    def reached(self, trial: TrialRecord, step: int) -> None:
        del step
        self._found.add(self.rounds.of(trial.id))

    def hopeless(self, trial: TrialRecord, last: int) -> str | None:
        number = self.rounds.of(trial.id)
        if number in self._found:
            return f"stopped at step {last}: another learning rate fits"
        return f"did not fit by step {last}" if last >= self.rounds.steps(number) else None

    def swept(self, trials: Sequence[TrialRecord]) -> SweepResult:
        self.look(trials)
        number, points = self._last_round(trials)
        fits = fitting(trials, self.target)
        return SweepResult(
            points=points,
            steps=_evaluated(self.setting, min(fits.values())) if fits else None,
            longest=self.rounds.steps(number),
            spent=steps_spent(trials),
            rates=self.inspection.rates,
        )

    def _last_round(self, trials: Sequence[TrialRecord]) -> tuple[int, list[Point]]:
        """The number of the last round that has begun, and its points."""
        number = max(len(trials) - 1, 0) // self.rounds.width
        parameter, steps = self.setting.sweep.parameter, self.rounds.steps(number)
        return number, read(trials[number * self.rounds.width :], parameter, self.target, steps)


def fitting(trials: Sequence[TrialRecord], target: Target) -> dict[int, int]:
    """The trials that fit, and the step at which each does."""
    fits = {trial.id: target.reached(trial.curve) for trial in trials if trial.state == "completed"}
    return {trial: fit.step for trial, fit in fits.items() if fit is not None}


def _none_lasts(points: Sequence[Point]) -> bool:
    """Whether longer trials are pointless: each of these ended before its last step without being stopped."""
    return all(point.state != "completed" or point.cut_short for point in points)


def _evaluated(setting: Setting, fit: int) -> int:
    """The smallest number of steps for which a sweep evaluates at or after the step of a fit."""
    steps = fit
    while (late := steps % setting.interval(steps)) and steps - late < fit:
        steps += setting.interval(steps) - late
    return steps
