"""The search of a study file with early stopping: its trials are stopped once they can hardly become the best."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from playbook_cli.racing.judge import PHASES, Race
from playbook_cli.sampling.search import Search
from playbook_cli.storage.metrics import latest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import Stopped, TrialRecord
    from playbook_cli.sampling import Sampler
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.storage.metrics import Measured


class Racing(Search):
    """Repeats are never stopped: they measure the variance of training.

    A trial is judged again once it has reached a further phase, or another trial has completed; only then is more read
    than the end of its metrics.
    """

    def __init__(
        self, spec: StudySpec, sampler: Sampler, paths: StudyPaths, follows: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(spec, sampler, follows)
        assert spec.early_stopping is not None
        self._paths = paths
        self._steps = PHASES * spec.max_train_steps
        self._race = Race(
            metric=spec.objective, max_train_steps=spec.max_train_steps, chance=spec.early_stopping.chance
        )
        self._completed = 0
        self._judged: dict[int, tuple[int, int]] = {}
        """For each running trial, how many phases it had passed and how many trials were known when it was judged."""

    def learn(self, trial: TrialRecord, measured: Measured) -> None:
        if trial.state == "completed" and trial.repeat_of is None:
            self._race.learn(replace(trial, curve=measured.curve))
            self._completed += 1

    def hopeless(self, trial: TrialRecord, measured: Callable[[], Measured]) -> Stopped | None:
        if trial.repeat_of is not None:
            return None
        last = (latest(self._paths.trial(trial.id).metrics) or {}).get("step")
        passed = int((self._steps <= last).sum()) if isinstance(last, int) else 0
        if not passed or self._judged.get(trial.id) == (passed, self._completed):
            return None
        self._judged[trial.id] = (passed, self._completed)
        read = measured()
        if read.curve is None or read.infeasible or read.damaged:
            return None
        return self._race.judge(replace(trial, curve=read.curve))
