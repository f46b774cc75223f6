"""Why trials failed: their reasons, and what they printed last."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbook_cli.files.logs import said

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import TrialRecord

REASONS = 5
"""So many are told apart; the others are counted together."""
NAMED = 6
"""Trials whose numbers are told."""
SHOWN = 160
"""Characters of what a trial printed last."""
CRASHED = ("it crashed", "it can't be started")
"""How the reason of an attempt begins whose trial gets another one."""
_REACHED = re.compile(r", and had come to step \d+$")
"""What differs between trials that ran out of time."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The trials that failed for one reason."""

    reason: str
    trials: Sequence[int]
    said: str | None = None
    """The last line that the first of them printed; None where it printed nothing."""
    log: str | None = None
    """Where all of that is; None where there is no log."""
    again: bool = False
    """Whether they are to be tried again."""

    @property
    def message(self) -> str:
        """`2 trials failed (0, 1): it crashed with exit code 1`."""
        if len(self.trials) == 1:
            did = "is to be tried again" if self.again else "failed"
            return f"trial {self.trials[0]} {did}: {self.reason}"
        did = "are to be tried again" if self.again else "failed"
        return f"{len(self.trials)} trials {did} ({numbered(self.trials)}): {self.reason}"


def numbered(trials: Sequence[int]) -> str:
    """The numbers of these trials, of many only the first: `0, 1, 2, 3, 4, 5, ...`."""
    return ", ".join(map(str, trials[:NAMED])) + (", ..." if len(trials) > NAMED else "")


def failures(trials: Iterable[TrialRecord], paths: StudyPaths) -> list[Failure]:
    """The failed trials, and those whose attempt crashed, by reason, the most frequent one first."""
    reasons: dict[tuple[str, bool], list[int]] = {}
    for trial in trials:
        again = trial.state == "pending" and (trial.reason or "").startswith(CRASHED)
        if again or trial.state == "failed":
            reason = _REACHED.sub("", trial.reason or "for no known reason")
            reasons.setdefault((reason, again), []).append(trial.id)
    ordered = sorted(reasons.items(), key=lambda item: -len(item[1]))
    found = [_failure(reason, numbers, paths, again=again) for (reason, again), numbers in ordered[:REASONS]]
    others = [number for _, numbers in ordered[REASONS:] for number in numbers]
    if others:
        found.append(Failure(reason=f"{len(ordered) - REASONS} other reasons", trials=sorted(others)))
    return found


def _failure(reason: str, trials: Sequence[int], paths: StudyPaths, *, again: bool) -> Failure:
    log = paths.trial(trials[0]).stdout
    there = os.path.isfile(log)  # noqa: PTH113 (False where its folder is closed to us)
    return Failure(reason=reason, trials=trials, said=said(log, SHOWN), log=str(log) if there else None, again=again)
