"""Runs in any layout of files: patterns say where hyperparameters and evaluations are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import layout, read_file
from playbook_cli.importing.rows import evaluations, step_field
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.formats.tables import Row
    from playbook_cli.importing.layout import Key, Match
    from playbook_cli.records import Value

NO_FILE = "no metrics file"
NO_ROW = "no evaluation in its metrics files"
SHOWN = 3
_LAYOUTS = (
    ("version_*/hparams.yaml", "version_*/metrics.csv"),
    ("lightning_logs/version_*/hparams.yaml", "lightning_logs/version_*/metrics.csv"),
)
"""Where Lightning writes hyperparameters and evaluations."""


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """The hyperparameters of one trial, and the key that links them to its metrics."""

    key: Key
    name: str
    path: Path
    params: Mapping[str, Value]


def read(ask: Ask) -> Runs:
    """A trial for every params file, or for every row of the only one, with the metrics files of the same key.

    A trial whose metrics are missing or cannot be read is kept, with the reason. PlaybookError if params cannot be
    read, or nothing links them to metrics.
    """
    folder = Path(ask.source)
    if not folder.is_dir():
        raise PlaybookError("no such folder", where=ask.source)
    ask = _known(folder, ask)
    if ask.params is None or not ask.metrics:
        raise PlaybookError(
            "Playbook does not recognise this folder's layout",
            where=ask.source,
            hint="say which files hold hyperparameters and evaluations: --params 'trial_*/hparams.json' --metrics "
            "'trial_*/metrics.csv'",
        )
    metrics = [match for pattern in ask.metrics for match in layout.find(folder, pattern, "--metrics")]
    settings = _settings(folder, layout.find(folder, ask.params, "--params"), metrics)
    tied, left = layout.tie([setting.key for setting in settings], metrics)
    if not any(tied.values()):
        raise PlaybookError(
            f"no metrics file matches a params file: for example, the wildcards of --params match "
            f"{_shown(settings[0].key)}, and those of --metrics {_shown(metrics[0].key)}",
            where=ask.source,
            hint="start --metrics with the same wildcards as --params",
        )
    logs, problems = _logs(path for paths in tied.values() for path in paths)
    step = step_field(logs.values(), ask.step)
    runs = [_run(setting, tied[setting.key], logs, step, problems) for setting in settings]
    return Runs(source=ask.source, format="files", runs=runs, notes=_notes(folder, left, step, problems))


def _known(folder: Path, ask: Ask) -> Ask:
    """The request, with the patterns of a known layout filled in if none was given."""
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
            raise PlaybookError(
                f"a params file must hold the settings of one trial, but this one has {len(rows)} rows",
                where=str(match.path),
            )
        place = match.path.relative_to(folder)
        name = (place.parent if len(place.parts) > 1 else place).as_posix()
        settings.append(_Setting(key=match.key, name=name, path=match.path, params=rows[0]))
    return settings


def _rows(path: Path, rows: Sequence[Mapping[str, Value]], metrics: Sequence[Match]) -> list[_Setting]:
    """A trial for every row, by the column that holds what the first wildcard of --metrics matches."""
    keys = {match.key[:1] for match in metrics}
    for column in dict.fromkeys(name for row in rows for name in row):
        named = [str(row.get(column)) for row in rows]
        if keys <= {(name,) for name in named} and len(set(named)) == len(named):
            return [
                _Setting(key=(name,), name=name, path=path, params={k: v for k, v in row.items() if k != column})
                for name, row in zip(named, rows, strict=True)
            ]
    raise PlaybookError(
        "no column contains what the first wildcard of --metrics matches",
        where=str(path),
        hint=f"it matches {', '.join(sorted(''.join(key) for key in keys)[:SHOWN]) or 'nothing'}",
    )


def _shown(key: Key) -> str:
    return " ".join(map(repr, key)) or "nothing"


def _logs(paths: Iterable[Path]) -> tuple[dict[Path, list[Row]], dict[Path, str]]:
    """The rows of every log, and the problem of each log that cannot be read completely."""
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
        notes.append(f"skipped {plural(len(left), 'metrics file')} without a params file: {shown}")
    if step is None:
        notes.append("no field counts steps, so rows are numbered from 1; to use a field: --step FIELD")
    notes += [f"{path.relative_to(folder)}: {what}" for path, what in list(problems.items())[:SHOWN]]
    if len(problems) > SHOWN:
        notes.append(f"... and {plural(len(problems) - SHOWN, 'more file')} that cannot be read completely")
    return notes
