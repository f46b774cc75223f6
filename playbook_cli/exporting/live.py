"""What `playbook run --log-to TOOL` starts: a process that follows a study's folder, and writes its trials to a tool.

    python -m playbook_cli.exporting.live TOOL RUNS/NAME

It reads what any reader sees, and writes nothing but `log-to/TOOL.json` there, so no trial notices it. It ends when its
standard input does, which the runner holds open: it looks once more, for at most `LAST_SECONDS`. What it has to say to
the user it prints, a line each; what the tool prints goes to standard error. Whatever it could not send is sent by the
next run: `log-to/TOOL.json` says how much of each trial the tool has.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import threading
import time
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from playbook_cli.exporting import mlflow, tensorboard, wandb
from playbook_cli.exporting.installed import CALLED
from playbook_cli.exporting.tables import measured
from playbook_cli.files import atomic, regular
from playbook_cli.files.flock import lock
from playbook_cli.files.paths import StudyPaths
from playbook_cli.records import ENDED
from playbook_cli.storage.store import Store

if TYPE_CHECKING:
    from playbook_cli.exporting.tables import BySteps
    from playbook_cli.records import StudyRecord, TrialRecord

LOOK_SECONDS = 1.0
LONGEST_SECONDS = 60.0
"""Between two looks while the tool can't be reached."""
SHARE = 20
"""A look that takes long is followed by a pause that is so many times longer."""
LAST_SECONDS = 30.0
"""For what is left to send when the runner has ended."""
_SERVERS = ("http", "databricks")
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""By default MLflow tries for minutes, during which nobody would know that its server is away."""


class Tracker(Protocol):
    """A tool that gets trials as its runs. Each run has a key of ours, by which a later process finds it again."""

    def begin(self, key: str, trial: TrialRecord) -> None:
        """Make a run with the trial's hyperparameters."""

    def log(self, key: str, trial: TrialRecord, rows: BySteps) -> None:
        """Add evaluations, which come after those that it has."""

    def end(self, key: str, trial: TrialRecord) -> None:
        """Say how the trial ended."""

    def drop(self, key: str, trial: TrialRecord) -> None:
        """Remove a run, or mark it where the tool can't: another one takes its place."""

    def close(self) -> None:
        """Send what is still held back."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What the tool has of a trial."""

    key: str
    rows: int = 0
    checksum: int = 0
    """Of those rows."""
    ended: str | None = None
    """The state in which it was said to have ended."""
    sending: bool = False
    """Whether something is on its way: if this is read later, nobody knows whether it arrived."""


class Mirror:
    """Sends what is new of a study. What was sent and is no longer so is sent again as another run."""

    def __init__(self, folder: Path, tool: str) -> None:
        self._store = Store(folder)
        self._tool = tool
        self._path = self._store.paths.logged_to(tool)
        self._about: dict[str, Any] = {}
        self._sent: dict[int, Sent] = {}
        self._seen: dict[int, object] = {}
        self._tracker: Tracker | None = None

    def look(self) -> str | None:
        """Send what is new; what went wrong with the first trial that could not be sent."""
        record = self._store.record()
        tracker = self._tracker = self._tracker or self._opened(record)
        wrong: str | None = None
        for trial in record.trials:
            if trial.attempts and not trial.unused and self._changed(trial):
                try:
                    self._send(tracker, trial)
                except Exception as error:  # noqa: BLE001 (a foreign library's, and the others go on)
                    self._seen.pop(trial.id)
                    wrong = wrong or said(error)
        return wrong

    def close(self) -> None:
        if self._tracker is not None:
            self._tracker.close()

    def _opened(self, record: StudyRecord) -> Tracker:
        self._read()
        if self._tool == "tensorboard":
            return tensorboard.Tracker(self._store.paths.tensorboard)
        if self._tool == "wandb":
            return wandb.Tracker(record.name)
        from mlflow import MlflowClient, get_tracking_uri

        uri = str(get_tracking_uri())
        store = uri if uri.startswith(_SERVERS) else f"{uri}, from {Path.cwd()}"
        client = MlflowClient(tracking_uri=uri)
        if self._about.get("store") != store:
            self._about, self._sent = {"store": store, "experiment": _new_experiment(client, record)}, {}
            self._write()
        return mlflow.Tracker(client, self._about["experiment"], record.name, live=True)

    def _changed(self, trial: TrialRecord) -> bool:
        """Whether the trial may have something that was not sent; cheap, since most have not."""
        try:
            status = self._store.paths.trial(trial.id).metrics.stat()
            now = (status.st_size, status.st_mtime_ns, trial.state, trial.attempts)
        except OSError:
            now = (0, 0, trial.state, trial.attempts)
        known = self._seen.get(trial.id) == now
        self._seen[trial.id] = now
        sent = self._sent.get(trial.id)
        return not known or sent is None or sent.sending

    def _send(self, tracker: Tracker, trial: TrialRecord) -> None:
        rows = sorted(measured(self._store.paths.trial(trial.id).metrics).items())
        ended = trial.state if trial.state in ENDED else None
        sent = self._sent.get(trial.id)
        if sent is not None and self._is_outdated(sent, rows, ended):
            tracker.drop(sent.key, trial)
            sent = None
        new = rows[sent.rows :] if sent else rows
        if sent is not None and not new and sent.ended == ended:
            return
        begun = sent or Sent(key=secrets.token_hex(4))
        self._note(trial, replace(begun, sending=True))
        if sent is None:
            tracker.begin(begun.key, trial)
        if new:
            tracker.log(begun.key, trial, dict(new))
        if ended:
            tracker.end(begun.key, trial)
        had = max(len(rows), begun.rows)
        checksum = _checksum(rows) if len(rows) >= begun.rows else begun.checksum
        self._note(trial, Sent(key=begun.key, rows=had, checksum=checksum, ended=ended))

    @staticmethod
    def _is_outdated(sent: Sent, rows: list[tuple[int, dict[str, float]]], ended: str | None) -> bool:
        """Whether the run has what the trial has not: rows of an attempt that began anew, or another end.

        An attempt that goes on from a checkpoint lacks the last rows for a while: they are waited for.
        """
        if sent.sending or (sent.ended is not None and sent.ended != ended):
            return True
        if len(rows) < sent.rows:
            return ended is not None
        return _checksum(rows[: sent.rows]) != sent.checksum

    def _note(self, trial: TrialRecord, sent: Sent) -> None:
        self._sent[trial.id] = sent
        self._write()

    def _read(self) -> None:
        with suppress(OSError, ValueError, TypeError, KeyError):
            found = json.loads(regular.content(self._path))
            self._sent = {int(number): Sent(**sent) for number, sent in found["trials"].items()}
            self._about = found["about"]

    def _write(self) -> None:
        trials = {number: asdict(sent) for number, sent in self._sent.items()}
        atomic.write(self._path, json.dumps({"about": self._about, "trials": trials}))


def said(error: BaseException) -> str:
    """The first line of an error, or its kind."""
    return next(iter(str(error).strip().splitlines()), "")[:300] or type(error).__name__


def _new_experiment(client: Any, record: StudyRecord) -> str:
    """An experiment for this study alone: of its name, or with a number where there is one of that name."""
    name, number = record.name, 2
    while client.get_experiment_by_name(name) is not None:
        name, number = f"{record.name}-{number}", number + 1
    return mlflow.create_experiment(client, record, name)


def _checksum(rows: list[tuple[int, dict[str, float]]]) -> int:
    return zlib.crc32(repr(rows).encode())


def _follow(folder: Path, tool: str, over: threading.Event) -> None:
    """Look again and again until the runner is over, and then once more."""
    mirror = Mirror(folder, tool)
    warned = False
    pause = LOOK_SECONDS
    while True:
        last = over.is_set()
        begun = time.monotonic()
        try:
            wrong = mirror.look()
        except Exception as error:  # noqa: BLE001 (a foreign library's, and the study goes on)
            wrong = said(error)
        if wrong and not warned:
            warned = True
            _tell(f"{CALLED[tool]} rejected this study's trials; the study continues without it: {wrong}")
        if last:
            break
        longest = min(2 * pause, LONGEST_SECONDS) if wrong else LOOK_SECONDS
        pause = max(longest, SHARE * (time.monotonic() - begun) if not wrong else 0.0)
        over.wait(pause)
    mirror.close()


def _tell(text: str) -> None:
    with suppress(OSError):  # the runner is gone
        _ANSWERS.write(f"{text}\n")
        _ANSWERS.flush()


def _await_the_end(over: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    over.set()
    time.sleep(LAST_SECONDS)
    os._exit(1)


def main() -> int:
    tool, folder = sys.argv[1], Path(sys.argv[2])
    with suppress(OSError):
        os.nice(10)
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    over = threading.Event()
    threading.Thread(target=_await_the_end, args=[over], daemon=True).start()
    state = StudyPaths(folder).logged_to(tool)
    state.parent.mkdir(exist_ok=True)
    with regular.appended(state.with_suffix(".lock")) as file:
        while lock(file.fileno()) is False:  # the process of a runner that was killed looks for the last time
            if over.wait(LOOK_SECONDS):
                return 0
        _follow(folder, tool, over)
    return 0


if __name__ == "__main__":
    _ANSWERS = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.exit(main())
