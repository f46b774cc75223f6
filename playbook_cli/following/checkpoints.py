"""The checkpoints of a followed program: finds the best and the last by step, and can delete the others."""

from __future__ import annotations

import bisect
import glob
import os
import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from playbook_cli.following.limited import TooSlowError, limited

if TYPE_CHECKING:
    from collections.abc import Mapping


class Checkpoints:
    """Links `best` and `last` to files or folders that match a glob.

    A checkpoint is as good as the last evaluation up to its step. Those without a step in their name count only for
    the last one, by their time.
    """

    def __init__(
        self, *, files: str, step: str, prune: bool, best: str, last: str, directory: str, minimize: bool
    ) -> None:
        self.problem: str | None = None
        """Why the steps of checkpoints can't be read."""
        self._pattern, self._step, self._prune = files, re.compile(step), prune
        self._best, self._last, self._directory = best, last, os.path.realpath(directory)
        self._sign = 1.0 if minimize else -1.0

    def look(self, evaluations: Mapping[int, float]) -> None:
        """Find the current checkpoints. None is deleted that a later evaluation could show to be the best."""
        if self.problem is not None:
            return
        try:
            by_step, unnumbered = self._found()
        except TooSlowError as slow:
            self.problem = (
                f"the pattern '{slow.pattern}' in checkpoints.step takes too long to match the name {slow.text}. "
                "Rewrite it without nested repeats such as (a+)+"
            )
            return
        if not by_step:
            if unnumbered:
                _link(max(unnumbered, key=_time), self._last)
            return
        newest = max(by_step)
        _link(by_step[newest][0], self._last)
        best = self._best_of(by_step, evaluations)
        if best is not None:
            _link(by_step[best][0], self._best)
        if self._prune and best is not None:
            for step in by_step:
                if step not in (best, newest) and step <= max(evaluations):
                    for path in by_step[step]:
                        self._delete(path)

    def _found(self) -> tuple[dict[int, list[str]], list[str]]:
        by_step: dict[int, list[str]] = {}
        unnumbered = []
        with limited() as limit:
            for path in sorted(glob.glob(self._pattern)):
                if path in (self._best, self._last) or not self._is_inside(path):
                    continue
                found = limit(self._step.search, os.path.basename(path))
                if found and (found[1] or "").isdecimal():
                    by_step.setdefault(int(found[1]), []).append(path)
                else:
                    unnumbered.append(path)
        return by_step, unnumbered

    def _best_of(self, by_step: Mapping[int, list[str]], evaluations: Mapping[int, float]) -> int | None:
        known = sorted(evaluations)
        values = {}
        for step in sorted(by_step):
            index = bisect.bisect_right(known, step)
            if index:
                values[step] = self._sign * evaluations[known[index - 1]]
        return min(values, key=values.__getitem__, default=None)

    def _is_inside(self, path: str) -> bool:
        return os.path.realpath(path).startswith(self._directory + os.sep)

    def _delete(self, path: str) -> None:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                os.unlink(path)


def _time(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _link(source: str, target: str) -> None:
    """Make `target` the same file as `source`, so that it outlives it; a symbolic link for a folder."""
    with suppress(OSError):  # the program may delete or replace it at the same time; the next look finds the new state
        if os.path.exists(target) and os.path.samefile(source, target):
            return
        with suppress(FileExistsError):
            os.mkdir(os.path.dirname(target))
        temporary = f"{target}.tmp"
        if os.path.lexists(temporary):
            os.unlink(temporary)
        if os.path.isdir(source):
            os.symlink(os.path.relpath(source, os.path.dirname(target)), temporary)
        else:
            try:
                os.link(source, temporary)
            except OSError:
                os.symlink(os.path.relpath(source, os.path.dirname(target)), temporary)
        os.replace(temporary, target)
