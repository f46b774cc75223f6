"""The studies that are served, and the thread that builds their reports.

A study that nobody looks at costs nothing. Watching the others takes at most a tenth of a core from the trials, apart
from the first report of each: whatever takes processor time is followed by a rest that many times as long.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from playbook_cli.serving import shown
from playbook_cli.serving.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from playbook_cli.serving.watched import Build, Page

LOOK_SHARE, BUILD_SHARE = 1 / 30, 1 / 15
"""Shares of a core: for reading how studies are going, and for building reports."""
VIEWED_SECONDS = 20.0
"""A study has a reader if a page asked for it this recently."""


class Studies:
    """The studies of a folder by name; `folders` says which there are now."""

    def __init__(self, folders: Callable[[], Mapping[str, Path]], build: Build) -> None:
        self._folders = folders
        self._build = build
        self._known: dict[str, Watched] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._asked = threading.Event()
        self._build_after = 0.0
        self._thread = threading.Thread(target=self._keep_building, daemon=True)

    def begin(self) -> None:
        """Start building what readers ask for."""
        self._thread.start()

    def end(self) -> None:
        """Build nothing more; a build that is under way goes on."""
        self._ended.set()
        self._asked.set()

    def watched(self, name: str) -> Watched | None:
        """The study of this name, as it is now; None if there is none. Its report follows."""
        study = self._study(name)
        if study is not None:
            study.asked = time.monotonic()
            study.look(LOOK_SHARE / len(self._viewed()))
            self._asked.set()
        return study

    def listed(self) -> tuple[Page, str]:
        """The table of all studies, and a sentence about it."""
        names = self._folders()
        studies = [study for name in sorted(names) if (study := self._study(name)) is not None]
        for study in studies:
            study.look(LOOK_SHARE / len(studies))
        return shown.table(studies), shown.counted(studies)

    def _study(self, name: str) -> Watched | None:
        folder = self._folders().get(name)
        with self._lock:
            if folder is None:
                self._known.pop(name, None)
                return None
            if name not in self._known:
                self._known[name] = Watched(folder)
            return self._known[name]

    def _viewed(self) -> list[Watched]:
        since = time.monotonic() - VIEWED_SECONDS
        with self._lock:
            return [study for study in self._known.values() if study.asked >= since]

    def _keep_building(self) -> None:
        while not self._ended.is_set():
            study = self._due()
            if study is None:
                self._asked.wait(1.0)
                self._asked.clear()
            else:
                self._build_after = time.monotonic() + study.build(self._build) / BUILD_SHARE

    def _due(self) -> Watched | None:
        """The study to build now: one without a report, else the one that was built longest ago."""
        stale = [study for study in self._viewed() if study.stale]
        rested = time.monotonic() >= self._build_after
        waiting = [study for study in stale if study.is_new or rested]
        return min(waiting, key=lambda study: (not study.is_new, study.built or 0.0), default=None)
