"""`playbook list`: the studies of a folder, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.commands.options import RUNS, Json, Runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.ledger.rows import Row


def list_(runs: Runs = RUNS, json: Json = False) -> None:
    """List the studies in a folder, with progress and best results.

    Example:  playbook list
    """
    from playbook_cli.acts import run
    from playbook_cli.commands.output import advise, console, print_json
    from playbook_cli.errors import StudyError
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.ledger.rows import log
    from playbook_cli.report.section import Column, Section, Table
    from playbook_cli.report.terminal import Printer
    from playbook_cli.storage.store import running

    if not runs.is_dir():
        raise StudyError(
            "there is no such folder",
            where=str(runs),
            hint="run a study first, or name its folder: playbook list --runs DIR",
        )
    rows = log(runs).rows
    live = {row.folder: running(StudyPaths(runs / row.folder)) is not None for row in rows}
    if json:
        print_json({"studies": [_as_json(row, runs=live[row.folder]) for row in rows]})
        return
    if not rows:
        console().print(f"no study in {runs} yet")
        advise(console(), run("STUDY.YAML", runs))
        return
    columns = [
        Column(name="study", left=True, fold=True),
        Column(name="state", left=True),
        Column(name="trials"),
        Column(name="best", left=True, fold=True),
        Column(name="", left=True, spare=1),
    ]
    table = Table(columns=columns, rows=[_row(row, runs=live[row.folder]) for row in rows])
    Printer(console()).sections([Section(name="studies", parts=[table])])


def _row(row: Row, *, runs: bool) -> list[str]:
    from playbook_cli.report import log_words

    ended, planned = _ended(row.trials), row.trials.get("planned", 0)
    kind = "" if row.kind == "study" else str(row.kind)
    notes = [*([kind] if kind else []), *(["baseline"] if row.adopted is not None else [])]
    return [row.folder, _state(row, runs=runs), f"{ended:,} of {planned:,}", log_words.result(row), ", ".join(notes)]


def _state(row: Row, *, runs: bool) -> str:
    if row.problem is not None:
        return "cannot be read"
    if runs:
        return "running"
    return "finished" if _ended(row.trials) >= row.trials.get("planned", 0) else "not running"


def _ended(trials: Mapping[str, int]) -> int:
    from playbook_cli.records import ENDED

    return sum(trials.get(state, 0) for state in ENDED)


def _as_json(row: Row, *, runs: bool) -> dict[str, Any]:
    best = row.best
    return {
        "study": row.name,
        "folder": row.folder,
        "kind": row.kind,
        "state": _state(row, runs=runs),
        "trials": dict(row.trials),
        "best": best and {"trial": best.trial, "value": best.value, "step": best.step, "params": dict(best.params)},
        "adopted": row.adopted is not None,
        "problem": row.problem,
    }
