"""A study's folder, as queries. Nothing here writes, so reading never disturbs a run."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from playbook_cli import journal
from playbook_cli.curves import best_of, latest, measure
from playbook_cli.errors import JournalError, StudyError
from playbook_cli.paths import StudyPaths
from playbook_cli.records import Metric, StudyRecord, TrialRecord, searched
from playbook_cli.spec.load import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from playbook_cli.records import State
    from playbook_cli.spec.model import StudySpec

HEARTBEAT_SECONDS = 10.0
SILENT_SECONDS = 60.0
"""A runner on another machine that has not been heard of for so long is taken for dead."""


@dataclass(frozen=True, kw_only=True)
class Runner:
    """The process that runs a study, as it wrote itself down."""

    pid: int
    created: float
    """When the process started, seconds since the epoch."""
    host: str
    user: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}, since {self.since}"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An attempt of which the journal knows the start but not the end."""

    trial: int
    number: int
    started: float
    """Seconds since the epoch."""
    slot: str


@dataclass(frozen=True, kw_only=True)
class History:
    """What the journal says: every planned trial in order of id, and the attempts that it saw start but not end."""

    trials: Sequence[TrialRecord]
    open_attempts: Sequence[Attempt]
    source: str | None
    """The study file that was run last."""
    trained_seconds: float
    """Time that all ended attempts took together."""


class Store:
    """One study's folder. StudyError where there is none."""

    def __init__(self, directory: Path) -> None:
        self.paths = StudyPaths(directory)
        if not self.paths.spec.is_file():
            raise StudyError(
                "there is no study in this folder",
                where=str(directory),
                hint=_known_studies(directory.parent) or "playbook run study.yaml makes one",
            )
        self.spec: StudySpec = load(self.paths.spec)[0]

    @property
    def metric(self) -> Metric:
        return self.spec.objective

    def history(self) -> History:
        """The journal, without what trials measured. JournalError where it is damaged."""
        return read_history(self.paths)

    def runner(self) -> Runner | None:
        """Who runs the study now; None where nobody does."""
        return running(self.paths)

    def record(self) -> StudyRecord:
        """The whole study with all evaluations, for analysis. Trials that are under way are `running`."""
        history = self.history()
        alive = self.runner() is not None
        under_way = {attempt.trial for attempt in history.open_attempts} if alive else set()
        spec, space = self.spec, self.spec.space()
        trials = [self._measured(replace(t, state="running") if t.id in under_way else t) for t in history.trials]
        return StudyRecord(
            name=spec.name,
            goal=spec.goal,
            metric=self.metric,
            max_train_steps=spec.max_train_steps,
            eval_every=spec.steps_between_evaluations,
            parameters=space.parameters,
            fixed=spec.fixed,
            arms=space.arms,
            planned=planned(spec, trials),
            trials=trials,
            rules=spec.rules,
            raced=spec.sampler == "listed",
        )

    def _measured(self, trial: TrialRecord) -> TrialRecord:
        if trial.attempts == 0:
            return trial
        measured = measure(self.paths.trial(trial.id).metrics)
        curve = measured.curve
        return replace(
            trial,
            curve=curve,
            best=best_of(curve, self.metric, trial.id, trial.params),
            last_step=int(curve.steps[-1]) if curve is not None else 0,
            reason=trial.reason or measured.damaged,
        )

    def latest(self, trial: int) -> dict[str, Any] | None:
        """The newest evaluation of one trial, cheaply."""
        return latest(self.paths.trial(trial).metrics)


def read_history(paths: StudyPaths) -> History:
    """What the journal of a study says; empty where there is no journal yet."""
    trials: dict[int, TrialRecord] = {}
    attempts: dict[int, Attempt] = {}
    source: str | None = None
    seconds = 0.0
    for line, event in enumerate(journal.read(paths.journal), start=1):
        try:
            kind = event["event"]
            if kind == "run":
                source = event["source"]
            elif kind == "planned":
                number = int(event["trial"])
                params, arm = (
                    {name: tuple(value) if isinstance(value, list) else value for name, value in event[key].items()}
                    for key in ("params", "arm")
                )
                trials[number] = TrialRecord(
                    id=number, params=params, arm=arm, seed=event["seed"], repeat_of=event.get("repeat_of")
                )
            elif kind == "started":
                number = int(event["trial"])
                attempts[number] = Attempt(
                    trial=number, number=event["attempt"], started=event["time"], slot=event["slot"]
                )
                trials[number] = replace(trials[number], attempts=event["attempt"], state="pending", reason=None)
            elif kind == "ended":
                number = int(event["trial"])
                attempt = attempts.pop(number, None)
                seconds += max(0.0, event["time"] - attempt.started) if attempt else 0.0
                trials[number] = replace(trials[number], state=cast("State", event["state"]), reason=event["reason"])
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(
                f"this is no event of a study: {error!r}",
                where=f"{paths.journal}:{line}",
                hint="the file was edited; restore it, or delete the line to go on without it",
            ) from None
    ordered = [trials[number] for number in sorted(trials)]
    return History(trials=ordered, open_attempts=list(attempts.values()), source=source, trained_seconds=seconds)


def planned(spec: StudySpec, trials: Sequence[TrialRecord]) -> int:
    """How many trials the study is to have: those of its search, and the repeats that the journal knows."""
    search = len(searched(trials))
    return max(spec.trials or 0, search) + len(trials) - search


def running(paths: StudyPaths) -> Runner | None:
    """The live runner of a study, by its own note; None where there is none."""
    try:
        note = json.loads(paths.runner.read_text(encoding="utf-8"))
        runner = Runner(**{name: note[name] for name in ("pid", "created", "host", "user", "since")})
        silent = time.time() - paths.runner.stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if runner.host != socket.gethostname():
        return runner if silent < SILENT_SECONDS else None
    return runner if is_alive(runner.pid, runner.created) else None


def is_alive(pid: int, created: float) -> bool:
    """Whether the process of this number that was started then still runs (numbers are used again)."""
    import psutil

    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < 2.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def counts(trials: Iterable[TrialRecord], planned: int) -> dict[str, int]:
    """Trials by state, as `status --json` gives them."""
    states = [trial.state for trial in trials]
    counted = {state: states.count(state) for state in ("completed", "infeasible", "failed", "running")}
    return {"planned": planned, **counted, "pending": planned - sum(counted.values())}


def _known_studies(folder: Path) -> str | None:
    try:
        names = sorted(entry.parent.name for entry in folder.glob("*/study.yaml"))
    except OSError:
        return None
    return f"there are {', '.join(str(folder / name) for name in names[:8])}" if names else None
