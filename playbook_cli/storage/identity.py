"""Which planned trial the content of a trial's folder belongs to, checked against the journal before it is used.

A folder may outlive its journal, for example if git tracks results but not trials/, or if someone deletes a file. So
the runner writes into each trial's folder which trial it belongs to (`of`) and which attempt, and code that reads or
continues what is there calls `mismatch` first.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from playbook_cli.files import atomic, containment
from playbook_cli.records import DECIDED
from playbook_cli.spec.load import planning, training
from playbook_cli.storage.metrics import Measured, best_of, measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from playbook_cli.files.paths import TrialPaths
    from playbook_cli.records import Metric, TrialRecord, Value
    from playbook_cli.spec.model import StudySpec


def of(spec: StudySpec, trial: TrialRecord) -> str:
    """The identity of a planned trial: 32 hexadecimal digits of a hash of all that its results depend on."""
    return _of(training(spec), trial)


def others(spec: StudySpec, trials: Iterable[TrialRecord]) -> list[int]:
    """The trials that were planned with other settings than the study has now."""
    study = training(spec)
    return [trial.id for trial in trials if trial.identity not in (None, _of(study, trial))]


def of_study(spec: StudySpec) -> str:
    """The identity of all settings that a study's trials were planned with, like `of` for one trial."""
    return _hashed(planning(spec))


def before_it_grew(spec: StudySpec, trials: int) -> str:
    """The same of a study with listed points when it had only the first ones, for so many trials."""
    return of_study(spec.model_copy(update={"points": (spec.points or [])[:trials]}))


def _of(study: Mapping[str, Any], trial: TrialRecord) -> str:
    planned = {"trial": trial.id, "params": dict(trial.params), "seed": trial.seed, "repeat_of": trial.repeat_of}
    return _hashed({"study": study, **planned})


def _hashed(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:32]


def write(paths: TrialPaths, trial: TrialRecord, identity: str, *, attempt: int) -> None:
    """Mark a folder as this trial's, with the number and the mark of its last attempt. OSError if that fails."""
    mark = {"mark": trial.marks[-1]} if trial.marks else {}
    said = {"trial": trial.id, "identity": identity, "attempt": attempt, **mark}
    atomic.write(paths.identity, json.dumps(said) + "\n")


def write_params(paths: TrialPaths, params: Mapping[str, Value]) -> None:
    """Write a trial's hyperparameters for its program, unless they are there already. OSError if that fails."""
    if _read(paths.params) != _plain(params):
        atomic.write(paths.params, json.dumps(dict(params), indent=2) + "\n")


def mismatch(trial: TrialRecord, paths: TrialPaths, *, locked: bool = False) -> str | None:
    """Why the content of a trial's folder is not this trial's, as a clause about the folder; None if it is.

    For a journal of an earlier version, without identities, only the hyperparameters are compared. Without the study's
    lock, a trial that has no result yet may start another attempt at any time, so attempts are not compared.
    """
    params = _read(paths.params)
    if params is not None and params != trial.params and params != _plain(trial.params):
        return "it was trained with different hyperparameters"
    if trial.identity is None:
        return None
    known = _read(paths.identity)
    if known is None:
        return "it does not say which trial it belongs to"
    if known.get("identity") != trial.identity:
        return "it belongs to another trial"
    if locked or trial.state in DECIDED:
        return _of_another_journal(trial, known)
    return None


def measured(trial: TrialRecord, paths: TrialPaths, metric: Metric) -> Measured:
    """What a trial measured, checked by `verified`."""
    return verified(trial, paths, metric, measure(paths.metrics))


def verified(trial: TrialRecord, paths: TrialPaths, metric: Metric, read: Measured) -> Measured:
    """What was read from a trial's metrics file, if it is the trial's own and all that the journal recorded.

    Otherwise nothing, with the reason in `unused` and `damaged`.
    """
    if read.curve is None and trial.recorded is None:
        return read
    why = mismatch(trial, paths) if read.curve is not None else None
    why = why or _disagreement(trial, read, metric)
    return read if why is None else Measured(curve=None, infeasible=None, damaged=why, unused=why)


def _of_another_journal(trial: TrialRecord, known: Mapping[str, Any]) -> str | None:
    """Says that the last attempt in a folder is not the trial's; None if it is, or if it can't be known."""
    mark, attempt = known.get("mark"), known.get("attempt")
    later = isinstance(attempt, int) and attempt > trial.attempts
    if later or (mark is not None and mark not in trial.marks):
        return "it contains an attempt that is not in the journal"
    return None


def _disagreement(trial: TrialRecord, read: Measured, metric: Metric) -> str | None:
    """How a trial's evaluations differ from what the journal recorded at its end; None if they don't."""
    recorded = trial.recorded
    if recorded is None or trial.state not in DECIDED or read.curve is None:
        return None
    evaluations = len(read.curve.steps)
    if evaluations != recorded.evaluations:
        return f"there are {evaluations} evaluations, but the journal recorded {recorded.evaluations}"
    best = best_of(read.curve, metric, trial.id, trial.params)
    if recorded.value is not None and (best is None or (best.value, best.step) != (recorded.value, recorded.step)):
        found = "none" if best is None else f"{best.value:g} at step {best.step}"
        return f"the best evaluation is {found}, but the journal recorded {recorded.value:g} at step {recorded.step}"
    return None


def _plain(params: Mapping[str, Value]) -> Any:
    """Hyperparameters as read back from a file, with lists for tuples."""
    return json.loads(json.dumps(dict(params)))


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file; None if there is none, or it is torn."""
    try:
        content = json.loads(containment.content(path))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
