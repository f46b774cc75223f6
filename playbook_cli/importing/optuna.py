"""Studies in an Optuna storage."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from playbook_cli.errors import PlaybookError
from playbook_cli.files import regular
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.importing.values import plain, scalar
from playbook_cli.wording import first_line, plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from playbook_cli.records import State

VALUE = "value"
"""Name of the objective if the study does not name it."""
RETURNED = "returned"
"""The metric that holds what the objective returned, if that is not one of the values it reported."""
_CONSTRAINTS = "constraints"
"""Attribute of a trial that holds its constraints: all of them or, with a colon, each by name."""
NO_REASON = "raised an exception or returned NaN (Optuna does not record which)"
_LONGEST_LINE = 100_000
_SQLITE = b"SQLite format 3\x00"
_VIRTUAL = re.compile(r"\s*CREATE\s+VIRTUAL\b", re.IGNORECASE)
_TABLES = {"studies", "trials", "trial_params", "trial_values", "trial_intermediate_values", "version_info"}


def is_storage(source: str) -> bool:
    """Whether this is a database URL, an SQLite file, or an Optuna journal."""
    if "://" in source:
        return True
    if _is_journal(source):
        return True
    try:
        with regular.opened(source) as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def _is_journal(source: str) -> bool:
    """Whether this is a file of Optuna's JournalStorage; its first line creates a study."""
    try:
        with regular.opened(source) as file:
            first = json.loads(file.readline(_LONGEST_LINE))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and {"op_code", "worker_id"} <= first.keys()


def read(ask: Ask) -> Runs:
    """All trials of the named study, or of the only one. The storage is opened read-only.

    Intermediate values are evaluations of the objective, as Optuna defines them; so is the final value if there are
    none. PlaybookError if there is no such storage or study, or several objectives and none is named.
    """
    source, study, metric = ask.source, ask.name, ask.metric
    loaded, trials = _loaded(source, study)
    objectives = _objectives(loaded, metric)
    chosen = metric or objectives[0]
    if chosen not in objectives or (metric is None and len(objectives) > 1):
        raise PlaybookError(
            f"the Optuna study has {len(objectives)} objectives, but a Playbook study has exactly one",
            where=source,
            hint=f"add --metric with one of: {', '.join(objectives)}",
        )
    last = max((step for trial in trials for step in trial.intermediate_values), default=1)
    runs = [_run(trial, objectives, max(last, 1)) for trial in trials]
    direction = loaded.directions[objectives.index(chosen)]
    about = {
        "study_name": loaded.study_name,
        "objectives": objectives,
        "directions": [d.name for d in loaded.directions],
        "user_attrs": loaded.user_attrs,
        "system_attrs": loaded._storage.get_study_system_attrs(loaded._study_id),  # noqa: SLF001 (deprecated in public)
    }
    return Runs(
        source=source,
        format="optuna",
        runs=runs,
        metric=chosen,
        goal="maximize" if direction.name == "MAXIMIZE" else "minimize",
        space=_space(trials),
        about=plain(about),
        notes=_notes(runs, trials),
    )


def package() -> Any:
    """Optuna, with its log messages off. PlaybookError if it is not installed."""
    try:
        import optuna
    except ImportError:
        raise PlaybookError(
            "this needs Optuna, which is not installed", hint="pip install 'playbook-cli[bayes]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _loaded(source: str, name: str | None) -> tuple[optuna.Study, list[FrozenTrial]]:
    """The named study, or the only one, and its trials, checked to hold numbers."""
    package()
    try:
        return _load(_open(source), source, name)
    except PlaybookError:
        raise
    except Exception as error:  # noqa: BLE001 (Optuna checks nothing that it reads: what it raises can be anything)
        raise PlaybookError(f"Optuna cannot read this storage: {first_line(error)}", where=source) from None


def _load(
    storage: optuna.storages.BaseStorage, source: str, name: str | None
) -> tuple[optuna.Study, list[FrozenTrial]]:
    import optuna

    names = optuna.get_all_study_names(storage)
    if name not in names and (name is not None or len(names) != 1):
        what = f"there is no study named {name!r}" if name else f"this storage has {len(names)} studies"
        known = ", ".join(map(str, names)) or "(none)"
        raise PlaybookError(what, where=source, hint=f"add --name with one of: {known}")
    loaded = optuna.load_study(study_name=name or names[0], storage=storage)
    trials = loaded.get_trials(deepcopy=False)
    if not loaded.directions:
        raise PlaybookError("the study has no objective", where=source)
    for trial in trials:
        _check(trial)
    return loaded, trials


def _check(trial: FrozenTrial) -> None:
    """ValueError if SQLite holds something else in place of a number; it accepts any type in any column."""
    reported = trial.intermediate_values
    if not all(isinstance(step, int) and step >= 0 for step in (trial.number, *reported)):
        raise ValueError(f"trial {trial.number}: its number or a step is not a whole number")
    if not all(isinstance(value, float | int) for value in (*reported.values(), *(trial.values or ()))):
        raise ValueError(f"trial {trial.number}: a value is not a number")
    for name, searched in trial.distributions.items():
        searched.to_internal_repr(trial.params[name])  # raises for a value that it could not have suggested


def _open(source: str) -> optuna.storages.BaseStorage:
    """The storage, without creating anything in it; an SQLite file is opened read-only."""
    import optuna
    from optuna.storages.journal import JournalFileBackend
    from sqlalchemy.exc import SQLAlchemyError

    if _is_journal(source):
        return optuna.storages.JournalStorage(JournalFileBackend(source))
    url = source
    match = re.fullmatch(r"sqlite(?:\+\w+)?:///(.+)", source)
    if match or "://" not in source:
        path = Path(match[1] if match else source)
        check_file(path, source)
        url = f"sqlite:///file:{quote(str(path.absolute()))}?mode=ro&uri=true"
    try:
        return optuna.storages.RDBStorage(url, skip_table_creation=True)
    except (SQLAlchemyError, RuntimeError, ImportError, ValueError) as error:
        raise PlaybookError(f"Optuna cannot open this storage: {first_line(error)}", where=source) from None


def check_file(path: Path, source: str) -> None:
    """PlaybookError if `path` is not an SQLite file that holds Optuna studies; it is opened read-only."""
    if not path.is_file():
        raise PlaybookError("no such file", where=source, hint="give the storage as sqlite:///study.db")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as database:
            kept = list(database.execute("SELECT name, type, sql FROM sqlite_master"))
    except sqlite3.Error as error:
        raise PlaybookError(f"this is not an SQLite database: {error}", where=source) from None
    computed = [name for name, kind, sql in kept if kind in ("view", "trigger") or _VIRTUAL.match(sql or "")]
    if computed:
        raise PlaybookError(
            f"this database contains views, triggers or virtual tables ({min(computed)!r}), which Optuna never creates",
            where=source,
            hint="they may run code that never ends: copy only the plain tables into a new database",
        )
    tables = {name for name, kind, _ in kept if kind == "table"}
    if not tables >= _TABLES:
        raise PlaybookError("this database contains no Optuna studies", where=source)


def _objectives(study: optuna.Study, metric: str | None) -> list[str]:
    if study.metric_names:
        return list(study.metric_names)
    count = len(study.directions)
    return [metric or VALUE] if count == 1 else [f"{VALUE}_{index}" for index in range(count)]


def _run(trial: FrozenTrial, objectives: Sequence[str], last: int) -> Run:
    state, reason = _state(trial)
    params = trial.params or trial.system_attrs.get("fixed_params", {})
    return Run(
        name=f"trial {trial.number}",
        params={name: scalar(value) for name, value in params.items()},
        evaluations=_evaluations(trial, objectives, last),
        state=state,
        reason=reason,
        started=_seconds(trial.datetime_start),
        ended=_seconds(trial.datetime_complete),
        source=_source(trial),
    )


def _seconds(when: datetime | None) -> float | None:
    return when.timestamp() if when else None


def _evaluations(trial: FrozenTrial, objectives: Sequence[str], last: int) -> list[dict[str, float]]:
    steps = sorted(trial.intermediate_values)
    evaluations: list[dict[str, float]] = [{"step": s, objectives[0]: trial.intermediate_values[s]} for s in steps]
    if trial.values is None:
        return evaluations
    if not evaluations:
        return [{"step": last, **dict(zip(objectives, trial.values, strict=True))}]
    if trial.values[0] not in trial.intermediate_values.values():
        evaluations[-1][RETURNED] = trial.values[0]
    return evaluations


def _violated(trial: FrozenTrial) -> str | None:
    """The first constraint that a trial violates (a value above 0), in either form in which Optuna stores them."""
    listed = trial.system_attrs.get(_CONSTRAINTS)
    named = {str(index): value for index, value in enumerate(listed or ())}
    prefix = f"{_CONSTRAINTS}:"
    named |= {key.removeprefix(prefix): v for key, v in trial.system_attrs.items() if key.startswith(prefix)}
    return next(
        (f"violates the constraint {name}: {value} > 0" for name, value in named.items() if not value <= 0), None
    )


def _state(trial: FrozenTrial) -> tuple[State, str | None]:
    violated = _violated(trial)
    if violated and trial.state.name in ("COMPLETE", "PRUNED"):
        return "infeasible", violated
    match trial.state.name:
        case "COMPLETE":
            return "completed", None
        case "PRUNED":
            return "completed", f"pruned after step {max(trial.intermediate_values, default=0)}"
        case "FAIL":
            reported = sorted(trial.intermediate_values.items())
            if reported and not math.isfinite(reported[-1][1]):
                return "infeasible", f"reported {reported[-1][1]} at step {reported[-1][0]}"
            return "failed", str(trial.system_attrs.get("fail_reason", NO_REASON))
        case "RUNNING":
            return "pending", "still running when it was imported"
    return "pending", None


def _source(trial: FrozenTrial) -> dict[str, Any]:
    from optuna.distributions import distribution_to_json

    searched = trial.distributions
    said: dict[str, Any] = plain(
        {
            "tool": "optuna",
            "number": trial.number,
            "state": trial.state.name,
            "values": trial.values,
            "datetime_start": trial.datetime_start and trial.datetime_start.isoformat(),
            "datetime_complete": trial.datetime_complete and trial.datetime_complete.isoformat(),
            "distributions": {name: distribution_to_json(d) for name, d in searched.items()},
            "internal_params": {name: d.to_internal_repr(trial.params[name]) for name, d in searched.items()},
            "intermediate_values": [[step, value] for step, value in trial.intermediate_values.items()],
            "user_attrs": trial.user_attrs,
            "system_attrs": trial.system_attrs,
        }
    )
    return said


def _space(trials: Sequence[FrozenTrial]) -> dict[str, dict[str, Any]]:
    """Each hyperparameter over the union of the ranges that trials searched."""
    searched: dict[str, list[BaseDistribution]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            searched.setdefault(name, []).append(distribution)
    return {name: _union(distributions) for name, distributions in searched.items()}


def _union(distributions: Sequence[Any]) -> dict[str, Any]:
    first = distributions[0]
    if hasattr(first, "choices"):
        return {"values": list(dict.fromkeys(scalar(choice) for d in distributions for choice in d.choices))}
    low, high = min(d.low for d in distributions), max(d.high for d in distributions)
    if low == high:
        return {"values": [low]}
    ends = {"min": int(low), "max": int(high)} if isinstance(low, int) else {"min": float(low), "max": float(high)}
    return ends | ({"scale": "log"} if first.log else {})


def _notes(runs: Sequence[Run], trials: Sequence[FrozenTrial]) -> list[str]:
    notes = []
    violating = sum(trial.state.name in ("COMPLETE", "PRUNED") and _violated(trial) is not None for trial in trials)
    if violating:
        notes.append(f"infeasible because they violate a constraint: {plural(violating, 'trial')}")
    returned = sum(any(RETURNED in e for e in run.evaluations) for run in runs)
    if returned:
        notes.append(
            f"{plural(returned, 'trial')} returned a value that was never reported; it is kept as the metric "
            f"`{RETURNED}`, and the result is the best reported value"
        )
    pruned = sum(trial.state.name == "PRUNED" for trial in trials)
    if pruned:
        notes.append(f"pruned, so the best value reached counts: {plural(pruned, 'trial')}")
    distributions = {name: d for trial in trials for name, d in trial.distributions.items()}
    steps = {name: step for name, d in distributions.items() if (step := getattr(d, "step", None))}
    coarse = [f"{name} ({step:g})" for name, step in steps.items() if step != 1]
    if coarse:
        notes.append(f"searched in discrete steps, imported as continuous ranges: {', '.join(coarse)}")
    return notes
