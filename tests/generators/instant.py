"""Trials that take no time: what a formula says of each is written as a run would have left it.

Everything else is the real thing: verbs, policies, folders, journals.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from playbook_cli.files import atomic, journal
from playbook_cli.running.study import Outcome
from playbook_cli.spec.load import dump
from playbook_cli.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import TrialRecord
    from playbook_cli.sampling.policy import Policy
    from playbook_cli.spec.model import StudySpec

    Curve = Callable[[StudySpec, TrialRecord], Mapping[int, Mapping[str, float]] | None]
    """The evaluations of a trial, by step; None where it diverges."""


@contextmanager
def instant(curve: Curve) -> Iterator[None]:
    """In here, every trial that a verb of this process runs takes no time."""

    def run_trials(
        spec: StudySpec, file: Any, paths: StudyPaths, slots: Any, lock: Any, policy: Policy, *_: Any, **__: Any
    ) -> Outcome:
        del slots, lock
        if not paths.spec.exists():
            atomic.write(paths.spec, dump(spec))
        log = journal.Journal(paths.journal)
        log.append({"event": "run", "time": time.time(), "source": str(file.absolute()), "command": ["playbook"]})
        while wanted := policy.suggest(Store(paths.dir).record().trials, 1).trials:
            for trial in wanted:
                _train(log, paths, spec, trial, curve(spec, trial))
        log.close()
        return Outcome(trials=Store(paths.dir).record().trials)

    with mock.patch("playbook_cli.commands.run.run_trials", run_trials):
        yield


def _train(
    log: journal.Journal,
    paths: StudyPaths,
    spec: StudySpec,
    trial: TrialRecord,
    curve: Mapping[int, Mapping[str, float]] | None,
) -> None:
    about = {"trial": trial.id, "attempt": 1, "time": time.time()}
    again = {} if trial.repeat_of is None else {"repeat_of": trial.repeat_of, "looked": trial.looked}
    log.append({"event": "planned", **about, "params": trial.params, "arm": trial.arm, "seed": trial.seed, **again})
    log.append({"event": "started", **about, "slot": "cpu0", "process": None})
    reason = None if curve is not None else f"{spec.metric.name} is nan at step {spec.steps_between_evaluations}"
    state = "completed" if curve is not None else "infeasible"
    log.append({"event": "ended", **about, "state": state, "reason": reason, "exit_code": 0})
    files = paths.trial(trial.id)
    files.dir.mkdir(parents=True)
    metrics = journal.Journal(files.metrics)
    for step, values in (curve or {spec.steps_between_evaluations: {spec.metric.name: float("nan")}}).items():
        metrics.append({"step": step, **values})
    metrics.close()
