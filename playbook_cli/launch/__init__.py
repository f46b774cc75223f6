"""Submit, poll, cancel: where the processes of trials run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from playbook_cli.files.fingerprint import Fingerprint


@dataclass(frozen=True, kw_only=True)
class Job:
    """One attempt of one trial, ready to start."""

    trial: int
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """The whole environment, except what belongs to the slot (its GPUs and threads)."""
    cwd: Path
    stdout: Path
    """File that standard output and standard error are appended to."""
    alone: bool = False
    """Whether it must not share its GPUs, even if other trials do."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """A job that was started or queued."""

    slot: str
    """Name of the place where it runs, for people."""
    process: int | None
    """Its process number on this machine; None if it runs elsewhere."""
    program: Fingerprint | None = None
    """Fingerprint of the imported program that it was forked from; None if it reads the program itself."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A job whose processes have all ended."""

    trial: int
    exit_code: int
    """Exit code, or the negative number of the signal that ended it."""
    how: Literal["exited", "timed-out", "lost"] = "exited"
    """Whether it ended by itself, at the scheduler's time limit, or with its machine, in which case it is retried."""
    reason: str | None = None
    """Why it ended, if the launcher knows more than the exit code."""
    device: str | None = None
    """The kind of device that it ran on, if known."""
    shared: bool = False
    """Whether other trials of its run may have used its GPUs, or its cores, at the same time."""
    lent: bool = False
    """Whether trials of other runs may have used its GPUs at the same time."""


class Launcher(Protocol):
    """Runs jobs somewhere. Nothing here knows what a study is."""

    @property
    def keeps_time(self) -> bool:
        """Whether it enforces the time limit itself, as it must if jobs wait in a queue before they start."""
        ...

    @property
    def slots(self) -> int:
        """Number of jobs that can run in parallel."""
        ...

    def free(self, *, alone: bool = False) -> int:
        """Number of jobs that can be submitted now: of those that need their GPUs alone, or of the others."""
        ...

    def submit(self, job: Job) -> Started:
        """Start a job in a free slot. OSError if it can't be started."""
        ...

    def adopt(self, trials: Collection[int]) -> set[int]:
        """Take over those of these trials that an earlier runner left running; returns them."""
        ...

    def leave(self) -> None:
        """Hand over all submitted jobs, so that they keep running without this process. WorkError if they can't."""
        ...

    def poll(self) -> list[Ended]:
        """Jobs that ended since the last call; also moves cancelled ones towards their end. Never waits."""
        ...

    def cancel(self, trial: int, *, now: bool = False) -> None:
        """Ask a job to end, gently at first unless `now`; `poll` reports when it has."""
        ...
