"""Step 1 of the algorithm: how many steps it takes until any learning rate of a coarse grid fits.

Round r trains every learning rate of the coarse grid for start * 2**r steps, anew each time, so that all rounds
together cost less than twice the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.curves import measure
from playbook_cli.sweep.race import require_in_time

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from playbook_cli.paths import StudyPaths
    from playbook_cli.records import TrialRecord
    from playbook_cli.sweep.race import Inspect
    from playbook_cli.sweep.target import Target

EVALUATIONS = 20
"""Of a trial in each round."""
REACH = 16
"""By default the search begins at max_train_steps divided by this, and ends at max_train_steps times this."""


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """The doubling: which round a trial belongs to, and how long its trials train."""

    start: int
    limit: int
    width: int
    """Trials of a round."""

    def of(self, trial: int) -> int:
        return trial // self.width

    def steps(self, number: int) -> int:
        """Steps of the trials of a round."""
        return min(self.start << number, self.limit)

    def last(self, number: int) -> bool:
        """Whether the limit leaves no further round."""
        return self.steps(number) >= self.limit


def rounds(max_train_steps: int, limit: int | None, width: int) -> Rounds:
    """The doubling for a study whose first guess is `max_train_steps`; `limit` is the user's own."""
    most = limit or max_train_steps * REACH
    return Rounds(start=min(max(EVALUATIONS, max_train_steps // REACH), most), limit=most, width=width)


class FindRace:
    """Trials of a round stop as soon as one of them fits; `found` are the rounds in which one does already.

    A fit counts wherever it lies: that one learning rate fits after so many steps is all that is asked. `inspect` is
    that of `SweepRace`.
    """

    def __init__(
        self, *, paths: StudyPaths, target: Target, rounds: Rounds, found: Collection[int], inspect: Inspect
    ) -> None:
        self._paths = paths
        self._target = target
        self._rounds = rounds
        self._found = set(found)
        self._inspect = inspect

    def environment(self, trial: TrialRecord) -> Mapping[str, str]:
        number = self._rounds.of(trial.id)
        steps = self._rounds.steps(number)
        interval = max(1, steps // EVALUATIONS)
        return {
            "PLAYBOOK_TARGET": repr(self._target.value),
            "PLAYBOOK_STOP_STEP": str(interval if number in self._found else steps),
            "PLAYBOOK_EVAL_EVERY": str(interval),
        }

    def over(self, trial: TrialRecord) -> str | None:
        measured = measure(self._paths.trial(trial.id).metrics)
        self._inspect(trial, measured.curve)
        number = self._rounds.of(trial.id)
        fit = self._target.reached(measured.curve)
        if fit is not None:
            self._found.add(number)
            return f"{self._target} at step {fit.step}"
        if measured.curve is None or measured.infeasible:
            return None
        steps = self._rounds.steps(number)
        require_in_time(self._target, measured.curve, max(1, steps // EVALUATIONS), self._rounds.limit)
        last = max(self._target.evaluated(measured.curve), default=None)
        if last is None:
            return None
        if number in self._found:
            return f"stopped at step {last}: another learning rate fits"
        return f"did not fit by step {last}" if last >= steps else None


def fitting(trials: Sequence[TrialRecord], target: Target) -> dict[int, int]:
    """The trials that fit, and after how many steps each does."""
    fits = {trial.id: target.reached(trial.curve) for trial in trials if trial.state == "completed"}
    return {trial: fit.step for trial, fit in fits.items() if fit is not None}
