"""Runs in any layout of files: patterns say where hyperparameters and evaluations lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import layout, read_file
from playbook_cli.importing.rows import evaluations, step_field
from playbook_cli.importing.runs import Ask, Run, Runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.formats.tables import Row
    from playbook_cli.importing.layout import Key, Match
    from playbook_cli.records import Value

NO_FILE = "it has no metrics file"
NO_ROW = "its metrics files hold no evaluation"
SHOWN = 3
_LAYOUTS = (
    ("version_*/hparams.yaml", "version_*/metrics.csv"),
    ("lightning_logs/version_*/hparams.yaml", "lightning_logs/version_*/metrics.csv"),
)
"""Where Lightning leaves hyperparameters and evaluations."""


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """The hyperparameters of one trial, and what ties them to its metrics."""

    key: Key
    name: str
    path: Path
    params: Mapping[str, Value]


def read(ask: Ask) -> Runs:
    """A trial for every params file, or for every row of the only one; its metrics files are those of the same key.

    A trial whose metrics are missing or can't be read is there, with the reason. PlaybookError where params can't be
    read, or nothing ties them to metrics.
    """
    folder = Path(ask.source)
    if not folder.is_dir():
        raise PlaybookError("there is no such folder", where=ask.source)
    ask = _known(folder, ask)
    if ask.params is None or not ask.metrics:
        raise PlaybookError(
            "nothing says where this folder has hyperparameters and evaluations",
            where=ask.source,
            hint="write --params 'trial_*/hparams.json' --metrics 'trial_*/metrics.csv'",
        )
    metrics = [match for pattern in ask.metrics for match in layout.find(folder, pattern, "--metrics")]
    settings = _settings(folder, layout.find(folder, ask.params, "--params"), metrics)
    tied, left = layout.tie([setting.key for setting in settings], metrics)
    if not any(tied.values()):
        raise PlaybookError(
            f"no metrics file belongs to a params file: their wildcards match {_shown(settings[0].key)} "
            f"and {_shown(metrics[0].key)}, first of all",
            where=ask.source,
            hint="let the wildcards of --metrics begin with those of --params",
        )
    logs, problems = _logs(path for paths in tied.values() for path in paths)
    step = step_field(logs.values(), ask.step)
    runs = [_run(setting, tied[setting.key], logs, step, problems) for setting in settings]
    return Runs(source=ask.source, format="files", runs=runs, notes=_notes(folder, left, step, problems))


def _known(folder: Path, ask: Ask) -> Ask:
    """What was asked, with the patterns of a layout that is known, where none was given."""
    if ask.params is None and not ask.metrics:
        for params, metrics in _LAYOUTS:
            if next(folder.glob(params), None) and next(folder.glob(metrics), None):
                return replace(ask, params=params, metrics=[metrics])
    return ask


def _settings(folder: Path, params: Sequence[Match], metrics: Sequence[Match]) -> list[_Setting]:
    """Every trial's hyperparameters, with a key of its own."""
    read = [(match, read_file.hyperparameters(match.path)) for match in params]
    if len(read) == 1 and len(read[0][1]) > 1:
        return _rows(params[0].path, read[0][1], metrics)
    settings = []
    for match, rows in read:
        if len(rows) != 1:
            raise PlaybookError("a params file holds the settings of one trial", where=str(match.path))
        place = match.path.relative_to(folder)
        name = (place.parent if len(place.parts) > 1 else place).as_posix()
        settings.append(_Setting(key=match.key, name=name, path=match.path, params=rows[0]))
    return settings


def _rows(path: Path, rows: Sequence[Mapping[str, Value]], metrics: Sequence[Match]) -> list[_Setting]:
    """A trial for every row, by the column that holds what the first wildcard of the metrics matched."""
    keys = {match.key[:1] for match in metrics}
    for column in dict.fromkeys(name for row in rows for name in row):
        named = [str(row.get(column)) for row in rows]
        if keys <= {(name,) for name in named} and len(set(named)) == len(named):
            return [
                _Setting(key=(name,), name=name, path=path, params={k: v for k, v in row.items() if k != column})
                for name, row in zip(named, rows, strict=True)
            ]
    raise PlaybookError(
        "no column holds what the first wildcard of --metrics matches",
        where=str(path),
        hint=f"that is {', '.join(sorted(''.join(key) for key in keys)[:SHOWN]) or 'nothing'}",
    )


def _shown(key: Key) -> str:
    return " ".join(map(repr, key)) or "nothing"


def _logs(paths: Iterable[Path]) -> tuple[dict[Path, list[Row]], dict[Path, str]]:
    """The rows of every log, and what is wrong with those that can't be read whole."""
    logs: dict[Path, list[Row]] = {}
    problems: dict[Path, str] = {}
    for path in paths:
        try:
            table = read_file.log(path)
        except PlaybookError as error:
            problems[path] = error.what
            continue
        logs[path] = table.rows
        if table.problems:
            problems[path] = table.problems[0]
    return logs, problems


def _run(
    setting: _Setting,
    paths: Sequence[Path],
    logs: Mapping[Path, list[Row]],
    step: str | None,
    problems: Mapping[Path, str],
) -> Run:
    said = [e for path in paths if path in logs for e in evaluations(logs[path], step, str(path))]
    found = list({tuple(evaluation.items()): evaluation for evaluation in said}.values())  # checkpoints repeat a log
    wrong = next((f"{path.name}: {problems[path]}" for path in paths if path in problems), None)
    return Run(
        name=setting.name,
        params=setting.params,
        evaluations=found,
        state=None if found else "failed",
        reason=wrong or (None if found else NO_ROW if paths else NO_FILE),
        ended=max((path.stat().st_mtime for path in paths), default=None),
        source={"params": str(setting.path), "metrics": [str(path) for path in paths]},
    )


def _notes(folder: Path, left: Sequence[Match], step: str | None, problems: Mapping[Path, str]) -> list[str]:
    notes = []
    if left:
        shown = ", ".join(match.path.relative_to(folder).as_posix() for match in left[:SHOWN])
        notes.append(f"metrics files that belong to no params file, and are left out: {len(left)} ({shown})")
    if step is None:
        notes.append("no field counts steps: rows are counted, from 1 on; --step names one")
    notes += [f"{path.relative_to(folder)}: {what}" for path, what in list(problems.items())[:SHOWN]]
    if len(problems) > SHOWN:
        notes.append(f"... and {len(problems) - SHOWN} more files that can't be read whole")
    return notes
