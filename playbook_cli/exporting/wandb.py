"""A study as the tables that Weights & Biases exports, one of runs and a chart of its metric; and live, as its runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from playbook_cli.exporting.tables import Row, Table, measured

if TYPE_CHECKING:
    from playbook_cli.exporting.tables import BySteps
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import StudyRecord, TrialRecord

_STATES = {
    "completed": "finished",
    "infeasible": "finished",
    "stopped": "killed",
    "failed": "failed",
    "running": "running",
}


def tables(study: StudyRecord, paths: StudyPaths) -> list[Table]:
    """`runs`, a row per trial with hyperparameters and last values; `chart`, a column per trial and a row per step."""
    name = study.metric.name
    runs: list[Row] = []
    by_step: dict[int, Row] = {}
    for trial in study.trials:
        curve = measured(paths.trial(trial.id).metrics) if trial.attempts and not trial.unused else {}
        called = _called(study.name, trial)
        summary = {metric: value for _, metrics in sorted(curve.items()) for metric, value in metrics.items()}
        runs.append(
            {
                "Name": called,
                "State": _STATES.get(trial.state, "pending"),
                **{f"config.{key}": value for key, value in trial.params.items()},
                "_step": max(curve, default=None),
                **summary,
            }
        )
        for step, metrics in curve.items():
            if name in metrics:
                by_step.setdefault(step, {"Step": step})[f"{called} - {name}"] = metrics[name]
    chart = [by_step[step] for step in sorted(by_step)]
    columns = [
        "Step",
        *(f"{run['Name']} - {name}" for run in runs if any(f"{run['Name']} - {name}" in row for row in chart)),
    ]
    return [
        Table(name="runs", columns=list(dict.fromkeys(key for row in runs for key in row)), rows=runs),
        Table(name="chart", columns=columns, rows=chart),
    ]


class Tracker:
    """Writes trials as runs of one project, through W&B's own client: see `live.Tracker`.

    Its environment decides the rest: WANDB_MODE, WANDB_PROJECT (else the study's name), WANDB_ENTITY, WANDB_DIR.
    """

    def __init__(self, study: str) -> None:
        self._study = study
        self._runs: dict[str, Any] = {}

    def begin(self, key: str, trial: TrialRecord) -> None:
        self._run(key, trial)

    def log(self, key: str, trial: TrialRecord, rows: BySteps) -> None:
        run = self._run(key, trial)
        for step, metrics in sorted(rows.items()):
            run.log(metrics, step=step)

    def end(self, key: str, trial: TrialRecord) -> None:
        run = self._run(key, trial)
        run.tags = (*(run.tags or ()), trial.state)
        run.finish(exit_code=int(_STATES[trial.state] == "failed"))
        del self._runs[key]

    def drop(self, key: str, trial: TrialRecord) -> None:
        """Its client deletes nothing: the run is marked."""
        run = self._run(key, trial)
        run.tags = (*(run.tags or ()), "replaced")
        run.finish(exit_code=1)
        del self._runs[key]

    def close(self) -> None:
        """Trials that have not ended go on in their run when the study does."""
        for run in self._runs.values():
            run.finish()

    def _run(self, key: str, trial: TrialRecord) -> Any:
        if key not in self._runs:
            import wandb

            self._runs[key] = wandb.init(
                id=key,
                resume="allow",
                reinit="create_new",
                project=os.environ.get("WANDB_PROJECT") or self._study,
                group=os.environ.get("WANDB_RUN_GROUP") or self._study,
                name=_called(self._study, trial),
                config=dict(trial.params),
                settings=wandb.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True),
            )
        return self._runs[key]


def _called(study: str, trial: TrialRecord) -> str:
    return f"{study}-{trial.id}"
