"""Experiments of Ax, as its client saves them: one JSON file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import number, whole_number
from playbook_cli.importing import layout, read_file
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.importing.values import scalar, span
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Goal, State

_STATES: Mapping[object, State] = {
    "FAILED": "failed",
    "ABANDONED": "failed",
    "CANDIDATE": "pending",
    "STAGED": "pending",
    "RUNNING": "pending",
}
_NAME = re.compile(r"-?\s*([A-Za-z_][\w./]*)")


def is_experiment(path: Path) -> bool:
    """Whether this is a file in which Ax saved an experiment."""
    if path.suffix != ".json" or not path.is_file():
        return False
    try:
        return _experiment(path) is not None
    except PlaybookError:
        return False


def read(ask: Ask) -> Runs:
    """A trial for every arm of every trial, by the only objective. Trials that violate an outcome constraint in their
    last evaluation are infeasible.

    PlaybookError if it is not such a file, has several objectives, or a constraint that its data cannot decide.
    """
    path = Path(ask.source)
    experiment = _experiment(path)
    if experiment is None:
        raise PlaybookError("this is not an experiment saved by Ax", where=ask.source)
    config = _dict(experiment, "optimization_config")
    metric, goal = _objective(_dict(config, "objective"), ask)
    constraints = [_constraint(each, ask.source) for each in _dicts(config.get("outcome_constraints"))]
    data, trials = _dict(experiment, "data_by_trial"), _dict(experiment, "trials")
    runs = [
        _run(key, trial, arm, _rows(data.get(key), ask.source), constraints)
        for key, trial in sorted(trials.items(), key=lambda item: layout.natural((item[0],)))
        if isinstance(trial, dict)
        for arm in _arms(trial)
    ]
    violating = sum(run.state == "infeasible" for run in runs)
    notes = [f"infeasible because they violate a constraint: {plural(violating, 'trial')}"] if violating else []
    return Runs(
        source=ask.source,
        format="ax",
        runs=runs,
        metric=metric,
        goal=goal,
        space=_space(_dict(experiment, "search_space"), runs),
        about={"name": experiment.get("name")},
        notes=notes,
    )


def _experiment(path: Path) -> dict[str, Any] | None:
    data = read_file.data(path)
    for found in (data, data.get("experiment") if isinstance(data, dict) else None):
        if (
            isinstance(found, dict)
            and "Experiment" in str(found.get("__type"))
            and isinstance(found.get("trials"), dict)
        ):
            return found
    return None


def _objective(objective: Mapping[str, Any], ask: Ask) -> tuple[str | None, Goal | None]:
    """The metric and its goal: `-loss` in newer files, a metric and a word in older ones."""
    said = objective.get("expression")
    if said is None:
        metric, least = _dict(objective, "metric").get("name"), objective.get("minimize")
        goal: Goal | None = "minimize" if least is True else "maximize" if least is False else None
        return (str(metric), goal) if metric is not None else (None, None)
    match = _NAME.fullmatch(str(said).strip())
    if match is None and ask.metric is None:
        raise PlaybookError(
            f"the experiment's objective is {said}, but a study has exactly one metric",
            where=ask.source,
            hint="choose one: --metric NAME --goal minimize (or maximize)",
        )
    return (match[1], "minimize" if str(said).strip().startswith("-") else "maximize") if match else (None, None)


def _constraint(said: Mapping[str, Any], source: str) -> tuple[str, str, float]:
    """The metric, LEQ or GEQ, and the bound."""
    name, op, bound = _dict(said, "metric").get("name"), _dict(said, "op").get("name"), number(said.get("bound"))
    if name is None or op not in ("LEQ", "GEQ") or bound is None or said.get("relative"):
        shown = (
            said.get("expression") or f"{name} {op} {said.get('bound')}{' relative' if said.get('relative') else ''}"
        )
        raise PlaybookError(
            f"the experiment's data do not say which trials violate its outcome constraint: {shown}",
            where=source,
            hint="write client.summarize() to a CSV file without the trials that violate it, and import that file",
        )
    return str(name), str(op), bound


def _arms(trial: Mapping[str, Any]) -> list[dict[str, Any]]:
    made = [trial.get("generator_run")]
    made += [each.get("generator_run") for each in _dicts(trial.get("generator_run_structs"))]
    return [arm for each in made if isinstance(each, dict) for arm in _dicts(each.get("arms"))]


def _rows(kept: object, source: str) -> list[dict[str, Any]]:
    """The rows of the last data of a trial, which Ax stores as a table of columns in JSON text."""
    listed = kept.get("value") if isinstance(kept, dict) else None
    pair = listed[-1] if isinstance(listed, list) and listed else None
    data = pair[-1] if isinstance(pair, list) and pair else None
    written = _dict(_dict({"data": data}, "data"), "df").get("value")
    try:
        columns = json.loads(written) if isinstance(written, str) else written
    except (ValueError, RecursionError) as error:
        raise PlaybookError(f"cannot read a trial's data: {error}", where=source) from None
    if not isinstance(columns, dict) or not all(isinstance(column, dict) for column in columns.values()):
        return []
    keys = dict.fromkeys(key for column in columns.values() for key in column)
    return [{name: column.get(key) for name, column in columns.items()} for key in keys]


def _run(
    key: str,
    trial: Mapping[str, Any],
    arm: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    constraints: Sequence[tuple[str, str, float]],
) -> Run:
    by_step: dict[int, dict[str, float]] = {}
    for row in rows:
        step = 1 if row.get("step") is None else whole_number(row["step"])
        value = number(row.get("mean"))
        if row.get("arm_name") in (arm.get("name"), None) and step is not None and value is not None:
            name = str(row.get("metric_name"))
            by_step.setdefault(step, {})["step (logged)" if name == "step" else name] = value
    last = {name: value for step in sorted(by_step) for name, value in by_step[step].items()}
    broken = [c for c in constraints if c[0] in last and (last[c[0]] > c[2] if c[1] == "LEQ" else last[c[0]] < c[2])]
    status = str(_dict(trial, "status").get("name"))
    state, reason = _STATES.get(status), str(trial.get("status_reason") or f"status in Ax: {status}")
    if broken and state is None:
        name, op, bound = broken[0]
        state, reason = "infeasible", f"violates the constraint {name} {'<=' if op == 'LEQ' else '>='} {bound:g}"
    params = arm.get("parameters")
    return Run(
        name=f"trial {arm.get('name', key)}",
        params={str(name): scalar(value) for name, value in params.items()} if isinstance(params, dict) else {},
        evaluations=[{"step": step, **by_step[step]} for step in sorted(by_step)],
        state=state,
        reason=reason if state or status == "EARLY_STOPPED" else None,
        source={"trial": key, "arm": arm.get("name"), "status": status},
    )


def _space(space: Mapping[str, Any], runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    found = {str(one.get("name")): setting for one in _dicts(space.get("parameters")) if (setting := _setting(one))}
    return {name: setting for name, setting in found.items() if any(name in run.params for run in runs)}


def _setting(parameter: Mapping[str, Any]) -> dict[str, Any] | None:
    low, high, values = parameter.get("lower"), parameter.get("upper"), parameter.get("values")
    if isinstance(values, list) and values:
        return {"values": list(dict.fromkeys(map(scalar, values)))}
    whole = _dict(parameter, "parameter_type").get("name") == "INT"
    return span(low, high, whole=whole, log=bool(parameter.get("log_scale")))


def _dict(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
