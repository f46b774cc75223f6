"""The loop of a study: ask its policy, launch, poll, record."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from playbook_cli import wording
from playbook_cli.errors import StudyError
from playbook_cli.files import atomic, journal
from playbook_cli.files.containment import require_plain
from playbook_cli.files.logs import last_lines
from playbook_cli.launch.command import job
from playbook_cli.launch.config import write_config
from playbook_cli.launch.made_of import program_of
from playbook_cli.launch.memory import gpu_out_of_memory
from playbook_cli.records import DECIDED, WHOLE, TrialRecord, codes
from playbook_cli.sampling.continued import ANEW, began_anew, checkpoint_of, go_on_from
from playbook_cli.spec.load import dump
from playbook_cli.storage import identity
from playbook_cli.storage.metrics import measure, measured_by
from playbook_cli.storage.store import read_history

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from playbook_cli.files.fingerprint import Fingerprint
    from playbook_cli.files.paths import StudyPaths, TrialPaths
    from playbook_cli.launch import Ended, Launcher
    from playbook_cli.records import State, Stopped
    from playbook_cli.sampling.policy import Policy
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.storage.lock import StudyLock
    from playbook_cli.storage.metrics import Measured
    from playbook_cli.storage.store import History

POLL_SECONDS = 0.01
SHORTEST_POLL_SECONDS = 0.001
LOOK_SECONDS = 0.1
"""Time between two checks whether trials have trained for long enough."""
HOPELESS_CRASHES = 3
"""The study stops if this many different trials crash before any ends well."""
SHOWN_LINES = 15
NO_METRIC = "it ended without an evaluation of"
"""How the reason of a trial begins that failed because its script doesn't report the study's metric."""


class Watcher(Protocol):
    """Shows the events of a run."""

    def begun(self, trials: Sequence[TrialRecord], slots: int, further: int = 0) -> None:
        """The trials of the run and their states, how many can run in parallel, and how many are not known yet."""

    def started(self, trial: TrialRecord, slot: str) -> None:
        """An attempt started."""

    def ended(self, trial: TrialRecord, note: str | None) -> None:
        """An attempt ended; `note` says why it has no result or will be retried."""

    def remark(self, text: str) -> None:
        """Something about the run as a whole."""

    def tick(self) -> None:
        """Called often, to refresh the view."""


class View(Watcher, Protocol):
    """A watcher that has something to put away at the end."""

    def close(self) -> None:
        """Nothing happens any more."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run of a study ended."""

    trials: Sequence[TrialRecord]
    hopeless: str | None = None
    """Why the run gave up: every trial crashed."""
    interrupted: bool = False
    left: int = 0
    """Number of trials that keep running without this process."""


@dataclass(kw_only=True)
class Stop:
    """Set by a signal handler: once asks the trials to end, twice kills them."""

    asked: int = 0

    def ask(self, *_: object) -> None:
        self.asked += 1


@dataclass(kw_only=True)
class _Attempt:
    number: int
    started: float
    """Time by the monotonic clock."""
    log_start: int
    """Size of stdout.log when it started."""
    timed_out: bool = False
    cancelled: bool = False
    enough: str | None = None
    """Why it has trained for long enough, if it has; then it doesn't matter how its process ends."""
    ended: Ended | None = None
    measured: Measured | None = None
    """Content of its metrics file when it ended."""


@dataclass(kw_only=True)
class Study:
    """Runs what is missing of a study. The caller holds the study's lock."""

    spec: StudySpec
    paths: StudyPaths
    folder: Path
    """Folder of the study file."""
    policy: Policy
    launcher: Launcher
    watcher: Watcher
    lock: StudyLock
    stop: Stop
    origin: dict[str, Any]
    """Where the study came from: its file, the command, the commit."""
    detach: bool = False
    """Whether to exit once everything is submitted."""
    programs: dict[str, Fingerprint] = field(default_factory=dict)
    """The versions of the program in the journal, by their codes."""
    _trials: dict[int, TrialRecord] = field(default_factory=dict)
    _attempts: dict[int, _Attempt] = field(default_factory=dict)
    _polled: deque[Ended] = field(default_factory=deque)
    """Attempts that the launcher has reported as ended but that are not recorded yet."""
    _crashes: dict[int, int] = field(default_factory=dict)
    """Number of crashed attempts in this run, by trial."""
    _log_starts: dict[int, int] = field(default_factory=dict)
    """Byte offset in the log where the last ended attempt of each trial begins."""
    _shown: set[str] = field(default_factory=set)
    """Reasons of failures for which the end of a log was shown: trials that fail alike print the same."""
    _alone: set[int] = field(default_factory=set)
    """Trials that need a GPU alone, since it ran out of memory when shared."""
    _ended_well: bool = False
    _changed: bool = True
    """Whether a trial was planned or has ended since the policy was last asked."""
    _unnamed: int = 0
    """Number of trials of an adaptive search that are not chosen yet."""
    _looked: float = 0.0
    """When the policy was last asked whether trials have trained for long enough, by the monotonic clock."""

    def run(self) -> Outcome:
        """Run until every planned trial has a result, no trial works, or it is stopped."""
        self._open()
        try:
            self.paths.trials.mkdir(exist_ok=True)
            for folder in (self.paths.dir, *self.paths.dir.absolute().parents[:2]):  # runs/ may be new, too
                atomic.sync_folder(folder)
            self._note("run", **self.origin)
            if self.policy.follows is not None:
                self._note("follows", **self.policy.follows)
            self._take_up()
            outcome = self._loop()
            self.lock.require()
        except BaseException:  # for example, a full disk: leave no process behind
            self._abandon()
            raise
        else:
            return outcome
        finally:
            self._journal.close()

    def _abandon(self) -> None:
        self._cancel_all(now=True)
        while self._attempts:
            self._polled += self.launcher.poll()
            while self._polled:
                self._attempts.pop(self._polled.popleft().trial, None)
            time.sleep(POLL_SECONDS)

    def _note(self, event: str, **what: Any) -> None:
        record = {"event": event, "time": time.time(), **what}
        self.lock.through(lambda: self._append(record))

    def _open(self) -> None:
        self._journal = journal.Journal(self.paths.journal, durable=True)
        self.lock.watch(self.paths.journal, self._journal.fileno())

    def _append(self, record: Mapping[str, Any]) -> None:
        try:
            self._journal.append(record)
        except OSError as error:
            if error.errno == errno.ESTALE:  # a file server was unreachable: the file exists, but needs a new handle
                self._journal.close()
                self._open()
            raise

    def _take_up(self) -> None:
        """Load the trials of the journal; interrupted attempts are recorded as ended."""
        history = self.lock.through(self._history)
        self.programs.update(history.programs)
        left = self.launcher.adopt({attempt.trial for attempt in history.open_attempts})
        for attempt in history.open_attempts:
            if attempt.trial in left:
                self._attempts[attempt.trial] = _Attempt(number=attempt.number, started=time.monotonic(), log_start=0)
                continue
            self._note(
                "ended",
                trial=attempt.trial,
                attempt=attempt.number,
                state="pending",
                reason="the runner died",
                exit_code=None,
            )
        trials = list(history.trials)
        if [trial.id for trial in trials] != list(range(len(trials))):
            raise StudyError(
                "planned trials are missing", where=str(self.paths.journal), hint="the file was edited: restore it"
            )
        self._trials = {trial.id: self._known(trial) for trial in trials}
        for number in self._attempts:
            self._trials[number] = replace(self._trials[number], state="running")
        for number, trial in list(self._trials.items()):
            if trial.stopped is not None and trial.state == "pending":  # the runner died before it had ended
                self._end_stopped(number, trial.stopped)

    def _known(self, trial: TrialRecord) -> TrialRecord:
        """A trial of the journal with what it measured; the policy learns of it if it has ended."""
        if not trial.attempts:
            return trial
        trial, measured = self._measured(trial)
        if trial.state in DECIDED:
            self.policy.learn(trial, measured)
        return trial

    def _end_stopped(self, number: int, why: Stopped) -> None:
        """Record the end of a trial that was to be stopped when the runner died."""
        trial = self._trials[number]
        attempt = _Attempt(number=trial.attempts, started=time.monotonic(), log_start=0)
        attempt.measured = self._measured(trial)[1]
        self._finish(number, attempt, "stopped", self._why_stopped(why), None)

    def _why_stopped(self, why: Stopped) -> str:
        return wording.stopped(why, self.spec.metric.name, self.spec.max_train_steps)

    def _history(self) -> History:
        """What the journal says. FileNotFoundError if it lacks what this run has just written: the folder is away."""
        history = read_history(self.paths)
        if history.source is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.paths.journal))
        return history

    def _ask(self, waiting: deque[int], *, first: bool = False) -> None:
        """Plan what the policy suggests next. If nothing was left to run before, the watcher shows it as a new run."""
        room = 0 if waiting else max(min(self.launcher.free(), self.launcher.slots - len(self._attempts)), 0)
        begins = first or not (self._unnamed or self._attempts)
        again = set(waiting)
        trials = [replace(t, state="pending") if t.id in again else t for t in self._trials.values()]
        suggested = self.policy.suggest(trials, room)
        self._changed, self._unnamed = bool(suggested.trials), suggested.unnamed
        if suggested.spec is not None and suggested.spec != self.spec:
            self.spec, text = suggested.spec, dump(suggested.spec)
            self.lock.through(lambda: atomic.write(self.paths.spec, text, durable=True))
        for trial in suggested.trials:
            number = len(self._trials)
            self._trials[number] = self._planned(replace(trial, id=number), suggested.known)
            waiting.append(number)
        if begins and (first or suggested.trials):
            self._crashes.clear()
            self._ended_well = False
            if suggested.remark:
                self.watcher.remark(suggested.remark)
            mine = [trial for trial in self._trials.values() if self.policy.concerns(trial)]
            self.watcher.begun(mine, self.launcher.slots, self._unnamed)

    def _planned(self, trial: TrialRecord, known: Sequence[int] | None) -> TrialRecord:
        """A new trial, recorded in the journal with the trials whose results it is based on."""
        trial = replace(trial, identity=identity.of(self.spec, trial))
        planned: dict[str, Any] = {"trial": trial.id, "params": trial.params, "arm": trial.arm, "seed": trial.seed}
        if trial.repeat_of is not None:
            planned["repeat_of"] = trial.repeat_of
        if trial.looked:
            planned["looked"] = True
        if known is not None:
            planned["known"] = known
        self._note("planned", **planned, identity=trial.identity)
        return trial

    def _measured(self, trial: TrialRecord) -> tuple[TrialRecord, Measured]:
        """The trial with its best evaluation and last step, and the content of its metrics file."""
        measured = identity.measured(trial, self.paths.trial(trial.id), self.spec.objective)
        kept = (
            {} if self.spec.probe is None else {"curve": measured.curve}
        )  # a probe's curves are short and are read again
        return measured_by(trial, measured, self.spec.objective, unused=measured.unused, **kept), measured

    def _loop(self) -> Outcome:
        unfinished = (t for t in self._trials.values() if t.state not in DECIDED)
        waiting = deque(t.id for t in unfinished if self.policy.concerns(t) and t.id not in self._attempts)
        self._ask(waiting, first=True)
        hopeless = None
        pressed = 0
        while waiting or self._attempts or ((self._changed or self._unnamed) and not pressed and not hopeless):
            if self.stop.asked > pressed:
                pressed = self.stop.asked
                self._cancel_all(now=pressed > 1)
            if pressed or hopeless:
                waiting.clear()
            if (self._changed or self._unnamed) and not (waiting or pressed or hopeless):
                self._ask(waiting)
            while (number := self._next(waiting)) is not None:
                waiting.remove(number)
                self._submit(number, waiting)
            if self.detach and not waiting and not pressed:
                self.launcher.leave()
                return Outcome(trials=list(self._trials.values()), left=len(self._attempts))
            self._polled += self.launcher.poll()
            while self._polled:
                self.lock.require()  # what a trial measured is read through the path
                self._end(self._polled.popleft(), waiting, stopping=bool(pressed or hopeless))
            if hopeless is None and not self._ended_well and len(self._crashes) >= HOPELESS_CRASHES:
                hopeless = self._why_hopeless()
                self._cancel_all(now=False)
            self._watch_time()
            self._watch_training()
            self.lock.beat()
            self.watcher.tick()
            if self._attempts or waiting or self._unnamed:
                time.sleep(self._pause())
        trials = list(self._trials.values())
        if hopeless is None and not pressed and trials and all(trial.state == "failed" for trial in trials):
            hopeless = self._why_hopeless()
        return Outcome(trials=trials, hopeless=hopeless, interrupted=bool(pressed))

    def _next(self, waiting: deque[int]) -> int | None:
        """The next trial with a free slot; those that need a GPU alone come last, when one is empty."""
        for alone in (False, True):
            number = next((number for number in waiting if (number in self._alone) is alone), None)
            if number is not None:
                return number if (self.launcher.free(alone=True) if alone else self.launcher.free()) else None
        return None

    def _pause(self) -> float:
        """Seconds until the next poll: short while trials may be short."""
        begun = max((attempt.started for attempt in self._attempts.values()), default=0.0)
        return min(POLL_SECONDS, max(SHORTEST_POLL_SECONDS, (time.monotonic() - begun) / 20))

    def _cancel_all(self, *, now: bool) -> None:
        for number, attempt in self._attempts.items():
            attempt.cancelled = True
            self.launcher.cancel(number, now=now)

    def _watch_time(self) -> None:
        timeout = self.spec.resources.timeout
        if timeout is None or self.launcher.keeps_time:
            return
        for number, attempt in self._attempts.items():
            if not attempt.timed_out and time.monotonic() - attempt.started > timeout:
                attempt.timed_out = True
                self.launcher.cancel(number)

    def _watch_training(self) -> None:
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        for number, attempt in self._attempts.items():
            read = partial(measure, self.paths.trial(number).metrics)
            trial = self._trials[number]
            attempt.enough = attempt.enough or self.policy.enough(trial, read)
            if attempt.enough is None and trial.stopped is None:
                self._watch_chance(trial, read)
            if attempt.enough or self._trials[number].stopped is not None:
                self.launcher.cancel(number)

    def _watch_chance(self, trial: TrialRecord, read: Callable[[], Measured]) -> None:
        """Ask the policy whether a running trial can still win; a decision to stop it is recorded first."""
        stopped = self.policy.cannot_win(trial, read)
        if stopped is None:
            return
        self._note(
            "stopped",
            trial=trial.id,
            step=stopped.step,
            chance=stopped.chance,
            expected=stopped.expected,
            against=stopped.against,
            known=list(stopped.known),
        )
        self._trials[trial.id] = replace(trial, stopped=stopped)

    def _submit(self, number: int, waiting: deque[int]) -> None:
        self.lock.require()
        if self._is_obstructed(number, waiting):
            return
        trial = self._trials[number]
        paths = self.paths.trial(number)
        known = trial.identity or identity.of(self.spec, trial)
        self._set_aside_another(trial, paths)
        self.lock.through(lambda: paths.dir.mkdir(exist_ok=True))  # no parent folder is created
        identity.write_params(paths, trial.params)
        identity.write(paths, trial, known, attempt=trial.attempts)
        resumed = paths.last_checkpoint.exists()
        if not resumed:
            journal.set_aside(paths.metrics)
            if checkpoint := checkpoint_of(number, self._trials.values(), self.spec.points or ()):
                go_on_from(checkpoint, paths)
        attempt = _Attempt(
            number=trial.attempts + 1,
            started=time.monotonic(),
            log_start=paths.stdout.stat().st_size if paths.stdout.exists() else 0,
        )
        mark = secrets.token_hex(4)
        self._trials[number] = trial = replace(
            trial, attempts=attempt.number, state="running", reason=None, recorded=None, unused=None
        )
        try:
            write_config(self.spec, trial, paths, self.folder)
            ready = job(self.spec, trial, paths, self.folder, self.policy.wanted(trial))
            now = program_of(self.spec, trial, paths, self.folder, ready)
            started = self.launcher.submit(replace(ready, alone=number in self._alone))
        except OSError as error:
            self._note("started", trial=number, attempt=attempt.number, slot="", process=None)
            self._crashed(number, attempt, f"it can't be started: {error}", waiting)
            return
        self._attempts[number] = attempt
        code = self._described(started.program or now)
        known_codes = codes(trial.codes, code, resumed=resumed)
        self._trials[number] = trial = replace(trial, codes=known_codes, marks=(*trial.marks, mark))
        self._note(
            "started",
            trial=number,
            attempt=attempt.number,
            slot=started.slot,
            process=started.process,
            mark=mark,
            code=code,
            resumed=resumed,
        )
        # after the journal: if the runner dies between the two, the journal has the attempt
        with suppress(OSError):  # for example, the trial has already removed its folder: its end will show that
            identity.write(paths, trial, known, attempt=attempt.number)
        self.watcher.started(trial, started.slot)

    def _described(self, program: Fingerprint) -> str:
        """The code of this version of the program in the journal, which describes each once."""
        if program.code not in self.programs:
            self._note("program", code=program.code, **program.described())
            self.programs[program.code] = program
        return program.code

    def _set_aside_another(self, trial: TrialRecord, paths: TrialPaths) -> None:
        """Rename a folder whose content is not this trial's, or comes from another journal."""
        if not paths.dir.is_dir() or not any(paths.dir.iterdir()):
            return
        why = identity.mismatch(trial, paths, locked=True)
        if why is None:
            return
        aside = journal.set_aside(paths.dir)
        self._note("set-aside", trial=trial.id, reason=why, to=str(aside))
        self.watcher.remark(f"trial {trial.id} starts from scratch: {paths.dir} was moved to {aside}, since {why}")

    def _is_obstructed(self, number: int, waiting: deque[int]) -> bool:
        """Whether a trial's folder has something that a trial can't write to; then the trial fails with that reason."""
        try:
            require_plain(self.paths.trial(number))
        except OSError as error:
            attempt = _Attempt(number=self._trials[number].attempts + 1, started=time.monotonic(), log_start=0)
            self._trials[number] = replace(self._trials[number], attempts=attempt.number)
            self._note("started", trial=number, attempt=attempt.number, slot="", process=None)
            why = f"it can't be started: {error.filename}: {error.strerror}"
            self._crashed(number, attempt, why, waiting, again=False)
            return True
        return False

    def _end(self, ended: Ended, waiting: deque[int], *, stopping: bool) -> None:
        """Record what the end of an attempt means: a result, a crash to retry, or nothing yet."""
        number = ended.trial
        attempt = self._attempts.pop(number)
        attempt.ended = ended
        trial, measured = self._measured(self._trials[number])
        if measured.curve is None:  # no evaluations, or the folder was unreachable
            self.lock.require()
            trial, measured = self._measured(self._trials[number])
        self._trials[number] = trial
        attempt.measured = measured
        try:
            self._sync(self.paths.trial(number))
        except OSError as error:
            why = f"its metrics can't be written to disk: {error}"
            self._crashed(number, attempt, why, waiting, ended.exit_code, stopping=stopping)
            return
        enough = self.policy.enough(trial, lambda: measured) if trial.best and not measured.damaged else None
        enough = enough or (attempt.enough if trial.best else None)
        if enough is not None:
            self._finish(number, attempt, "completed", enough, ended.exit_code)
        elif measured.infeasible:
            self._finish(number, attempt, "infeasible", measured.infeasible, ended.exit_code)
        elif trial.stopped is not None and trial.last_step < WHOLE * self.spec.max_train_steps:
            self._finish(number, attempt, "stopped", self._why_stopped(trial.stopped), ended.exit_code)
        elif attempt.timed_out or ended.how == "timed-out":
            limit = ended.reason or f"it ran longer than resources.timeout ({self.spec.resources.timeout:g} s)"
            reached = f"{limit}, at step {trial.last_step}"
            self._finish(number, attempt, "failed", reached, ended.exit_code)
        elif attempt.cancelled and (ended.exit_code != 0 or trial.last_step < self.spec.max_train_steps):
            self._finish(number, attempt, "pending", "interrupted", ended.exit_code)
        elif ended.how == "lost" and not stopping:
            self._finish(number, attempt, "pending", ended.reason, ended.exit_code)
            waiting.append(number)
        elif ended.exit_code != 0 and (said := gpu_out_of_memory(self.paths.trial(number).stdout, attempt.log_start)):
            self._short_of_memory(number, attempt, said, waiting, ended)
        elif ended.exit_code != 0:
            how = f"signal {-ended.exit_code}" if ended.exit_code < 0 else f"exit code {ended.exit_code}"
            self._crashed(number, attempt, f"it crashed with {how}", waiting, ended.exit_code, stopping=stopping)
        elif problem := self._not_a_result(trial, measured):
            self._crashed(number, attempt, problem, waiting, ended.exit_code, stopping=stopping, again=False)
        else:
            self._finish(number, attempt, "completed", self._early(trial) or self._anew(number), ended.exit_code)

    @staticmethod
    def _sync(paths: TrialPaths) -> None:
        """Wait until what a trial measured is on the disk: only then may the journal say how it ended."""
        for file in (paths.metrics, paths.identity, paths.probe):
            atomic.sync(file)
        for folder in (paths.dir, paths.dir.parent):
            atomic.sync_folder(folder)

    def _short_of_memory(self, number: int, attempt: _Attempt, said: str, waiting: deque[int], ended: Ended) -> None:
        """Infeasible if the trial had its GPU alone; otherwise it is retried alone."""
        if ended.shared or ended.lent:
            self._alone.add(number)
            why = f"out of memory on a GPU that may be shared, so it is retried on a GPU of its own: {said}"
            self._finish(number, attempt, "pending", why, ended.exit_code)
            waiting.append(number)
        else:
            self._finish(number, attempt, "infeasible", f"its GPU has too little memory: {said}", ended.exit_code)

    def _early(self, trial: TrialRecord) -> str | None:
        """Says that a trial ended well before max_train_steps, if it did; its result is from shorter training."""
        steps = self.spec.max_train_steps
        if trial.last_step + self.spec.steps_between_evaluations > steps or trial.trained_whole(steps):
            return None
        return f"it ended at step {trial.last_step} of {steps}"

    def _anew(self, number: int) -> str | None:
        """Says that a trial which should continue from a checkpoint started from scratch, if it did."""
        checkpoint = checkpoint_of(number, self._trials.values(), self.spec.points or ())
        if checkpoint is None or not began_anew(self.paths.trial(number)):
            return None
        return f"{ANEW}: the script did not continue from {checkpoint}"

    def _not_a_result(self, trial: TrialRecord, measured: Measured) -> str | None:
        damaged = measured.damaged
        if trial.best is None:
            names = ", ".join(measured.curve.values) if measured.curve is not None else ""
            instead = f"; it reported {names}" if names else f"; no metrics were reported: {self._how_to_report()}"
            return f"{NO_METRIC} {self.spec.metric.name}{f': {damaged}' if damaged else instead}"
        if damaged:
            return damaged
        if trial.last_step > self.spec.max_train_steps:
            return f"it trained to step {trial.last_step}, beyond max_train_steps = {self.spec.max_train_steps}"
        return None

    def _how_to_report(self) -> str:
        call = f"call trial.report(step, {self.spec.metric.name}=...)"
        return call if self.spec.command is None else f"{call}, or add metrics: to the study file"

    def _crashed(
        self,
        number: int,
        attempt: _Attempt,
        why: str,
        waiting: deque[int],
        exit_code: int | None = None,
        *,
        stopping: bool = False,
        again: bool = True,
    ) -> None:
        self._crashes[number] = self._crashes.get(number, 0) + 1
        retry = again and not stopping and self._crashes[number] <= self.spec.resources.retries
        self._finish(number, attempt, "pending" if retry else "failed", why, exit_code)
        if retry:
            waiting.append(number)

    def _finish(self, number: int, attempt: _Attempt, state: State, reason: str | None, exit_code: int | None) -> None:
        self._changed = True
        self._ended_well = self._ended_well or state in DECIDED
        self._log_starts[number] = attempt.log_start
        stopped = self._trials[number].stopped if state == "stopped" else None
        self._trials[number] = trial = replace(self._trials[number], state=state, reason=reason, stopped=stopped)
        if state in DECIDED and attempt.measured is not None:
            self.policy.learn(trial, attempt.measured)
        result: dict[str, Any] = {"value": trial.best.value if trial.best else None} if self.spec.adaptive else {}
        if attempt.measured is not None:
            curve = attempt.measured.curve
            result = {
                "value": trial.best.value if trial.best else None,
                "step": trial.best.step if trial.best else None,
                "last_step": trial.last_step,
                "evaluations": 0 if curve is None else len(curve.steps),
            }
        if attempt.ended is not None and attempt.ended.device:
            result |= {"device": attempt.ended.device, "shared": attempt.ended.shared}
        self._note(
            "ended", trial=number, attempt=attempt.number, state=state, reason=reason, exit_code=exit_code, **result
        )
        log = f"\n{self._log(number, attempt.log_start)}" if state == "failed" and reason not in self._shown else ""
        if log and reason:
            self._shown.add(reason)
        self.watcher.ended(trial, f"{reason}{log}" if reason else None)

    def _log(self, number: int, start: int) -> str:
        """The last lines that a trial printed, from byte `start` of its log on, and the path of the log."""
        path = self.paths.trial(number).stdout
        shown = "\n".join(f"    {line}" for line in last_lines(path, SHOWN_LINES, start))
        return f"{shown or '    (no output)'}\n    full log: {path}"

    def _why_hopeless(self) -> str:
        number = min(self._crashes or self._trials)
        crashed = len(self._crashes)
        how = "crashed" if (self._trials[number].reason or "").startswith("it crashed") else "failed"
        which = "every trial failed" if crashed >= len(self._trials) else f"the first {crashed} trials all {how}"
        reason = self._trials[number].reason
        log = "" if reason in self._shown else f"\n{self._log(number, self._log_starts.get(number, 0))}"
        return f"{which}; trial {number}: {(reason or '').removeprefix('it ')}{log}"
