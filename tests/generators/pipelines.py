"""Finished studies of pipelines whose results are known, written as a run would have left them, in no time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from playbook_cli.files import journal
from playbook_cli.files.paths import StudyPaths
from playbook_cli.sampling import make
from playbook_cli.sampling.planned import trial_seed
from playbook_cli.spec.load import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playbook_cli.records import TrialRecord

Result = float | None
"""Of a training; None where it diverged."""


def write(
    folder: Path,
    result: Callable[[TrialRecord], Result],
    *,
    ranges: int = 2,
    trials: int = 16,
    seed: int = 0,
    repeats: int = 0,
    pending: int = 0,
    **keys: Any,
) -> StudyPaths:
    """A study over `ranges` of [0, 1] into this folder; its best trial is repeated on so many seeds."""
    paths = StudyPaths(folder)
    folder.mkdir(parents=True)
    study = {
        "name": folder.name,
        "train": "toy:train",
        "metric": {"name": "val_error"},
        "max_train_steps": 4,
        "eval_every": 4,
        "trials": trials,
        "seed": seed,
        "nuisance": {f"x{number}": {"min": 0.0, "max": 1.0} for number in range(ranges)},
        **keys,
    }
    paths.spec.write_text(yaml.safe_dump(study), encoding="utf-8")
    spec = load(paths.spec)[0]
    planned = make(spec.sampler, spec.seed).suggest(spec.space(), [], trials)
    log = journal.Journal(paths.journal)
    log.append({"event": "run", "time": 0.0, "source": str(paths.spec), "command": []})
    results = {t.id: _trained(paths, log, t, result(t)) for t in planned[: trials - pending]}
    for trial in planned[trials - pending :]:
        _plan(log, trial)
    finite = {number: value for number, value in results.items() if value is not None}
    if repeats and finite:
        best = planned[min(finite, key=lambda number: finite[number])]
        for number in range(trials, trials + repeats):
            again = replace(best, id=number, seed=trial_seed(seed, number), repeat_of=best.id)
            _trained(paths, log, again, result(again))
    log.close()
    return paths


def _plan(log: journal.Journal, trial: TrialRecord) -> None:
    about = {"trial": trial.id, "params": trial.params, "arm": trial.arm, "seed": trial.seed}
    again = {} if trial.repeat_of is None else {"repeat_of": trial.repeat_of}
    log.append({"event": "planned", "time": 0.0, **about, **again})


def _trained(paths: StudyPaths, log: journal.Journal, trial: TrialRecord, value: Result) -> Result:
    _plan(log, trial)
    about = {"trial": trial.id, "attempt": 1, "time": 0.0}
    log.append({"event": "started", **about, "slot": "cpu0", "process": None})
    state, reason = ("completed", None) if value is not None else ("infeasible", "val_error is nan at step 4")
    log.append({"event": "ended", **about, "state": state, "reason": reason, "exit_code": 0})
    files = paths.trial(trial.id)
    files.dir.mkdir(parents=True)
    metrics = journal.Journal(files.metrics)
    metrics.append({"step": 4, "val_error": float("nan") if value is None else value})
    metrics.close()
    return value
