"""Sends a running study to another tool: `exporting.live` in a separate process, with its messages."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from playbook_cli.exporting.installed import CALLED, require
from playbook_cli.exporting.live import LAST_SECONDS
from playbook_cli.files.regular import appended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import TrialRecord
    from playbook_cli.running.study import Watcher

_MORE_SECONDS = 5.0
"""Extra time that the process has to end by itself, beyond its own limit."""
_FAILING_SECONDS = 2.0
"""Time that it has to end if it could not send before."""


class Tracking:
    """The process that sends a study's trials to a tool. If it fails, the study continues."""

    def __init__(self, tool: str, paths: StudyPaths) -> None:
        self.said: list[str] = []
        """Messages for the user."""
        self._tool, self._paths = tool, paths
        self._log = paths.logged_to(tool).with_suffix(".log")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with appended(self._log) as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "playbook_cli.exporting.live", tool, str(paths.dir.absolute())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the runner, which lets it send the rest
            )
        if self._process.stdout is not None:
            os.set_blocking(self._process.stdout.fileno(), False)

    def listen(self) -> Sequence[str]:
        """Its messages since the last call."""
        found = b""
        if self._process.stdout is not None:
            with suppress(BlockingIOError, OSError):
                found = os.read(self._process.stdout.fileno(), 1 << 16)
        new = found.decode("utf-8", "replace").splitlines()
        if not found and not self.said and self._process.poll():
            new = [f"{CALLED[self._tool]} no longer gets this study's trials, which keep running; see {self._log}"]
        self.said += new
        return new

    def close(self) -> Sequence[str]:
        """Let it send the rest, and end it; returns its last messages."""
        said = list(self.listen())
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(_FAILING_SECONDS if self.said else LAST_SECONDS + _MORE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        failed = self._process.wait() != 0
        said += self.listen()
        if self._process.stdout is not None:
            self._process.stdout.close()
        if failed and not self.said:
            said.append(f"{CALLED[self._tool]} is missing some results; the next run with --log-to sends them")
        return said


class Announced:
    """A view of a run that also shows the messages of another process."""

    def __init__(self, view: Watcher, tracking: Tracking) -> None:
        self._view, self._tracking = view, tracking

    def begun(self, trials: Sequence[TrialRecord], slots: int, further: int = 0) -> None:
        self._view.begun(trials, slots, further)

    def started(self, trial: TrialRecord, slot: str) -> None:
        self._view.started(trial, slot)

    def ended(self, trial: TrialRecord, note: str | None) -> None:
        self._view.ended(trial, note)

    def remark(self, text: str) -> None:
        self._view.remark(text)

    def tick(self) -> None:
        for said in self._tracking.listen():
            self._view.remark(said)
        self._view.tick()


def require_tool(tool: str | None) -> None:
    """PlaybookError if trials are to be sent to a tool that is not installed."""
    if tool is not None:
        require(tool)


@contextmanager
def tracked(tool: str | None, paths: StudyPaths, tell: Callable[[str], None]) -> Iterator[Tracking | None]:
    """The process that sends trials to a tool while the study runs; None without a tool."""
    if tool is None:
        yield None
        return
    try:
        tracking = Tracking(tool, paths)
    except OSError as error:
        tell(f"{CALLED[tool]} does not get this study's trials: {error}")
        yield None
        return
    try:
        yield tracking
    finally:
        for said in tracking.close():
            tell(said)
