"""Trials as Optuna stores them: those imported from Optuna unchanged, others as Optuna would have recorded them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import StudyError
from playbook_cli.files import containment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import Parameter, StudyRecord, TrialRecord, Value

Scalar = bool | int | float | str | None


def restored(paths: StudyPaths, count: int) -> list[FrozenTrial]:
    """The original trials of a study that was imported from Optuna. StudyError if the stored copy is damaged."""
    return [_read(paths.trial(number).source) for number in range(count)]


def made(study: StudyRecord) -> list[FrozenTrial]:
    """The trials of any other study, in order.

    A completed trial has its best evaluation as its value; infeasible and failed ones are FAIL, stopped ones PRUNED;
    unfinished ones are enqueued. Each trial starts and ends when it did here. The evaluations of the study's metric are
    intermediate values. The attribute `playbook` holds all metrics of the best evaluation, the seed, which trial is
    repeated, and why a trial failed.
    """
    distributions = _distributions(study)
    return [_made(trial, study, distributions) for trial in study.trials]


def _read(file: Path) -> FrozenTrial:
    try:
        return _restored(json.loads(containment.content(file)))
    except OSError as error:
        raise StudyError(containment.said(error, file), hint="import the storage again") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StudyError(
            f"this file was changed after the import: {error!r}", where=str(file), hint="import the storage again"
        ) from None


def _restored(source: Mapping[str, Any]) -> FrozenTrial:
    from optuna.distributions import json_to_distribution
    from optuna.trial import FrozenTrial, TrialState

    distributions = {name: json_to_distribution(text) for name, text in source["distributions"].items()}
    internal = source["internal_params"]
    return FrozenTrial(
        number=source["number"],
        trial_id=-1,
        state=TrialState[source["state"]],
        value=None,
        values=source["values"],
        datetime_start=_time(source["datetime_start"]),
        datetime_complete=_time(source["datetime_complete"]),
        params={name: d.to_external_repr(internal[name]) for name, d in distributions.items()},
        distributions=distributions,
        user_attrs=source["user_attrs"],
        system_attrs=source["system_attrs"],
        intermediate_values=dict(source["intermediate_values"]),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _made(trial: TrialRecord, study: StudyRecord, distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    values = {} if trial.curve is None else trial.curve.values
    steps = [] if trial.curve is None else [int(step) for step in trial.curve.steps]
    own = dict(zip(steps, map(float, values.get(study.metric.name, ())), strict=False))
    at_best = {}
    if trial.best is not None:
        index = steps.index(trial.best.step)
        at_best = {name: float(column[index]) for name, column in values.items()}
    note = {
        "trial": trial.id,
        "state": trial.state,
        "reason": trial.reason,
        "seed": trial.seed,
        "repeat_of": trial.repeat_of,
        "step": trial.best.step if trial.best else None,
        "metrics": at_best,
    }
    if trial.state in ("pending", "running"):
        enqueued = {"fixed_params": {name: _scalar(value) for name, value in trial.params.items()}}
        return create_trial(state=TrialState.WAITING, system_attrs=enqueued, user_attrs={"playbook": note})
    completed = trial.state == "completed" and trial.best is not None
    params = {label: value for label, _, value in _labelled(trial, study)}
    made = create_trial(
        state=TrialState.COMPLETE if completed else TrialState.PRUNED if trial.state == "stopped" else TrialState.FAIL,
        value=trial.best.value if completed and trial.best else None,
        params=params,
        distributions={label: distributions[label] for label in params},
        user_attrs={"playbook": note},
        intermediate_values=own,
    )
    if trial.spans:  # Optuna's clock is the local time; its own default is the time of the export
        made.datetime_start = datetime.fromtimestamp(trial.spans[0].start)  # noqa: DTZ006
        made.datetime_complete = datetime.fromtimestamp(trial.spans[-1].end or trial.spans[-1].start)  # noqa: DTZ006
    return made


def _labelled(trial: TrialRecord, study: StudyRecord) -> Iterator[tuple[str, Parameter | None, Scalar]]:
    """The trial's hyperparameters: label, the study's parameter (None if it is not one), and value."""
    for name, value in trial.params.items():
        parameter = next((p for p in study.parameters if p.name == name and p.active(trial.params)), None)
        yield parameter.label if parameter else name, parameter, _scalar(value)


def _distributions(study: StudyRecord) -> dict[str, BaseDistribution]:
    """The distribution of each hyperparameter, by label; Optuna needs the same one for all trials of a study."""
    tried: dict[str, list[Scalar]] = {}
    searched: dict[str, Parameter | None] = {p.label: p for p in study.parameters}
    for trial in study.trials:
        for label, parameter, value in _labelled(trial, study):
            tried.setdefault(label, []).append(value)
            if parameter is None:
                searched[label] = None
    return {label: _distribution(searched[label], values) for label, values in tried.items()}


def _distribution(parameter: Parameter | None, tried: Sequence[Scalar]) -> BaseDistribution:
    """A distribution that holds all these values: a range is widened to include them, text turns it into choices."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    numbers = [value for value in tried if isinstance(value, int | float) and not isinstance(value, bool)]
    if parameter is None or parameter.kind == "choice" or len(numbers) < len(tried):
        choices = map(_scalar, parameter.choices if parameter else ())
        return CategoricalDistribution(list(dict.fromkeys([*choices, *tried])))
    low, high = min(parameter.low, *numbers), max(parameter.high, *numbers)
    log = parameter.scale == "log" and low > 0  # 0 has no logarithm
    if parameter.kind == "int" and all(isinstance(value, int) for value in numbers):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)


def _scalar(value: Value) -> Scalar:
    """A value that Optuna can store; a list becomes text."""
    return json.dumps(value) if isinstance(value, tuple) else value
