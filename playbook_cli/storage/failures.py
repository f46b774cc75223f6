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
"""Most reasons that are listed; the others are counted together."""
NAMED = 6
"""Most trials that are listed by number."""
SHOWN = 160
"""Most characters of a trial's last line."""
CRASHED = ("it crashed", "it can't be started")
"""How the reason of an attempt begins if its trial gets another attempt."""
_REACHED = re.compile(r"(, and had come to|, at) step \d+$")
"""The part of the reason that differs between trials that timed out."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The trials that failed for the same reason."""

    reason: str
    trials: Sequence[int]
    said: str | None = None
    """The last line that the first of them printed; None if it printed nothing."""
    log: str | None = None
    """Path of that trial's log; None if there is none."""
    again: bool = False
    """Whether they will be retried."""

    @property
    def message(self) -> str:
        """`2 trials failed (0, 1): crashed with exit code 1`."""
        did, reason = "will be retried" if self.again else "failed", self.reason.removeprefix("it ")
        if len(self.trials) == 1:
            return f"trial {self.trials[0]} {did}: {reason}"
        return f"{len(self.trials)} trials {did} ({numbered(self.trials)}): {reason}"


def numbered(trials: Sequence[int]) -> str:
    """The numbers of these trials; only the first of many: `0, 1, 2, 3, 4, 5, ...`."""
    return ", ".join(map(str, trials[:NAMED])) + (", ..." if len(trials) > NAMED else "")


def failures(trials: Iterable[TrialRecord], paths: StudyPaths) -> list[Failure]:
    """The failed trials, and those whose attempt crashed, by reason; the most frequent reason first."""
    reasons: dict[tuple[str, bool], list[int]] = {}
    for trial in trials:
        again = trial.state == "pending" and (trial.reason or "").startswith(CRASHED)
        if again or trial.state == "failed":
            reason = _REACHED.sub("", trial.reason or "unknown reason")
            reasons.setdefault((reason, again), []).append(trial.id)
    ordered = sorted(reasons.items(), key=lambda item: -len(item[1]))
    found = [_failure(reason, numbers, paths, again=again) for (reason, again), numbers in ordered[:REASONS]]
    others = [number for _, numbers in ordered[REASONS:] for number in numbers]
    if others:
        found.append(Failure(reason=f"{len(ordered) - REASONS} other reasons", trials=sorted(others)))
    return found


def _failure(reason: str, trials: Sequence[int], paths: StudyPaths, *, again: bool) -> Failure:
    log = paths.trial(trials[0]).stdout
    there = os.path.isfile(log)  # noqa: PTH113 (False if its folder can't be read)
    return Failure(reason=reason, trials=trials, said=said(log, SHOWN), log=str(log) if there else None, again=again)
