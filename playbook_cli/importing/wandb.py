"""Run folders of Weights & Biases, as its client writes them under `wandb/`, online and offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.importing import layout, read_file
from playbook_cli.importing.rows import evaluations, step_field
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.importing.values import flat
from playbook_cli.importing.wandb_log import Log, read_log
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STEP = "_step"
_RUNS = ("run-*", "offline-run-*", "wandb/run-*", "wandb/offline-run-*")
_CONFIG, _SUMMARY, _OUTPUT = "config.yaml", "wandb-summary.json", "output.log"
_OUTPUT_BYTES = 4096


def is_folder(folder: Path) -> bool:
    """Whether this folder holds W&B runs, directly or in `wandb/`, or is one run."""
    return bool(_homes(folder))


def read(ask: Ask) -> Runs:
    """A trial for every run, with its curves if its log exists, else with its summary as one evaluation.

    The folders of one resumed run are one trial. PlaybookError if there is none.
    """
    folder = Path(ask.source)
    homes = _homes(folder) if folder.is_dir() else []
    if not homes:
        raise PlaybookError(
            "there are no Weights & Biases runs here",
            where=ask.source,
            hint="give the folder wandb/ next to the program, which contains run-* and offline-run-*",
        )
    grouped: dict[str, list[Path]] = {}
    for home in homes:
        grouped.setdefault(home.name.rpartition("-")[2], []).append(home)
    kept = {name: [(home, _log(home)) for home in own] for name, own in grouped.items()}
    rows = {name: [row for home, log in own for row in _rows(home, log)] for name, own in kept.items()}
    step = step_field(rows.values(), ask.step or STEP) if any(rows.values()) else STEP
    runs = [_run(name, own, evaluations(rows[name], step, str(own[0][0]))) for name, own in kept.items()]
    summed = sum(not any(log.history for _, log in own) and bool(rows[name]) for name, own in kept.items())
    notes = (
        [f"{plural(summed, 'run')} without curves, imported with only the summary, at the last step"] if summed else []
    )
    return Runs(source=ask.source, format="wandb", runs=runs, notes=notes)


def _homes(folder: Path) -> list[Path]:
    """The folders of runs, in the order in which they started."""
    found = [path for pattern in _RUNS for path in folder.glob(pattern) if _holds(path)]
    if not found and _holds(folder):
        return [folder]
    return sorted(found, key=lambda path: layout.natural((path.name.removeprefix("offline-"),)))


def _holds(home: Path) -> bool:
    return next(home.glob("run-*.wandb"), None) is not None or (home / "files" / _CONFIG).is_file()


def _log(home: Path) -> Log:
    """The run's log, or what its other files say if the log is missing."""
    path = next(iter(sorted(home.glob("run-*.wandb"))), None)
    log = Log() if path is None else read_log(read_file.content(path))
    if not log.config and (home / "files" / _CONFIG).is_file():
        config = read_file.data(home / "files" / _CONFIG)
        log.config = read_file.of_wandb(config) if isinstance(config, dict) else {}
    return log


def _rows(home: Path, log: Log) -> Sequence[Mapping[str, Any]]:
    if log.history:
        return log.history
    summary = home / "files" / _SUMMARY
    try:
        return read_file.log(summary).rows if summary.is_file() else []
    except PlaybookError:
        return []


def _run(run_id: str, own: Sequence[tuple[Path, Log]], found: list[dict[str, float]]) -> Run:
    home, last = own[-1]
    config = {name: value for _, log in own for name, value in log.config.items() if not name.startswith("_wandb")}
    failed = last.exit_code not in (None, 0)
    reason = None
    if failed:
        reason = f"exit code {last.exit_code}: {_last_line(home)}".removesuffix(": ")
    elif last.problem:
        reason = f"its log is incomplete: {last.problem}"
    elif last.exit_code is None and last.history:
        reason = "its log has no end: killed, or still running"
    times = [row["_timestamp"] for _, log in own for row in log.history if _is_time(row.get("_timestamp"))]
    return Run(
        name=last.name or run_id,
        params=flat(config),
        evaluations=found,
        state="failed" if failed else None,
        reason=reason,
        started=min(times, default=None),
        ended=max(times, default=None),
        source={"run_id": run_id, "folders": [str(path) for path, _ in own]},
    )


def _is_time(cell: object) -> bool:
    return isinstance(cell, int | float) and 0 < cell < 2**40


def _last_line(home: Path) -> str:
    """The last line that the program printed."""
    path = home / "files" / _OUTPUT
    if not path.is_file():
        return ""
    text = read_file.content(path)[-_OUTPUT_BYTES:].decode("utf-8", errors="replace")
    return next((line.strip()[:200] for line in reversed(text.splitlines()) if line.strip()), "")
