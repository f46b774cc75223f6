"""A study as the tables that Weights & Biases exports: one of runs, and a chart of the study's metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.exporting.tables import Row, Table, measured

if TYPE_CHECKING:
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import StudyRecord

_STATES = {"completed": "finished", "infeasible": "finished", "failed": "failed", "running": "running"}


def tables(study: StudyRecord, paths: StudyPaths) -> list[Table]:
    """`runs`, a row a trial with its hyperparameters and last values; and `chart`, a column a trial, a row a step."""
    name = study.metric.name
    runs: list[Row] = []
    by_step: dict[int, Row] = {}
    for trial in study.trials:
        curve = measured(paths.trial(trial.id).metrics) if trial.attempts and not trial.unused else {}
        called = f"{study.name}-{trial.id}"
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
