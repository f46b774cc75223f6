"""The progress of a run on stderr: a live view on a terminal, otherwise one line per event."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playbook_cli import wording
from playbook_cli.analysis import pace
from playbook_cli.records import DECIDED, ENDED, best_result, searched
from playbook_cli.storage.failures import CRASHED
from playbook_cli.storage.metrics import reached
from playbook_cli.storage.store import counts
from playbook_cli.wording import duration, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, Group

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import Best, Metric, TrialRecord
    from playbook_cli.storage.metrics import Reached

REFRESH_SECONDS = 0.5
SAY_SECONDS = 60.0
"""Time between two lines about running trials, without a terminal."""
SAID_TRIALS = 4


@dataclass(kw_only=True)
class _Tally:
    """What both views know about a run."""

    paths: StudyPaths
    metric: Metric
    max_train_steps: int
    trials: dict[int, TrialRecord] = field(default_factory=dict)
    further: int = 0
    """Number of trials that were not yet known when the run started."""
    slots: dict[int, str] = field(default_factory=dict)
    """Slots of the running trials."""
    width: int = 1
    _begun: dict[int, tuple[float, int]] = field(default_factory=dict)
    """When each running attempt started, and at which step."""
    _spent: list[tuple[float, int]] = field(default_factory=list)
    """Seconds and steps of the ended attempts."""

    @property
    def planned(self) -> int:
        return len(self.trials) + self.further

    def begin(self, trials: Sequence[TrialRecord], slots: int, further: int) -> None:
        self.trials = {trial.id: trial for trial in trials}
        self.width = slots
        self.further = further

    def start(self, trial: TrialRecord, slot: str) -> None:
        self.further -= trial.id not in self.trials
        self.trials[trial.id] = trial
        self.slots[trial.id] = slot
        self._begun[trial.id] = (time.monotonic(), trial.last_step)

    def end(self, trial: TrialRecord) -> None:
        self.trials[trial.id] = trial
        self.slots.pop(trial.id, None)
        begun, step = self._begun.pop(trial.id, (time.monotonic(), trial.last_step))
        self._spent.append((time.monotonic() - begun, max(0, trial.last_step - step)))

    def best(self) -> Best | None:
        return best_result(self.trials.values(), self.metric)

    def reached(self) -> dict[int, Reached]:
        """The latest evaluation of each running trial."""
        return {number: reached(self.paths.trial(number).metrics, self.metric.name) for number in self.slots}

    def seconds_per_step(self, steps: dict[int, int]) -> float | None:
        """The speed of the attempts of this run; None before one has ended or run for a while."""
        now = time.monotonic()
        running = [(now - begun, steps.get(trial, 0) - step) for trial, (begun, step) in self._begun.items()]
        return pace.seconds_per_step([*self._spent, *(pair for pair in running if pair[0] >= pace.SOON)])

    def seconds_left(self, steps: dict[int, int]) -> float | None:
        """Time until all trials have ended; None while their speed is unknown."""
        trials = [*self.trials.values()]
        left = pace.steps_left(trials, steps, further=self.further, max_train_steps=self.max_train_steps)
        return pace.seconds_left(self.seconds_per_step(steps), left, min(self.width, len(left)))


class PlainWatcher:
    """Prints one line per event, and every minute one about the trials that run."""

    def __init__(self, console: Console, paths: StudyPaths, metric: Metric, max_train_steps: int) -> None:
        self._console = console
        self._tally = _Tally(paths=paths, metric=metric, max_train_steps=max_train_steps)
        self._said = time.monotonic()

    def begun(self, trials: Sequence[TrialRecord], slots: int, further: int = 0) -> None:
        self._tally.begin(trials, slots, further)
        search = searched(trials)
        repeats = [trial for trial in trials if trial.repeat_of is not None]
        parts = ((search, "trial", further), (repeats, "repeat", 0))
        tallied = [(len(part) + more, _done(part), what) for part, what, more in parts if part or more]
        if all(done == whole for whole, done, _ in tallied):
            kept = " and ".join(plural(whole, what) for whole, _, what in tallied)
            self._say(f"nothing to run: {self._tally.paths.dir} is complete ({kept})")
            return
        missing = " and ".join(
            f"{whole - done} of {whole} {what}s" if done else plural(whole, what) for whole, done, what in tallied
        )
        self._say(f"{missing} to run, {slots} in parallel, in {self._tally.paths.dir}")

    def started(self, trial: TrialRecord, slot: str) -> None:
        self._tally.start(trial, slot)
        again = f", attempt {trial.attempts}" if trial.attempts > 1 else ""
        self._say(f"trial {trial.id} started on {slot}{again}")

    def ended(self, trial: TrialRecord, note: str | None) -> None:
        self._tally.end(trial)
        self._say(_sentence(self._tally, trial, note))

    def remark(self, text: str) -> None:
        self._say(f"note: {text}")

    def tick(self) -> None:
        if time.monotonic() - self._said >= SAY_SECONDS and self._tally.slots:
            self._said = time.monotonic()
            self._say(_minute(self._tally))

    def close(self) -> None:
        pass

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveWatcher:
    """A live view of the running trials, below the lines of those that failed."""

    def __init__(self, console: Console, paths: StudyPaths, metric: Metric, max_train_steps: int) -> None:
        from rich.live import Live

        self._tally = _Tally(paths=paths, metric=metric, max_train_steps=max_train_steps)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._drawn = 0.0

    def begun(self, trials: Sequence[TrialRecord], slots: int, further: int = 0) -> None:
        self._tally.begin(trials, slots, further)
        self._live.start()

    def started(self, trial: TrialRecord, slot: str) -> None:
        self._tally.start(trial, slot)

    def ended(self, trial: TrialRecord, note: str | None) -> None:
        self._tally.end(trial)
        if trial.state in ("failed", "infeasible", "stopped", "pending"):
            self._live.console.print(_sentence(self._tally, trial, note), markup=False, highlight=False)

    def remark(self, text: str) -> None:
        self._live.console.print(f"note: {text}", markup=False, highlight=False)

    def tick(self) -> None:
        if time.monotonic() - self._drawn >= REFRESH_SECONDS:
            self._drawn = time.monotonic()
            self._live.update(self._view(), refresh=True)

    def close(self) -> None:
        self._live.stop()

    def _view(self) -> Group:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        tally = self._tally
        running = tally.reached()
        steps = {number: at.step for number, at in running.items()}
        per_step = tally.seconds_per_step(steps)
        table = Table.grid(padding=(0, 2))
        for number, slot in tally.slots.items():
            value = running[number].value
            left = None if per_step is None else per_step * max(0, tally.max_train_steps - steps[number])
            table.add_row(
                f"trial {number}",
                Text(slot, style="dim"),
                ProgressBar(total=tally.max_train_steps, completed=steps[number], width=20),
                f"step {steps[number]}/{tally.max_train_steps}",
                "" if value is None else f"{tally.metric.name} {wording.number(value)}",
                "" if left is None else f"{duration(left)} left",
            )
        return Group(table, Text(_overview(tally, steps)))


def _done(trials: Sequence[TrialRecord]) -> int:
    return sum(trial.state in DECIDED for trial in trials)


def _minute(tally: _Tally) -> str:
    """`[3/16] trial 4 at step 200 of 1000, val_error 0.12; ...; about 5 min left`."""
    running = tally.reached()
    steps = {number: at.step for number, at in running.items()}
    shown = []
    for number, at in [*running.items()][:SAID_TRIALS]:
        said = "" if at.value is None else f", {tally.metric.name} {wording.number(at.value)}"
        shown.append(f"trial {number} at step {at.step} of {tally.max_train_steps}{said}")
    if len(steps) > SAID_TRIALS:
        shown.append(f"{len(steps) - SAID_TRIALS} more")
    left = tally.seconds_left(steps)
    if left is not None:
        shown.append(f"about {duration(left)} left")
    done = sum(t.state in ENDED for t in tally.trials.values())
    return f"[{done}/{tally.planned}] {'; '.join(shown)}"


def _overview(tally: _Tally, steps: dict[int, int]) -> str:
    tallied = counts(tally.trials.values(), tally.planned)
    shown = [f"{tallied['completed']}/{tallied['planned']} completed"]
    shown += [f"{tallied[state]} {state}" for state in ("infeasible", "stopped", "failed") if tallied.get(state)]
    best = tally.best()
    if best is not None:
        shown.append(f"best {tally.metric.name} {wording.number(best.value)} (trial {best.trial})")
    left = tally.seconds_left(steps)
    if left is not None:
        shown.append(f"about {duration(left)} left")
    return " · ".join(shown)


def _sentence(tally: _Tally, trial: TrialRecord, note: str | None) -> str:
    done = sum(t.state in ENDED for t in tally.trials.values())
    what = {"pending": "stopped"}.get(trial.state, trial.state)
    again = "" if trial.repeat_of is None else f" (repeat of trial {trial.repeat_of})"
    head = f"[{done}/{tally.planned}] trial {trial.id}{again}"
    crashed, note = (note or "").startswith(CRASHED), note and note.removeprefix("it ")
    if trial.state == "pending" and crashed:
        return f"{head} {note}; it will be retried"
    text = f"{head} {what}"
    if trial.state == "completed" and trial.best is not None:
        best = tally.best()
        first = " (best so far)" if best is not None and best.trial == trial.id else ""
        early = f"; {note}" if note else ""
        return (
            f"{text}: {tally.metric.name} {wording.number(trial.best.value)} at step {trial.best.step:,}{first}{early}"
        )
    return f"{text}: {note}" if note else text


def watcher(console: Console, paths: StudyPaths, metric: Metric, max_train_steps: int) -> PlainWatcher | LiveWatcher:
    """The live view if `console` is a terminal, else plain lines."""
    kind = LiveWatcher if console.is_terminal else PlainWatcher
    return kind(console, paths, metric, max_train_steps)
