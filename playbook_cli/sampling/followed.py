"""What a Bayesian search begins with: the finished trials of a quasi-random study that are in its space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.acts import command
from playbook_cli.errors import JournalError, StudyError
from playbook_cli.files import journal
from playbook_cli.records import Best, TrialRecord
from playbook_cli.sampling.bayesian import LEAST, PER_DIMENSION, learned, needed
from playbook_cli.spec.samplers import SAMPLERS
from playbook_cli.storage import events
from playbook_cli.storage.store import Store
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import Parameter, StudyRecord, Value
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.space import Space


@dataclass(frozen=True, kw_only=True)
class Followed:
    """The trials that a search begins with, and the number of trials of the same study outside its space."""

    study: str
    """Name of that study."""
    trials: Sequence[TrialRecord]
    outside: int

    def noted(self) -> dict[str, Any]:
        """The form in the search's own journal, so that the other study may change or disappear."""
        return {
            "study": self.study,
            "outside": self.outside,
            "trials": [
                {
                    "trial": trial.id,
                    "params": trial.params,
                    "state": trial.state,
                    "value": trial.best.value if trial.best else None,
                    "step": trial.best.step if trial.best else None,
                }
                for trial in self.trials
            ],
        }


def recorded(paths: StudyPaths) -> Followed | None:
    """What a search began with, according to its journal; None if it has not begun."""
    for line, event in enumerate(journal.read(paths.journal), start=1):
        if event.get("event") != "follows":
            continue
        try:
            trials = [_trial(given) for given in event["trials"]]
            return Followed(study=str(event["study"]), trials=trials, outside=events.whole(event, "outside"))
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(
                f"this line does not describe the first trials of a Bayesian search: {error!r}",
                where=f"{paths.journal}:{line}",
                hint="the file was edited: restore it",
            ) from None
    return None


def _trial(given: Mapping[str, Any]) -> TrialRecord:
    number, params = events.whole(given, "trial"), events.settings(given, "params")
    value = given["value"]
    if value is not None and not (isinstance(value, int | float) and math.isfinite(value)):
        raise ValueError(f"value is {value!r}")
    best = None if value is None else Best(trial=number, value=value, step=events.whole(given, "step"), params=params)
    return TrialRecord(id=number, params=params, arm={}, seed=0, state=events.state(given), best=best)


def followed(spec: StudySpec, record: StudyRecord, where: str) -> Followed:
    """The trials of `record`, the study in the folder `where`, that a search begins with. StudyError if unsuitable."""
    _refuse_another_kind(spec, record, where)
    space = spec.space()
    search = record.search
    if search.unfinished:
        raise StudyError(
            f"{search.unfinished} of {search.planned} trials are unfinished, but a Bayesian search needs all of them",
            where=where,
            hint="finish this study first: playbook run STUDY.YAML",
        )
    told = [trial for trial in search.trials if learned(trial)]
    inside = [trial for trial in told if lies_in(space, trial)]
    result = Followed(study=record.name, trials=inside, outside=len(told) - len(inside))
    _refuse_too_few(result, space, where)
    return result


def store_of(spec: StudySpec) -> Store:
    """The study that a search continues. StudyError if there is none, or its trials were not sampled evenly."""
    store = Store(Path(spec.follows or ""))
    refuse_undrawn(store)
    return store


def refuse_undrawn(store: Store) -> None:
    """StudyError for a study whose points were not chosen by an even sampler."""
    how = store.spec.sampler
    if store.spec.imported is not None:
        raise StudyError(
            "another tool ran this study, so it is unknown how its points were chosen",
            where=str(store.paths.dir),
            hint=f"first run a quasi-random study of the same space; to write one: {command('next', store.paths.dir)}",
        )
    if not SAMPLERS[how].drawn:
        more = ", or raise `trials` of that search to extend it" if how == "bayesian" else ""
        raise StudyError(
            f"this study's sampler is {how}, but a Bayesian search must begin with evenly sampled trials",
            where=str(store.paths.dir),
            hint=f"continue a study with sampler: halton{more}",
        )


def _refuse_another_kind(spec: StudySpec, record: StudyRecord, where: str) -> None:
    for what, theirs, ours in (
        ("metric", f"{record.metric.goal} {record.metric.name}", f"{spec.objective.goal} {spec.objective.name}"),
        ("max_train_steps", record.max_train_steps, spec.max_train_steps),
    ):
        if theirs != ours:
            raise StudyError(
                f"{what} is {theirs} in that study but {ours} in this one, so its results do not apply",
                where=where,
                hint=f"continue a study with the same {what}",
            )


def _refuse_too_few(found: Followed, space: Space, where: str) -> None:
    completed = sum(trial.state == "completed" for trial in found.trials)
    if completed >= needed(space):
        return
    of = f"{plural(completed, 'completed trial')} in this study's space"
    if found.outside:
        of += f" ({found.outside} outside it)"
    raise StudyError(
        f"{of}, but a model needs {needed(space)} (at least {LEAST}, and {PER_DIMENSION} for each of "
        f"{plural(len(space.dimensions), 'dimension')})",
        where=where,
        hint="run more quasi-random trials first (raise `trials` of that study), or widen this study's ranges",
    )


def lies_in(space: Space, trial: TrialRecord) -> bool:
    """Whether the trial is in this space: it has the same hyperparameters, each with a possible value."""
    settings = dict(trial.params)
    active = {p.name: p for p in space.dimensions if p.active({**space.fixed, **settings})}
    if settings.keys() != active.keys() | space.fixed.keys():
        return False
    return all(_same(settings[name], value) for name, value in space.fixed.items()) and all(
        _reaches(parameter, settings[name]) for name, parameter in active.items()
    )


def _same(a: Value, b: Value) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _reaches(parameter: Parameter, value: Value) -> bool:
    if parameter.kind == "choice":
        return any(_same(value, choice) for choice in parameter.choices)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return parameter.low <= value <= parameter.high and (parameter.kind == "float" or value == int(value))
