"""Projects of Keras Tuner: a folder for every trial, with `trial.json`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import number, whole_number
from playbook_cli.importing import layout, read_file
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.importing.values import scalar, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.records import Goal, State

_TRIALS = ("trial_*/trial.json", "*/trial_*/trial.json")
_STATES: Mapping[Any, State] = {
    "FAILED": "failed",
    "INVALID": "failed",
    "RUNNING": "pending",
    "IDLE": "pending",
    "PENDING": "pending",
}
_OWN = "tuner/"
"""Prefix of what Hyperband adds to a trial's hyperparameters: its length, and the trial that it continues."""


def is_project(folder: Path) -> bool:
    """Whether this folder, or one directly below it, is a project of Keras Tuner."""
    return bool(_files(folder))


def read(ask: Ask) -> Runs:
    """A trial for every trial.json, evaluated once, at its best epoch (from 0), because Keras Tuner keeps no more.

    The objective is the metric that equals the trials' scores. PlaybookError if there is no project, or several.
    """
    folder = Path(ask.source)
    files = _files(folder) if folder.is_dir() else []
    projects = {path.parent.parent for path in files}
    if len(projects) != 1:
        raise PlaybookError(
            f"this folder has {len(projects)} Keras Tuner projects",
            where=ask.source,
            hint="give the folder of one project, which contains trial_*",
        )
    trials = [_trial(path) for path in files]
    metric, goal = _objective(trials)
    notes = ["Keras Tuner keeps only each trial's best epoch (counted from 0), so there are no curves"]
    if any(name.startswith(_OWN) for trial in trials for name in trial["hyperparameters"]["values"]):
        notes.append(f"{_OWN}... are settings of the tuner, not hyperparameters; trials differ in length")
    return Runs(
        source=ask.source,
        format="keras-tuner",
        runs=[_run(trial) for trial in trials],
        metric=metric,
        goal=goal,
        space=_space(trials),
        notes=notes,
    )


def _files(folder: Path) -> list[Path]:
    found = [path for pattern in _TRIALS for path in folder.glob(pattern)]
    return sorted(found, key=lambda path: layout.natural(path.parts))


def _trial(path: Path) -> dict[str, Any]:
    """The content of a trial's file. PlaybookError if it does not have the expected form."""
    trial = read_file.data(path)
    searched = trial.get("hyperparameters") if isinstance(trial, dict) else None
    if not isinstance(searched, dict) or not isinstance(searched.get("values"), dict):
        raise PlaybookError("this is not a Keras Tuner trial: it has no hyperparameters", where=str(path))
    return {**trial, "folder": path.parent.name}


def _observed(trial: Mapping[str, Any]) -> dict[str, tuple[int, float, str]]:
    """The step, the mean over executions, and the direction of each metric."""
    kept = trial.get("metrics")
    metrics = kept.get("metrics") if isinstance(kept, dict) else None
    found: dict[str, tuple[int, float, str]] = {}
    for name, about in metrics.items() if isinstance(metrics, dict) else ():
        for seen in _dicts(about.get("observations") if isinstance(about, dict) else None):
            listed = seen.get("value")
            values = [number(value) for value in (listed if isinstance(listed, list) else [listed])]
            numbers = [value for value in values if value is not None]
            step = whole_number(seen.get("step"))
            if numbers and len(numbers) == len(values) and step is not None:
                found[name] = step, sum(numbers) / len(numbers), str(about.get("direction"))
    return found


def _objective(trials: Iterable[Mapping[str, Any]]) -> tuple[str | None, Goal | None]:
    """The only metric that equals every trial's score, and its goal; None if there is none or several."""
    scored = [(score, _observed(trial)) for trial in trials if (score := number(trial.get("score"))) is not None]
    names = dict.fromkeys(name for _, observed in scored for name in observed)
    fits = [name for name in names if all(name in own and own[name][1] == score for score, own in scored)]
    if len(fits) != 1:
        return None, None
    goals: Mapping[str, Goal] = {"min": "minimize", "max": "maximize"}
    return fits[0], goals.get(scored[0][1][fits[0]][2])


def _run(trial: Mapping[str, Any]) -> Run:
    by_step: dict[int, dict[str, float]] = {}
    for name, (step, value, _) in _observed(trial).items():
        by_step.setdefault(step, {})["step (logged)" if name == "step" else name] = value
    status = str(trial.get("status"))
    message = str(trial.get("message") or "").strip().split("\n")[-1]
    values = trial["hyperparameters"]["values"]
    return Run(
        name=trial["folder"],
        params={str(name): scalar(value) for name, value in values.items() if not name.startswith(_OWN)},
        evaluations=[{"step": step, **by_step[step]} for step in sorted(by_step)],
        state=_STATES.get(status),
        reason=message or f"status in Keras Tuner: {status}" if status in _STATES else None,
        source={"trial_id": trial.get("trial_id"), "status": status, "values": values},
    )


def _space(trials: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each hyperparameter with its searched range or values, without the fixed ones."""
    found: dict[str, dict[str, Any]] = {}
    for trial in trials:
        for about in _dicts(trial["hyperparameters"].get("space")):
            config = about.get("config")
            if isinstance(config, dict) and (setting := _setting(str(about.get("class_name")), config)) is not None:
                found[str(config.get("name"))] = setting
    tried = {name for trial in trials for name in trial["hyperparameters"]["values"]}
    return {name: setting for name, setting in found.items() if name in tried and not name.startswith(_OWN)}


def _setting(kind: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
    low, high, values = config.get("min_value"), config.get("max_value"), config.get("values")
    if kind == "Boolean":
        return {"values": [False, True]}
    if kind == "Choice" and isinstance(values, list) and values:
        return {"values": list(dict.fromkeys(map(scalar, values)))}
    if kind not in ("Float", "Int"):
        return None
    return span(low, high, whole=kind == "Int", log=config.get("sampling") in ("log", "reverse_log"))


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
