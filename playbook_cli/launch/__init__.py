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
    """Gets standard output and standard error, appended."""
    alone: bool = False
    """Whether it must have its GPUs for itself, also where trials share them."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """A job that was taken."""

    slot: str
    """Where it runs, for people."""
    process: int | None
    """Its process on this machine."""
    program: Fingerprint | None = None
    """What it was forked from, as that was when it was imported; None where it reads the program itself."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A job whose processes are all gone."""

    trial: int
    exit_code: int
    """Negative: the number of the signal that ended it."""
    how: Literal["exited", "timed-out", "lost"] = "exited"
    """Whether by itself, at the scheduler's time limit, or with its machine: then it is to be tried again."""
    reason: str | None = None
    """Why it ended, where the launcher knows more than the exit code says."""
    device: str | None = None
    """The kind of device that it ran on, where that is known."""
    shared: bool = False
    """Whether other trials of its run may have used its GPUs, or its cores, at the same time."""
    lent: bool = False
    """Whether trials of other runs may have used its GPUs at the same time."""


class Launcher(Protocol):
    """Runs jobs somewhere. Nothing here knows what a study is."""

    @property
    def keeps_time(self) -> bool:
        """Whether it ends jobs at their time limit itself, as it must where they wait in a queue before they start."""
        ...

    @property
    def slots(self) -> int:
        """Jobs that can run at once."""
        ...

    def free(self, *, alone: bool = False) -> int:
        """Jobs that can be submitted now: of those that need their GPUs for themselves, or of the others."""
        ...

    def submit(self, job: Job) -> Started:
        """Start a job in a free slot. OSError where it can't be started."""
        ...

    def adopt(self, trials: Collection[int]) -> set[int]:
        """Those of these trials that an earlier runner left under way, which are this launcher's from now on."""
        ...

    def leave(self) -> None:
        """Hand over what was submitted, so that it goes on without this process. WorkError where it can't."""
        ...

    def poll(self) -> list[Ended]:
        """Jobs that ended since the last call; also moves cancelled ones towards their end. Never waits."""
        ...

    def cancel(self, trial: int, *, now: bool = False) -> None:
        """Ask a job to end, politely at first unless `now`; `poll` tells when it has."""
        ...
