"""A study's folder, as queries. Nothing here writes, except `keep`, so reading never disturbs a run."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.acts import run
from playbook_cli.errors import JournalError, SpecError, StudyError
from playbook_cli.files import journal, regular
from playbook_cli.files.containment import refuse_ways_out
from playbook_cli.files.paths import StudyPaths
from playbook_cli.records import ENDED, Earlier, Metric, Span, StudyRecord, TrialRecord, codes, searched
from playbook_cli.spec.launchers import CLUSTERS
from playbook_cli.spec.load import load
from playbook_cli.spec.samplers import SAMPLERS
from playbook_cli.spec.units import step_unit
from playbook_cli.storage import events, identity
from playbook_cli.storage.divergence import judged
from playbook_cli.storage.failures import numbered
from playbook_cli.storage.heartbeats import SILENT_SECONDS, is_copied, read_heartbeat, silent_seconds
from playbook_cli.storage.metrics import best_of, measured_by
from playbook_cli.storage.metrics_cache import Columns
from playbook_cli.storage.whoami import machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psutil

    from playbook_cli.files.fingerprint import Fingerprint
    from playbook_cli.records import Value
    from playbook_cli.spec.model import Round, StudySpec
    from playbook_cli.spec.space import Space
    from playbook_cli.storage.heartbeats import Node

_RESTORE = "restore this file, or delete it: playbook run writes it again from your study file"
SHOWN_STUDIES = 8


@dataclass(frozen=True, kw_only=True)
class Runner:
    """The process that runs a study, as its note describes it."""

    pid: int
    created: float
    """When the process started, as returned by `began`."""
    host: str
    user: str
    since: str
    machine: str = ""
    """Where its process number is valid, from `whoami.machine`; "" in the note of an earlier version."""
    device: int | None = None
    """Device number of the folder, as that process has mounted it."""
    inode: int | None = None
    """Inode of the note; it distinguishes a copy of the folder from the folder that it runs in."""

    @property
    def is_near(self) -> bool:
        """Whether this process can see it, so that its process number tells whether it is alive."""
        return self.machine == machine() if self.machine else self.host == socket.gethostname()

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}, since {self.since}"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An attempt that has a start in the journal but no end."""

    trial: int
    number: int
    started: float
    """Seconds since the epoch."""
    slot: str


@dataclass(frozen=True, kw_only=True)
class History:
    """What the journal says: every planned trial in order of id, and the attempts without an end."""

    trials: Sequence[TrialRecord]
    open_attempts: Sequence[Attempt]
    source: str | None
    """Path of the study file that was run last."""
    settings: str | None
    """Identity of its settings, from `identity.of_study`; None in a journal of an earlier version."""
    trained_seconds: float
    """Total time of all ended attempts."""
    programs: Mapping[str, Fingerprint]
    """The versions of the program that attempts ran, by their codes, in order of first use."""


class Store:
    """One study's folder. StudyError if there is none, or if a link in it leads out of it."""

    def __init__(self, directory: Path) -> None:
        self.paths = StudyPaths(directory)
        if not self.paths.spec.is_file():
            raise no_study(directory, directory.parent)
        refuse_ways_out(self.paths)
        self.spec: StudySpec = stored_study(self.paths) or load(self.paths.spec)[0]
        self._columns = Columns(self.paths.columns)

    @property
    def metric(self) -> Metric:
        return self.spec.objective

    def history(self) -> History:
        """The journal, without what trials measured. JournalError if it is damaged."""
        return read_history(self.paths)

    def runner(self) -> Runner | None:
        """The process that runs the study now; None if there is none."""
        return running(self.paths)

    def record(self) -> StudyRecord:
        """The whole study with all evaluations, for analysis."""
        history = self.history()
        under_way = self.under_way(history)
        spec, space = self.spec, self.spec.space()
        trials = [self._measured(replace(t, state="running") if t.id in under_way else t) for t in history.trials]
        if spec.probe is None:
            trials = judged(trials, self.metric)
        return StudyRecord(
            name=spec.name,
            goal=spec.goal,
            metric=self.metric,
            max_train_steps=spec.max_train_steps,
            step_unit=step_unit(spec),
            eval_every=spec.steps_between_evaluations,
            takes_eval_every=spec.takes_eval_every,
            parameters=space.parameters,
            fixed=spec.fixed,
            arms=_arms(spec, space, trials),
            planned=planned(spec, trials),
            trials=trials,
            rules=spec.rules,
            raced=spec.probe is not None,
            listed=spec.points is not None,
            even=SAMPLERS[spec.sampler].even,
            adaptive=spec.adaptive,
            imported=spec.imported is not None,
            programs=history.programs,
            replaced=replaced(spec, history, self.paths),
            earlier=None if spec.round is None else _earlier(spec, spec.round, trials, self.paths.dir.parent),
        )

    def on_cluster(self, history: History) -> dict[int, Node | None]:
        """Reports of the nodes for open attempts on a cluster, by trial; None for an attempt without a node."""
        alive = self.runner() is not None
        if not alive and is_copied(self.paths.dir):
            return {}
        attempts = (
            a.trial for a in history.open_attempts if a.slot in CLUSTERS and (alive or CLUSTERS[a.slot].detached)
        )
        return {trial: read_heartbeat(self.paths.trial(trial).node) for trial in attempts}

    def under_way(self, history: History) -> set[int]:
        """The trials that are running; those on a cluster may run without a runner."""
        running = {trial for trial, node in self.on_cluster(history).items() if node is not None and node.runs}
        if self.runner() is None:
            return running
        return running | {attempt.trial for attempt in history.open_attempts if attempt.slot not in CLUSTERS}

    def _measured(self, trial: TrialRecord) -> TrialRecord:
        if trial.attempts == 0:
            return trial
        paths = self.paths.trial(trial.id)
        measured = identity.verified(trial, paths, self.metric, self._columns.measured(trial.id, paths.metrics))
        reason = trial.reason or measured.damaged
        return measured_by(trial, measured, self.metric, curve=measured.curve, reason=reason, unused=measured.unused)

    def keep(self, record: StudyRecord) -> None:
        """Cache what the finished trials of `record` measured, beside the report."""
        self._columns.keep(trial.id for trial in record.trials if trial.state not in ("pending", "running"))


def stored_study(paths: StudyPaths) -> StudySpec | None:
    """The study of a folder; None if it has none, or only an empty file and no trials, as after a full disk.

    StudyError if the file is empty but there are trials.
    """
    try:
        blank = not regular.content(paths.spec).strip(b"\0 \n")
    except FileNotFoundError:
        return None
    if not blank:
        try:
            return load(paths.spec, kept=True)[0]
        except SpecError as error:
            raise SpecError(error.what, where=error.where, hint=_RESTORE) from error
    if not journal.read(paths.journal):
        return None
    raise StudyError("the file is empty, but the folder has trials", where=str(paths.spec), hint=_RESTORE)


def read_history(paths: StudyPaths) -> History:
    """What the journal of a study says; empty if there is no journal yet."""
    trials: dict[int, dict[str, Any]] = {}
    attempts: dict[int, Attempt] = {}
    source: str | None = None
    settings: str | None = None
    seconds = 0.0
    programs: dict[str, Fingerprint] = {}
    for line, event in enumerate(journal.read(paths.journal), start=1):
        try:
            kind = event["event"]
            if kind == "run":
                source = events.text(event, "source")
                settings = events.text(event, "settings") if "settings" in event else None
            elif kind == "planned":
                number = events.whole(event, "trial")
                params, arm = events.settings(event, "params"), events.settings(event, "arm")
                repeat_of = None if event.get("repeat_of") is None else events.whole(event, "repeat_of")
                about = {"params": params, "arm": arm, "seed": events.seed(event), "repeat_of": repeat_of}
                about["looked"] = event.get("looked") is True
                about["identity"] = events.text(event, "identity") if "identity" in event else None
                trials[number] = {"id": number, **about, "planned": events.moment(event) if "time" in event else None}
            elif kind == "started":
                number, attempt = events.whole(event, "trial"), events.whole(event, "attempt", least=1)
                trials[number].update(attempts=attempt, state="pending", reason=None, recorded=None)
                if mark := events.text(event, "mark") if "mark" in event else None:
                    trials[number]["marks"] = (*trials[number].get("marks", ()), mark)
                if code := events.text(event, "code") if "code" in event else None:
                    before, resumed = trials[number].get("codes", ()), event.get("resumed") is True
                    trials[number]["codes"] = codes(before, code, resumed=resumed)
                attempts[number] = Attempt(
                    trial=number, number=attempt, started=events.moment(event), slot=events.text(event, "slot") or ""
                )
            elif kind == "stopped":
                trials[events.whole(event, "trial")]["stopped"] = events.stopped(event)
            elif kind == "program":
                program = events.program(event)
                programs.setdefault(events.text(event, "code") or "", program)
            elif kind == "ended":
                number = events.whole(event, "trial")
                begun = attempts.pop(number, None)
                _end(trials[number], event, begun)
                seconds += max(0.0, events.moment(event) - begun.started) if begun else 0.0
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(
                f"this is not an event of a study: {error!r}",
                where=f"{paths.journal}:{line}",
                hint="the file was edited; restore it, or delete the line to continue without it",
            ) from None
    for number, begun in attempts.items():
        span = Span(start=begun.started, end=None, slot=begun.slot)
        trials[number]["spans"] = (*trials[number].get("spans", ()), span)
    ordered = [TrialRecord(**trials[number]) for number in sorted(trials)]
    return History(
        trials=ordered,
        open_attempts=list(attempts.values()),
        source=source,
        settings=settings,
        trained_seconds=seconds,
        programs=programs,
    )


def _end(about: dict[str, Any], event: Mapping[str, Any], begun: Attempt | None) -> None:
    """Note in what is known of a trial how an attempt ended."""
    about.update(state=events.state(event), reason=events.text(event, "reason"), recorded=events.recorded(event))
    if event["state"] in ("completed", "infeasible"):
        about["stopped"] = None  # it had trained to its end before it could be stopped
    if device := events.text(event, "device") if "device" in event else None:
        before = about.get("devices", ())
        about["devices"] = before if device in before else (*before, device)
    about["shared"] = about.get("shared", False) or event.get("shared") is True
    if begun is not None:
        span = Span(start=begun.started, end=events.moment(event), slot=begun.slot)
        about["spans"] = (*about.get("spans", ()), span)


def replaced(spec: StudySpec, history: History, paths: StudyPaths) -> str | None:
    """Says that a study's trials were planned with other settings than it has now; None if they were not.

    The space of sweeps and other probes grows with every round, so for them only the settings of single trials count.
    """
    others = identity.others(spec, history.trials)
    if others:
        whose = f"trial{'s' * (len(others) > 1)} {numbered(others)}"
    elif history.trials and spec.probe is None and history.settings not in (None, identity.of_study(spec)):
        if history.settings == identity.before_it_grew(spec, len(searched(history.trials))):
            return None
        whose = "the study"
    else:
        return None
    return f"{paths.spec} is not the study file that {whose} ran with: restore it"


def planned(spec: StudySpec, trials: Sequence[TrialRecord]) -> int:
    """Planned number of trials: those of the search, and the repeats in the journal."""
    search = len(searched(trials))
    return max(spec.trials or 0, search) + len(trials) - search


EMPTY_ARMS = 1000
"""Up to this many arms, a study's record includes arms without a trial."""


def _arms(spec: StudySpec, space: Space, trials: Sequence[TrialRecord]) -> Sequence[Mapping[str, Value]]:
    """The arms of the space; only those with trials if points are listed, or if most arms have no trial."""
    few = space.arm_count <= max(planned(spec, trials), EMPTY_ARMS)
    if few and spec.points is None:
        return space.arms
    tried: dict[frozenset[tuple[str, Value]], Mapping[str, Value]] = {}
    for trial in trials:
        tried.setdefault(frozenset(trial.arm.items()), trial.arm)
    return list(tried.values()) or (space.arms if few else [space.first_arm])


def _earlier(spec: StudySpec, stands: Round, trials: Sequence[TrialRecord], runs: Path) -> Earlier | None:
    """The results of this round's points in the round before; None if there is none that can be read."""
    folders = (StudyPaths(folder) for folder in (Path(stands.after), runs / Path(stands.after).name))
    before = next((paths for paths in folders if _is_closed(paths)), None)
    if before is None:
        return None
    values = {}
    try:
        known = {trial.id: trial for trial in read_history(before).trials}
    except (JournalError, OSError):
        return None
    for trial, number in zip(searched(trials), stands.trials, strict=False):
        if number not in known:
            continue
        measured = identity.measured(known[number], before.trial(number), spec.objective)
        best = best_of(measured.curve, spec.objective, number, trial.params)
        if best is not None:
            values[trial.id] = best.value
    beside = before.dir.resolve().parent == runs.resolve()
    folder = None if beside else str(before.dir.absolute())
    return Earlier(study=before.dir.name, folder=folder, number=stands.number, values=values)


def _is_closed(paths: StudyPaths) -> bool:
    """Whether this folder has a study, with no links that lead out of it."""
    try:
        refuse_ways_out(paths)
    except StudyError:
        return False
    return paths.spec.is_file()


def noted(paths: StudyPaths) -> Runner | None:
    """The process that wrote the note in a study's folder, alive or dead; None if there is no complete note."""
    try:
        note = json.loads(regular.content(paths.runner))
        about = {name: str(note[name]) for name in ("host", "user", "since")}
        machine, device, inode = str(note.get("machine", "")), note.get("device"), note.get("inode")
        pid, created = note["pid"], float(note["created"])
        if not isinstance(pid, int) or isinstance(pid, bool) or pid < 1:
            return None
        return Runner(**about, pid=pid, created=created, machine=machine, device=device, inode=inode)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None


def is_anothers(paths: StudyPaths) -> bool:
    """Whether the note in a study's folder is another process's."""
    runner = noted(paths)
    return runner is not None and (runner.pid != os.getpid() or not runner.is_near)


def running(paths: StudyPaths) -> Runner | None:
    """The live runner of a study, by its note; None if there is none.

    For another machine or container, the heartbeat decides.
    """
    runner = noted(paths)
    if runner is None:
        return None
    if runner.is_near:
        return runner if runs_here(runner, paths) else None
    try:
        return runner if silent_seconds(paths.runner) < SILENT_SECONDS else None
    except OSError:  # let go of just now
        return None


def runs_here(runner: Runner, paths: StudyPaths) -> bool:
    """Whether a runner of this machine is alive, and its note is in the folder that it runs, not in a copy."""
    try:
        status = paths.runner.stat()
    except OSError:  # let go of just now
        return False
    copied = runner.device == status.st_dev and runner.inode not in (None, status.st_ino)
    return not copied and is_alive(runner.pid, runner.created)


def is_alive(pid: int, created: float) -> bool:
    """Whether the process with this number and start time is still running (numbers are reused)."""
    import psutil

    try:
        process = psutil.Process(pid)
        return abs(began(process) - created) < 2.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def began(process: psutil.Process) -> float:
    """When a process started, in seconds since boot, so that it stays the same if the clock is set."""
    import psutil

    return process.create_time() - psutil.boot_time()


def counts(trials: Iterable[TrialRecord], planned: int) -> dict[str, int]:
    """Trials by state, as `status --json` gives them."""
    states = [trial.state for trial in trials]
    counted: dict[str, int] = {state: states.count(state) for state in (*ENDED, "running")}
    if not counted["stopped"]:  # only studies with early_stopping have such trials
        del counted["stopped"]
    return {"planned": planned, **counted, "pending": planned - sum(counted.values())}


def no_study(directory: Path, runs: Path) -> StudyError:
    """The error that a folder is missing or has no study; it lists the studies beside it, or else in `runs`."""
    if StudyPaths(directory).journal.is_file():
        return StudyError("study.yaml is missing, but the folder has trials", where=str(directory), hint=_RESTORE)
    what = "there is no study in this folder" if directory.is_dir() else "there is no such folder"
    known = _known_studies(directory.parent) or _known_studies(runs)
    return StudyError(what, where=str(directory), hint=known or f"{run('study.yaml', runs)} creates one")


def _known_studies(folder: Path) -> str | None:
    try:
        found = sorted(spec.parent for spec in folder.glob("*/study.yaml") if StudyPaths(spec.parent).journal.is_file())
    except OSError:
        return None
    more = [", ..."] if len(found) > SHOWN_STUDIES else []
    return "".join(["existing studies: ", ", ".join(map(str, found[:SHOWN_STUDIES])), *more]) if found else None
