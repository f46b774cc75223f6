"""Repeats that go where the choice among some points is least decided."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.analysis import outcomes
from playbook_cli.deciding.judge import Judged, Point, judge
from playbook_cli.running.probing import under_way
from playbook_cli.sampling.policy import Policy, Suggestion
from playbook_cli.sampling.repeats import fresh, missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.deciding.judge import Asked
    from playbook_cli.records import Metric, TrialRecord


class Deciding(Policy):
    """One more seed for each point that is still in the contest, then a look, until it is decided.

    A look waits for all seeds that were planned, so the answer doesn't depend on which ended first, and a study that
    was killed goes on to the same one. The points of another study take part with the results that they have.
    """

    def __init__(
        self,
        of: Sequence[int],
        metric: Metric,
        asked: Asked,
        *,
        study: str = "",
        before: Sequence[Point] = (),
        after: Sequence[Point] = (),
    ) -> None:
        """`of` are the trials whose points take part, the simplest first; those of another study are simpler than
        these (`before`) or less simple (`after`).
        """
        self.of = of
        self._metric, self._asked, self._study, self._before, self._after = metric, asked, study, before, after

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        del room
        if under_way(trial for trial in trials if self.concerns(trial)):
            return Suggestion()
        wanted = {p.trial: seeds for p, seeds in self.judged(trials).wanted.items() if p.study == self._study}
        return Suggestion(trials=[replace(trial, looked=True) for trial in missing(trials, wanted)])

    def concerns(self, trial: TrialRecord) -> bool:
        return trial.repeat_of in self.of

    def judged(self, trials: Sequence[TrialRecord]) -> Judged:
        """The contest, given all trials of the study."""
        return judge([*self._before, *self.points(trials), *self._after], self._asked)

    def points(self, trials: Sequence[TrialRecord]) -> list[Point]:
        """The points of this study with their results, given all its trials."""
        return [Point(trial=n, study=self._study, losses=_losses(n, trials, self._metric)) for n in self.of]


def _losses(number: int, trials: Sequence[TrialRecord], metric: Metric) -> list[float]:
    """Results of a trial's repeats in order of seeds, up to the first seed that it doesn't have."""
    again = {trial.seed: trial for trial in trials if trial.repeat_of == number}
    found = []
    for seed in fresh(trials, len(again)):
        if seed not in again or again[seed].state in ("pending", "running"):
            break
        failed = again[seed].state == "failed" or (again[seed].state == "completed" and again[seed].best is None)
        found.append(math.nan if failed else outcomes.result(again[seed], metric))
    return found
