"""A study's folder, as queries. Nothing here writes, so reading never disturbs a run; `keep` alone may be asked to."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli import events, journal
from playbook_cli.columns import Columns
from playbook_cli.curves import best_of, latest, measured_by
from playbook_cli.divergence import judged
from playbook_cli.errors import JournalError, StudyError
from playbook_cli.identity import measured as measured_of
from playbook_cli.identity import verified
from playbook_cli.inside import refuse_ways_out
from playbook_cli.nodes import SILENT_SECONDS, told
from playbook_cli.paths import StudyPaths
from playbook_cli.records import Earlier, Metric, StudyRecord, TrialRecord, searched
from playbook_cli.spec.load import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psutil

    from playbook_cli.nodes import Node
    from playbook_cli.records import Value
    from playbook_cli.spec.model import Round, StudySpec

SHOWN_STUDIES = 8
CLUSTERS = {"slurm": True, "ray": False}
"""Slots of attempts that a cluster runs when it has room for them, and whether it does so without a runner."""


@dataclass(frozen=True, kw_only=True)
class Runner:
    """The process that runs a study, as it wrote itself down."""

    pid: int
    created: float
    """When the process started, as `began` has it."""
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
    """One study's folder. StudyError where there is none, or where it leads out of itself."""

    def __init__(self, directory: Path) -> None:
        self.paths = StudyPaths(directory)
        if not self.paths.spec.is_file():
            raise no_study(directory, directory.parent)
        refuse_ways_out(self.paths)
        self.spec: StudySpec = load(self.paths.spec)[0]
        self._columns = Columns(self.paths.columns)

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
        under_way = self._under_way(history)
        spec, space = self.spec, self.spec.space()
        trials = [self._measured(replace(t, state="running") if t.id in under_way else t) for t in history.trials]
        if spec.probe is None:
            trials = judged(trials, self.metric)
        return StudyRecord(
            name=spec.name,
            goal=spec.goal,
            metric=self.metric,
            max_train_steps=spec.max_train_steps,
            eval_every=spec.steps_between_evaluations,
            parameters=space.parameters,
            fixed=spec.fixed,
            arms=space.arms if spec.points is None else _listed_arms(trials) or space.arms,
            planned=planned(spec, trials),
            trials=trials,
            rules=spec.rules,
            raced=spec.probe is not None,
            listed=spec.points is not None,
            adaptive=spec.adaptive,
            imported=spec.imported is not None,
            earlier=None if spec.round is None else _earlier(spec, spec.round, trials, self.paths.dir.parent),
        )

    def on_cluster(self, history: History) -> dict[int, Node | None]:
        """What the nodes tell of the attempts that a cluster has and nobody saw end; None of those without a node."""
        alive = self.runner() is not None
        attempts = (a.trial for a in history.open_attempts if a.slot in CLUSTERS and (alive or CLUSTERS[a.slot]))
        return {trial: told(self.paths.trial(trial).node) for trial in attempts}

    def _under_way(self, history: History) -> set[int]:
        """The trials that run now; a runner need not be there where a cluster runs them."""
        running = {trial for trial, node in self.on_cluster(history).items() if node is not None and node.runs}
        if self.runner() is None:
            return running
        return running | {attempt.trial for attempt in history.open_attempts if attempt.slot not in CLUSTERS}

    def _measured(self, trial: TrialRecord) -> TrialRecord:
        if trial.attempts == 0:
            return trial
        paths = self.paths.trial(trial.id)
        measured = verified(trial, paths, self.metric, self._columns.measured(trial.id, paths.metrics))
        reason = trial.reason or measured.damaged
        return measured_by(trial, measured, self.metric, curve=measured.curve, reason=reason, unused=measured.unused)

    def keep(self, record: StudyRecord) -> None:
        """Keep what the finished trials of `record` measured beside the report, so that it is not read again."""
        self._columns.keep(trial.id for trial in record.trials if trial.state not in ("pending", "running"))

    def latest(self, trial: int) -> dict[str, Any] | None:
        """The newest evaluation of one trial, cheaply."""
        return latest(self.paths.trial(trial).metrics)


def read_history(paths: StudyPaths) -> History:
    """What the journal of a study says; empty where there is no journal yet."""
    trials: dict[int, dict[str, Any]] = {}
    attempts: dict[int, Attempt] = {}
    source: str | None = None
    seconds = 0.0
    for line, event in enumerate(journal.read(paths.journal), start=1):
        try:
            kind = event["event"]
            if kind == "run":
                source = events.text(event, "source")
            elif kind == "planned":
                number = events.whole(event, "trial")
                params, arm = events.settings(event, "params"), events.settings(event, "arm")
                repeat_of = None if event.get("repeat_of") is None else events.whole(event, "repeat_of")
                identity = events.text(event, "identity") if "identity" in event else None
                about = {"params": params, "arm": arm, "seed": events.seed(event), "repeat_of": repeat_of}
                about["identity"] = identity
                trials[number] = {"id": number, **about}
            elif kind == "started":
                number, attempt = events.whole(event, "trial"), events.whole(event, "attempt", least=1)
                trials[number].update(attempts=attempt, state="pending", reason=None, recorded=None)
                attempts[number] = Attempt(
                    trial=number, number=attempt, started=events.moment(event), slot=events.text(event, "slot") or ""
                )
            elif kind == "ended":
                number = events.whole(event, "trial")
                trials[number].update(state=events.state(event), reason=events.text(event, "reason"))
                trials[number]["recorded"] = events.recorded(event)
                if device := events.text(event, "device") if "device" in event else None:
                    before = trials[number].get("devices", ())
                    trials[number]["devices"] = before if device in before else (*before, device)
                trials[number]["shared"] = trials[number].get("shared", False) or event.get("shared") is True
                begun = attempts.pop(number, None)
                seconds += max(0.0, events.moment(event) - begun.started) if begun else 0.0
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(
                f"this is no event of a study: {error!r}",
                where=f"{paths.journal}:{line}",
                hint="the file was edited; restore it, or delete the line to go on without it",
            ) from None
    ordered = [TrialRecord(**trials[number]) for number in sorted(trials)]
    return History(trials=ordered, open_attempts=list(attempts.values()), source=source, trained_seconds=seconds)


def planned(spec: StudySpec, trials: Sequence[TrialRecord]) -> int:
    """How many trials the study is to have: those of its search, and the repeats that the journal knows."""
    search = len(searched(trials))
    return max(spec.trials or 0, search) + len(trials) - search


def _listed_arms(trials: Sequence[TrialRecord]) -> list[Mapping[str, Value]]:
    """The arms that listed points belong to; they need not be all arms of the space."""
    arms: list[Mapping[str, Value]] = []
    for trial in trials:
        if trial.arm not in arms:
            arms.append(trial.arm)
    return arms


def _earlier(spec: StudySpec, stands: Round, trials: Sequence[TrialRecord], runs: Path) -> Earlier | None:
    """What this round's points came to in the round before; None where its folder is gone."""
    folders = (StudyPaths(folder) for folder in (Path(stands.after), runs / Path(stands.after).name))
    before = next((paths for paths in folders if paths.spec.is_file()), None)
    if before is None:
        return None
    values = {}
    known = {trial.id: trial for trial in read_history(before).trials}
    for trial, number in zip(searched(trials), stands.trials, strict=False):
        if number not in known:
            continue
        measured = measured_of(known[number], before.trial(number), spec.objective)
        best = best_of(measured.curve, spec.objective, number, trial.params)
        if best is not None:
            values[trial.id] = best.value
    return Earlier(study=before.dir.name, number=stands.number, values=values)


def running(paths: StudyPaths) -> Runner | None:
    """The live runner of a study, by its own note; None where there is none."""
    try:
        note = json.loads(paths.runner.read_text(encoding="utf-8"))
        runner = Runner(**{name: note[name] for name in ("pid", "created", "host", "user", "since")})
        silent = time.time() - paths.runner.stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if runner.host != socket.gethostname():
        return runner if silent < SILENT_SECONDS else None
    return runner if is_alive(runner.pid, runner.created) else None


def is_alive(pid: int, created: float) -> bool:
    """Whether the process of this number that was started then still runs (numbers are used again)."""
    import psutil

    try:
        process = psutil.Process(pid)
        return abs(began(process) - created) < 2.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def began(process: psutil.Process) -> float:
    """When a process started, seconds since the machine did: it stays the same when somebody sets the clock."""
    import psutil

    return process.create_time() - psutil.boot_time()


def counts(trials: Iterable[TrialRecord], planned: int) -> dict[str, int]:
    """Trials by state, as `status --json` gives them."""
    states = [trial.state for trial in trials]
    counted = {state: states.count(state) for state in ("completed", "infeasible", "failed", "running")}
    return {"planned": planned, **counted, "pending": planned - sum(counted.values())}


def no_study(directory: Path, runs: Path) -> StudyError:
    """That a folder is not there, or holds no study, with the studies that lie beside it, or else in `runs`."""
    what = "there is no study in this folder" if directory.is_dir() else "there is no such folder"
    known = _known_studies(directory.parent) or _known_studies(runs)
    return StudyError(what, where=str(directory), hint=known or "playbook run study.yaml makes one")


def _known_studies(folder: Path) -> str | None:
    try:
        found = sorted(spec.parent for spec in folder.glob("*/study.yaml") if StudyPaths(spec.parent).journal.is_file())
    except OSError:
        return None
    more = [", ..."] if len(found) > SHOWN_STUDIES else []
    return "".join(["there are ", ", ".join(map(str, found[:SHOWN_STUDIES])), *more]) if found else None
