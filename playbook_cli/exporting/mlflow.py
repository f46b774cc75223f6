"""A study as an MLflow experiment, in a folder, a database or on a server."""

from __future__ import annotations

import math
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.exporting.installed import require
from playbook_cli.exporting.tables import measured

if TYPE_CHECKING:
    from playbook_cli.exporting.tables import BySteps
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import StudyRecord, TrialRecord

_BATCH = 1000
"""Number of metrics that MLflow accepts in one batch."""
_STATUS = {"completed": "FINISHED", "infeasible": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_KEY = "playbook.key"


def write(study: StudyRecord, paths: StudyPaths, target: str) -> list[str]:
    """Add the study, as an experiment of the same name, to a store: `sqlite:///mlflow.db`, a server URL or a folder.

    Trials become runs with their hyperparameters, evaluations, state, reason and seed; those that have not started are
    left out. PlaybookError if MLflow is not installed, cannot open the store, or already has such an experiment.
    """
    require("mlflow")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    uri = target if "://" in target else f"sqlite:///{target}" if Path(target).suffix == ".db" else target
    try:
        client = MlflowClient(tracking_uri=uri)
        if client.get_experiment_by_name(study.name) is not None:
            raise PlaybookError(
                f"this store already has an experiment named {study.name!r}",
                where=target,
                hint="export to another store: --to sqlite:///other.db",
            )
        tracker = Tracker(client, create_experiment(client, study, study.name), study.name)
        try:
            for trial in study.trials:
                if trial.attempts and not trial.unused:
                    key = secrets.token_hex(4)
                    tracker.begin(key, trial)
                    tracker.log(key, trial, measured(paths.trial(trial.id).metrics))
                    tracker.end(key, trial)
        except BaseException:  # half a study would look like a whole one
            client.delete_experiment(tracker.experiment)
            raise
    except MlflowException as error:
        raise PlaybookError(f"MLflow cannot write to this store: {str(error).splitlines()[0]}", where=target) from None
    return [uri]


def create_experiment(client: Any, study: StudyRecord, name: str) -> str:
    """A new experiment for the study; its id."""
    return str(client.create_experiment(name, tags={"playbook.goal": study.metric.goal}))


class Tracker:
    """Writes trials as runs of one experiment: see `live.Tracker`."""

    def __init__(self, client: Any, experiment: str, study: str, *, live: bool = False) -> None:
        self.experiment = experiment
        self._client, self._study, self._live = client, study, live
        self._runs: dict[str, str] = {}

    def begin(self, key: str, trial: TrialRecord) -> None:
        from mlflow.entities import Param

        tags = _tags({"seed": trial.seed, "repeat_of": trial.repeat_of}) | {_KEY: key}
        run = self._client.create_run(self.experiment, run_name=f"{self._study}-{trial.id}", tags=tags).info.run_id
        self._runs[key] = run
        self._client.log_batch(run, params=[Param(name, str(value)) for name, value in trial.params.items()])

    def log(self, key: str, _: TrialRecord, rows: BySteps) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000) if self._live else 0
        run = self._found(key)[0]
        metrics = [
            Metric(name, value, now, step) for step, values in sorted(rows.items()) for name, value in values.items()
        ]
        for start in range(0, len(metrics), _BATCH):
            self._client.log_batch(run, metrics=metrics[start : start + _BATCH])

    def end(self, key: str, trial: TrialRecord) -> None:
        run = self._found(key)[0]
        said: dict[str, object] = {"state": trial.state, "reason": trial.reason}
        if trial.best is not None and math.isfinite(trial.best.value):
            said |= {"best": repr(trial.best.value), "best_step": trial.best.step}
        for name, value in _tags(said).items():
            self._client.set_tag(run, name, value)
        self._client.set_terminated(run, status=_STATUS.get(trial.state, "RUNNING"))

    def drop(self, key: str, _: TrialRecord) -> None:
        for run in self._found(key):
            self._client.delete_run(run)
        self._runs.pop(key, None)

    def close(self) -> None:
        pass

    def _found(self, key: str) -> list[str]:
        """The runs of a key: one, or none where it was never begun."""
        if key not in self._runs:
            found = self._client.search_runs([self.experiment], filter_string=f"tags.`{_KEY}` = '{key}'")
            return [run.info.run_id for run in found]
        return [self._runs[key]]


def _tags(said: dict[str, object]) -> dict[str, str]:
    return {f"playbook.{name}": str(value) for name, value in said.items() if value is not None}
