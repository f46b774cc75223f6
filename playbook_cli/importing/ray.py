"""Result folders of Ray Tune."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import number, read_csv, whole_number
from playbook_cli.importing import read_file
from playbook_cli.importing.rows import evaluations
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.formats.tables import Row, Table
    from playbook_cli.records import Value

STEP = "training_iteration"
_LOGS = ("result.json", "progress.csv")
_ABOUT = frozenset(
    {
        STEP,
        "trial_id",
        "experiment_id",
        "experiment_tag",
        "date",
        "timestamp",
        "pid",
        "hostname",
        "node_ip",
        "done",
        "should_checkpoint",
        "checkpoint_dir_name",
        "time_this_iter_s",
        "time_total_s",
        "time_since_restore",
        "timesteps_since_restore",
        "iterations_since_restore",
        "warmup_time",
        "episodes_total",
        "timesteps_total",
    }
)
"""Fields that Ray adds to every result."""


def is_experiment(folder: Path) -> bool:
    """Whether Ray Tune wrote its results here."""
    return any(path.parent.joinpath(name).is_file() for path in _params(folder)[:20] for name in _LOGS) or any(
        folder.glob("experiment_state-*.json")
    )


def read(ask: Ask) -> Runs:
    """A trial for every folder with a params.json, and a result.json or else progress.csv.

    PlaybookError if there is none.
    """
    folder = Path(ask.source)
    paths = _params(folder) if folder.is_dir() else []
    if not paths:
        raise PlaybookError(
            "no trial with a params.json here", where=ask.source, hint="give the folder of the Ray Tune experiment"
        )
    step = ask.step or STEP
    logs = {path: _log(path.parent) for path in paths}
    borrowed = 0
    for path, (log, table) in logs.items():
        if log is not None and table is not None and _has_no_header(table.rows):
            found = _with_header(log, [t.rows[0] for _, t in logs.values() if t and t.rows], step)
            logs[path] = log, found or table
            borrowed += found is not None
    runs = [_run(folder, path, *logs[path], step) for path in paths]
    what = f"{plural(borrowed, 'progress.csv file')} without a header line, read with the header of another trial"
    return Runs(source=ask.source, format="ray", runs=runs, notes=[what] if borrowed else [])


def _log(home: Path) -> tuple[Path | None, Table | None]:
    log = next((home / name for name in _LOGS if (home / name).is_file() and (home / name).stat().st_size), None)
    return log, read_file.log(log) if log else None


def _has_no_header(rows: Sequence[Row]) -> bool:
    return bool(rows) and any(number(name) is not None for name in rows[0])


def _with_header(log: Path, others: Sequence[Row], step: str) -> Table | None:
    """A log without a header line, read with the only header of the other trials that fits; None if none does.

    A header fits if the log has as many columns, numbers in the same columns, and increasing steps.
    """
    content = read_file.content(log)
    fitting = {}
    for other in others:
        if _has_no_header([other]) or step not in other:
            continue
        table = read_csv(",".join(other).encode() + b"\n" + content)
        steps = [whole_number(row.get(step)) for row in table.rows]
        rising = (
            all(a is not None and b is not None and a < b for a, b in itertools.pairwise(steps)) and None not in steps
        )
        alike = all(
            (number(row[name]) is None) == (number(cell) is None)
            for row in table.rows[:1]
            for name, cell in other.items()
            if name in row and row[name] and cell
        )
        if table.rows and rising and alike and not table.problems:
            fitting[tuple(other)] = table
    return next(iter(fitting.values())) if len(fitting) == 1 else None


def _params(folder: Path) -> list[Path]:
    return sorted({*folder.glob("*/params.json"), *folder.glob("*/*/params.json")})


def _run(folder: Path, path: Path, log: Path | None, table: Table | None, step: str) -> Run:
    home = path.parent
    rows = table.rows if table else []
    own = [{name: cell for name, cell in row.items() if name == step or not _is_about(name)} for row in rows]
    settings = read_file.hyperparameters(path)
    found = evaluations(own, step, str(log))
    failed = _failure(home)
    times = [time for row in rows if (time := number(row.get("timestamp"))) is not None]
    return Run(
        name=home.relative_to(folder).as_posix(),
        params=settings[0],
        evaluations=found,
        state="failed" if failed or not found else None,
        reason=failed or (table.problems[0] if table and table.problems else None if found else _nothing(log, rows)),
        started=times[0] - (number(rows[0].get("time_this_iter_s")) or 0.0) if times else None,
        ended=times[-1] if times else None,
        changed=_changed(rows, settings[0]),
        source={"folder": str(home), "last": _last(rows)},
    )


def _nothing(log: Path | None, rows: Sequence[Row]) -> str:
    """Why a trial has no evaluation."""
    if log and _has_no_header(rows):
        return f"{log.name} has no header line: {', '.join(list(rows[0])[:4])}, ... are not column names"
    return "no result"


def _changed(rows: Sequence[Row], params: Mapping[str, Value]) -> list[str]:
    """Hyperparameters that a scheduler such as population-based training changed, from the config in each row."""
    found: dict[str, set[object]] = {}
    for row in rows:
        for name, cell in row.items():
            if name.startswith(("config/", "config.")):
                found.setdefault(name[len("config/") :].replace("/", "."), set()).add(cell)
    return [name for name, cells in found.items() if len(cells) > 1 and name in params]


def _is_about(name: str) -> bool:
    return name in _ABOUT or name.startswith(("config/", "config."))


def _failure(home: Path) -> str | None:
    """The last line of a crashed trial's trace."""
    error = home / "error.txt"
    if error.is_file():
        lines = read_file.content(error).decode("utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "crashed")
    return "crashed" if (home / "error.pkl").is_file() else None


def _last(rows: Sequence[Row]) -> Row:
    return {name: rows[-1][name] for name in _ABOUT & rows[-1].keys()} if rows else {}
