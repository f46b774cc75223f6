"""One study as its readers see it: how it is going, and its report, each read again only when files have changed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.files.paths import StudyPaths
from playbook_cli.files.regular import stamp
from playbook_cli.horizon import known as horizon
from playbook_cli.running.standing import standing
from playbook_cli.spec.probe import Probe
from playbook_cli.storage.store import Store, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playbook_cli.running.standing import Standing
    from playbook_cli.serving.worker import Built

    Build = Callable[[Path], Built]

LOOK_SECONDS = 1.0
"""Shortest time between two looks at a study."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """The content of a page, compressed, and its tag, which changes whenever it does."""

    body: bytes
    tag: str


class Watched:
    """One study. All its readers share what is read and built for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = 0.0
        """When a reader last asked for it, on the monotonic clock."""
        self.page: Page | None = None
        """Its report."""
        self.built: float | None = None
        """When that was built, in seconds since the epoch."""
        self.standing: Standing | None = None
        """How it is going; None if it can't be read."""
        self._unread: str | None = None
        self._unbuilt: str | None = None
        self.goal = ""
        self._lock = threading.Lock()
        self._mark: Any = None
        """What its files were like at the last look."""
        self._drawn: Any = None
        """What they were like before its report was built."""
        self._store: tuple[int, Store] | None = None
        self._look_after = 0.0

    @property
    def stale(self) -> bool:
        """Whether its files have changed since its report was built, or there is none yet."""
        return self._mark is not None and self._drawn != self._mark

    @property
    def problem(self) -> str | None:
        """Why it can't be read, or why its latest report can't be built."""
        return self._unread or self._unbuilt

    @property
    def is_new(self) -> bool:
        """Whether nobody has tried yet to build its report."""
        return self._drawn is None

    def look(self, share: float) -> None:
        """Read how it is going, if that is due and its files have changed, on at most this share of a core."""
        if not self._lock.acquire(blocking=self._mark is None):
            return  # another reader looks right now
        try:
            if time.monotonic() < self._look_after:
                return
            began = time.thread_time()
            mark = self._marked()
            if mark != self._mark:
                self._read()
                self._mark = self._marked()
            self._look_after = time.monotonic() + max(LOOK_SECONDS, (time.thread_time() - began) / share)
        finally:
            self._lock.release()

    def build(self, build: Build) -> float:
        """Build its report. Returns the processor time that it took."""
        mark = self._mark
        built = build(self.folder)
        self._unbuilt = built.problem
        if built.problem is None:
            self.page = Page(body=built.body, tag=built.tag)
            self.built = time.time()
        self._drawn = mark
        return built.seconds

    def _read(self) -> None:
        try:
            changed = StudyPaths(self.folder).spec.stat().st_mtime_ns
            if self._store is None or self._store[0] != changed:
                self._store = changed, Store(self.folder)
            self.goal = self._store[1].spec.goal
            self.standing, self._unread = standing(self._store[1]), None
        except (PlaybookError, OSError) as error:
            self.standing, self._unread = None, str(error)

    def _marked(self) -> Any:
        """The runner, and size and time of every file that may grow."""
        paths = StudyPaths(self.folder)
        sweep = StudyPaths(self.folder.with_name(Probe(kind="lr-sweep", study=self.folder.name).name))
        files = [paths.spec, paths.journal, paths.report / horizon.FILE, sweep.journal]
        trials = self.standing.running if self.standing is not None else ()
        return running(paths), [stamp(file) for file in (*files, *(paths.trial(t.trial).metrics for t in trials))]
