"""The search of a study file with early stopping: its trials are stopped once they can hardly become the best."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from playbook_cli.racing.judge import PHASES, Race
from playbook_cli.sampling.search import Search
from playbook_cli.storage.metrics import reached

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import Stopped, TrialRecord
    from playbook_cli.sampling import Sampler
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.storage.metrics import Measured


class Racing(Search):
    """Repeats are never stopped: they measure the variance of training.

    Every phase that a trial passes is judged once, in order, by the curve until then. So a study that is killed and run
    again decides alike, however far trials had come when somebody looked. The last phase is judged again whenever
    another trial has completed.
    """

    def __init__(
        self, spec: StudySpec, sampler: Sampler, paths: StudyPaths, follows: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(spec, sampler, follows)
        assert spec.early_stopping is not None
        self._paths = paths
        self._steps = PHASES * spec.max_train_steps
        self._race = Race(
            metric=spec.objective,
            max_train_steps=spec.max_train_steps,
            risk=spec.early_stopping.risk,
            planned=spec.trials or 0,
        )
        self._completed = 0
        self._judged: dict[int, tuple[int, int]] = {}
        """For each running trial, how many phases were judged, and how many trials had completed at the last one."""

    def learn(self, trial: TrialRecord, measured: Measured) -> None:
        if trial.repeat_of is None:
            self._race.learn(replace(trial, curve=measured.curve))
            self._completed += trial.state == "completed"

    def cannot_win(self, trial: TrialRecord, measured: Callable[[], Measured]) -> Stopped | None:
        if trial.repeat_of is not None:
            return None
        at = reached(self._paths.trial(trial.id).metrics, self._race.metric.name)
        passed = int((self._steps <= at.step).sum())
        before, known = self._judged.get(trial.id, (0, 0))
        if not passed or (passed, self._completed) == (before, known):
            return None
        read = measured()
        if read.curve is None or read.infeasible or read.damaged:
            return None
        self._judged[trial.id] = (passed, self._completed)
        seen = replace(trial, curve=read.curve)
        phases = range(min(before, passed - 1), passed) if known != self._completed else range(before, passed)
        return next((found for phase in phases if (found := self._race.judge(seen, phase)) is not None), None)
