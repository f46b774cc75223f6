"""A study as an experiment of MLflow, in its folder, its database or on its server."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.exporting.tables import measured

if TYPE_CHECKING:
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import StudyRecord, TrialRecord

_BATCH = 1000
"""Metrics that MLflow takes at once."""
_STATUS = {"completed": "FINISHED", "infeasible": "FINISHED", "failed": "FAILED"}


def write(study: StudyRecord, paths: StudyPaths, target: str) -> list[str]:
    """Add the study, as an experiment of its name, to a store: `sqlite:///mlflow.db`, a server's URL, or a folder.

    Trials are runs with their hyperparameters, evaluations, state, reason and seed; those that have not begun are left
    out. PlaybookError where MLflow is not installed, can't open the store, or has such an experiment already.
    """
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise PlaybookError("this needs MLflow, which is not installed", hint="pip install mlflow") from None
    uri = target if "://" in target else f"sqlite:///{target}" if Path(target).suffix == ".db" else target
    try:
        client = MlflowClient(tracking_uri=uri)
        if client.get_experiment_by_name(study.name) is not None:
            raise PlaybookError(
                f"it holds an experiment {study.name!r} already", where=target, hint="export into another store: --to"
            )
        experiment = client.create_experiment(study.name, tags={"playbook.goal": study.metric.goal})
        try:
            for trial in study.trials:
                if trial.attempts and not trial.unused:
                    _run(client, experiment, trial, study, paths)
        except BaseException:  # half a study would pass for a whole one
            client.delete_experiment(experiment)
            raise
    except MlflowException as error:
        raise PlaybookError(f"MLflow can't write it: {str(error).splitlines()[0]}", where=target) from None
    return [uri]


def _run(client: Any, experiment: str, trial: TrialRecord, study: StudyRecord, paths: StudyPaths) -> None:
    from mlflow.entities import Metric, Param

    said = {"state": trial.state, "reason": trial.reason, "seed": trial.seed, "repeat_of": trial.repeat_of}
    tags = {f"playbook.{name}": str(value) for name, value in said.items() if value is not None}
    run = client.create_run(experiment, run_name=f"{study.name}-{trial.id}", tags=tags).info.run_id
    params = [Param(name, str(value)) for name, value in trial.params.items()]
    metrics = [
        Metric(name, value, 0, step)
        for step, values in sorted(measured(paths.trial(trial.id).metrics).items())
        for name, value in values.items()
    ]
    if trial.best is not None and math.isfinite(trial.best.value):
        tags_at_best = {"playbook.best": repr(trial.best.value), "playbook.best_step": str(trial.best.step)}
        for name, value in tags_at_best.items():
            client.set_tag(run, name, value)
    client.log_batch(run, params=params)
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run, metrics=metrics[start : start + _BATCH])
    client.set_terminated(run, status=_STATUS.get(trial.state, "RUNNING"))
