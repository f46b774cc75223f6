"""Runs in an MLflow file store (`mlruns`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.ingest import read_file
from playbook_cli.ingest.runs import Ask, Run, Runs
from playbook_cli.ingest.tables import number, whole_number
from playbook_cli.ingest.values import parsed, plain
from playbook_cli.spec import source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.records import State

_STATES: Mapping[Any, State | None] = {1: "pending", 2: "pending", 3: None, 4: "failed", 5: None}
"""RUNNING, SCHEDULED, FINISHED, FAILED, KILLED."""
_STATUS = {1: "running", 2: "scheduled", 4: "failed", 5: "killed"}
_PARENT = "mlflow.parentRunId"


def is_store(folder: Path) -> bool:
    """Whether this is a store, or an experiment in one."""
    return any(path.parent.joinpath("metrics").is_dir() for path in _run_files(folder))


def read(ask: Ask) -> Runs:
    """The runs of one experiment: that of this name, or the only one that has runs. Deleted runs are left out.

    PlaybookError where there is no such experiment.
    """
    folder = Path(ask.source)
    experiments: dict[str, list[Path]] = {}
    for path in _run_files(folder):
        experiments.setdefault(_experiment(path.parent.parent), []).append(path)
    if ask.name not in experiments and (ask.name is not None or len(experiments) != 1):
        what = f"there is no experiment {ask.name!r} in it" if ask.name else f"{len(experiments)} experiments have runs"
        raise PlaybookError(
            what,
            where=ask.source,
            hint=f"write --name with one of: {', '.join(sorted(experiments)) or '(none)'}",
        )
    paths = experiments[ask.name or next(iter(experiments))]
    runs = [run for run in map(_run, paths) if run.source["lifecycle_stage"] != "deleted"]
    parents = {run.source["tags"].get(_PARENT) for run in runs}
    leaves = [run for run in runs if run.source["run_id"] not in parents or run.evaluations]
    notes = []
    if len(leaves) < len(runs):
        notes.append(f"runs that only hold other runs, and are left out: {len(runs) - len(leaves)}")
    if any(run.source["steps_counted"] for run in leaves):
        notes.append("metrics that were logged without steps: their values are counted, from 1 on")
    ordered = sorted(leaves, key=lambda run: (run.started or 0.0, run.name))
    return Runs(source=ask.source, format="mlflow", runs=ordered, notes=notes)


def _run_files(folder: Path) -> list[Path]:
    found = {*folder.glob("*/meta.yaml"), *folder.glob("*/*/meta.yaml"), *folder.glob("mlruns/*/*/meta.yaml")}
    return sorted(path for path in found if path.parent.joinpath("params").is_dir() and ".trash" not in path.parts)


def _experiment(folder: Path) -> str:
    meta = folder / "meta.yaml"
    data = source.read(meta).data if meta.is_file() else None
    return str(data.get("name", folder.name)) if isinstance(data, dict) else folder.name


def _run(path: Path) -> Run:
    home = path.parent
    meta = source.read(path).data
    if not isinstance(meta, dict):
        raise PlaybookError("this is no run of MLflow", where=str(path))
    status = meta.get("status")
    state = _STATES.get(status)
    evaluations, counted = _evaluations(home / "metrics")
    started, ended = number(meta.get("start_time")), number(meta.get("end_time"))
    return Run(
        name=str(meta.get("run_name") or meta.get("run_id") or home.name),
        params={name: parsed(text) for name, text in _texts(home / "params").items()},
        evaluations=evaluations,
        state=state,
        reason=f"MLflow says that it is {_STATUS[status]}" if status in _STATUS else None,
        started=started and started / 1000,
        ended=ended and ended / 1000,
        source=plain(
            {
                "run_id": str(meta.get("run_id", home.name)),
                "lifecycle_stage": meta.get("lifecycle_stage"),
                "status": status,
                "tags": _texts(home / "tags"),
                "steps_counted": counted,
            }
        ),
    )


def _texts(folder: Path) -> dict[str, str]:
    """The content of every file below, by its path."""
    return {
        path.relative_to(folder).as_posix(): read_file.content(path).decode("utf-8", errors="replace").rstrip("\n")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _evaluations(folder: Path) -> tuple[list[dict[str, float]], bool]:
    """All metrics, in order of step, and whether some had no steps and were counted."""
    by_step: dict[int, dict[str, float]] = {}
    counted = False
    for name, text in _texts(folder).items():
        points = [point for line in text.split("\n") if (point := _point(line)) is not None]
        if len(points) > 1 and all(step == 0 for step, _ in points):
            points = [(count, value) for count, (_, value) in enumerate(points, start=1)]
            counted = True
        for step, value in points:
            by_step.setdefault(step, {})[name] = value
    return [{"step": step, **by_step[step]} for step in sorted(by_step)], counted


def _point(line: str) -> tuple[int, float] | None:
    """`timestamp value step`, as a line of a metric's file has it."""
    parts = line.split()
    value = number(parts[1]) if len(parts) > 1 else None
    step = whole_number(parts[2]) if len(parts) > 2 else 0  # old stores have no step
    return None if value is None or step is None else (step, value)
