"""Submit, poll, cancel: where the processes of trials run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Job:
    """One attempt of one trial, ready to start."""

    trial: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """The whole environment, except what belongs to the slot (its GPUs and threads)."""
    cwd: Path
    stdout: Path
    """Gets standard output and standard error, appended."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """A job that was taken."""

    slot: str
    """Where it runs, for people."""
    process: int | None
    """Its process on this machine."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A job whose processes are all gone."""

    trial: int
    exit_code: int
    """Negative: the number of the signal that ended it."""


class Launcher(Protocol):
    """Runs jobs somewhere. Nothing here knows what a study is."""

    @property
    def slots(self) -> int:
        """Jobs that can run at once."""
        ...

    def free(self) -> int:
        """Jobs that can be submitted now."""
        ...

    def submit(self, job: Job) -> Started:
        """Start a job in a free slot. OSError where it can't be started."""
        ...

    def poll(self) -> list[Ended]:
        """Jobs that ended since the last call; also moves cancelled ones towards their end. Never waits."""
        ...

    def cancel(self, trial: int, *, now: bool = False) -> None:
        """Ask a job to end, politely at first unless `now`; `poll` tells when it has."""
        ...
