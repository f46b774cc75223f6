"""A study as two tables: its trials, and all their evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.analysis.timescale import timescale
from playbook_cli.files import containment
from playbook_cli.formats.tables import number, read_json_lines, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import StudyRecord, TrialRecord

Row = dict[str, Any]
BySteps = dict[int, dict[str, float]]
"""Metrics by name, of each step."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows that may lack some of the columns."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Row]
    """The rows. They can be iterated several times; evaluations are read again each time, one trial at a time."""


def tables(study: StudyRecord, paths: StudyPaths) -> list[Table]:
    """`trials`, one row per trial, with hyperparameters as `params.NAME`; `evaluations`, one row per trial and step."""
    return [_table("trials", _trials(study)), _table("evaluations", _Evaluations(study=study, paths=paths))]


def _trials(study: StudyRecord) -> list[Row]:
    return [
        {
            "trial": trial.id,
            "state": trial.state,
            "reason": trial.reason,
            "value": trial.best.value if trial.best else None,
            "step": trial.best.step if trial.best else None,
            "last_step": trial.last_step,
            "seed": trial.seed,
            "repeat_of": trial.repeat_of,
            "attempts": trial.attempts,
            **{f"params.{name}": value for name, value in trial.params.items()},
            **_timescale(trial, study.max_train_steps),
        }
        for trial in study.trials
    ]


def _timescale(trial: TrialRecord, max_train_steps: int) -> Row:
    """AdamW's timescale in steps and as a multiple of max_train_steps; {} for other optimizers."""
    steps = timescale(trial.params)
    return {} if steps is None else {"adamw_timescale": steps, "adamw_timescale_ratio": steps / max_train_steps}


@dataclass(frozen=True, kw_only=True)
class _Evaluations:
    study: StudyRecord
    paths: StudyPaths

    def __iter__(self) -> Iterator[Row]:
        for trial in self.study.trials:
            if trial.attempts and not trial.unused:
                for step, metrics in sorted(measured(self.paths.trial(trial.id).metrics).items()):
                    yield {"trial": trial.id, "step": step, **metrics}


def measured(path: Path) -> BySteps:
    """The metrics at each step as they were recorded; missing ones are absent, NaN stays NaN."""
    try:
        content = containment.content(path)
    except OSError:  # the trial's reason says so
        return {}
    by_step: BySteps = {}
    for row in read_json_lines(content).rows:
        step = whole_number(row.pop("step", None))
        if step is not None and "infeasible" not in row:
            values = {_column(name): value for name, cell in row.items() if (value := number(cell)) is not None}
            by_step.setdefault(step, {}).update(values)
    return by_step


def _column(metric: str) -> str:
    return "trial (metric)" if metric == "trial" else metric


def _table(name: str, rows: Iterable[Row]) -> Table:
    return Table(name=name, columns=list(dict.fromkeys(column for row in rows for column in row)), rows=rows)
