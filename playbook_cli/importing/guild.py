"""Runs of Guild AI: `runs/ID/.guild/attrs`, and the event files that Guild writes from what a program prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import number, whole_number
from playbook_cli.importing import layout, read_file
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.importing.values import flat
from playbook_cli.spec import source

if TYPE_CHECKING:
    from playbook_cli.records import Value

_FLAGS = (".guild/attrs/flags", "*/.guild/attrs/flags", "runs/*/.guild/attrs/flags", ".guild/runs/*/.guild/attrs/flags")


def is_folder(folder: Path) -> bool:
    """Whether this folder holds runs of Guild, or is one."""
    return bool(_homes(folder))


def read(ask: Ask) -> Runs:
    """The runs of one operation: the named one, or the only one. PlaybookError if there is no such operation."""
    folder = Path(ask.source)
    operations: dict[str, list[Path]] = {}
    for home in _homes(folder) if folder.is_dir() else []:
        operations.setdefault((_text(home / ".guild" / "opref").split() or [""])[-1], []).append(home)
    if ask.name not in operations and (ask.name is not None or len(operations) != 1):
        what = f"there is no operation named {ask.name!r}" if ask.name else f"{len(operations)} operations have runs"
        hint = f"add --name with one of: {', '.join(sorted(operations)) or '(none)'}"
        raise PlaybookError(what, where=ask.source, hint=hint)
    runs = [_run(home) for home in operations[ask.name or next(iter(operations))]]
    return Runs(source=ask.source, format="guild", runs=sorted(runs, key=lambda run: (run.started or 0.0, run.name)))


def _homes(folder: Path) -> list[Path]:
    return sorted({path.parents[2] for pattern in _FLAGS for path in folder.glob(pattern)})


def _run(home: Path) -> Run:
    attrs = home / ".guild" / "attrs"
    evaluations, problem = _evaluations(home)
    code = whole_number(_text(attrs / "exit_status"))
    started, ended = number(_text(attrs / "started")), number(_text(attrs / "stopped"))
    reason = f"exit code {code}" if code else None
    return Run(
        name=home.name[:8],
        params=_flags(attrs / "flags"),
        evaluations=evaluations,
        state="failed" if code else None if ended else "pending",
        reason=reason or problem or (None if ended else "still running when it was imported"),
        started=started and started / 1e6,
        ended=ended and ended / 1e6,
        source={"run": home.name, "label": _text(attrs / "label"), "exit_status": code},
    )


def _flags(path: Path) -> dict[str, Value]:
    if not _text(path).strip():
        return {}
    return flat(source.read(path, foreign=True).data)


def _evaluations(home: Path) -> tuple[list[dict[str, float]], str | None]:
    """The scalars of all event files of a run, in order of step, and the problem of the first damaged file."""
    by_step: dict[int, dict[str, float]] = {}
    problem = None
    for path in sorted(home.rglob("*tfevents*"), key=lambda path: layout.natural(path.parts)):
        below = path.parent.relative_to(home).as_posix()
        prefix = "" if below in (".", ".guild") else f"{below}/"
        table = read_file.log(path)
        problem = problem or next(iter(table.problems), None)
        for row in table.rows:
            if row["step"] >= 0:
                named = {f"{prefix}{name}": value for name, value in row.items() if name != "step"}
                by_step.setdefault(row["step"], {}).update(named)
    return [{**by_step[step], "step": step} for step in sorted(by_step)], problem


def _text(path: Path) -> str:
    return read_file.content(path).decode("utf-8", errors="replace").strip() if path.is_file() else ""
