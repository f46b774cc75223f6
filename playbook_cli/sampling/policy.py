"""Decides which trials a study has, what each should do, and when one has trained for long enough.

The loop in `study` runs any policy. A policy keeps only what it can derive again from the existing trials, so a study
that is killed at any point resumes as if it had not been.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from playbook_cli.records import Stopped, TrialRecord
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.storage.metrics import Measured


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an attempt should do differently from the study; `launch.command` passes it to the trial."""

    target: float | None = None
    """A value of the study's metric that ends the training."""
    stop_step: int | None = None
    """The last step, if that is less than max_train_steps; the schedule keeps its length."""
    eval_every: int | None = None
    """Number of steps between evaluations."""
    evaluate_from: int | None = None
    """The step from which every step is evaluated."""
    checkpoints: bool = True
    overrun: bool = False
    """Whether a program that trains beyond max_train_steps is stopped instead of counting as failed."""


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """The next trials to plan."""

    trials: Sequence[TrialRecord] = ()
    """New trials, pending; the loop numbers them."""
    spec: StudySpec | None = None
    """The study including them, if its file grows with its trials."""
    unnamed: int = 0
    """Number of trials that an adaptive search will still add; they depend on the results before them."""
    known: Sequence[int] | None = None
    """The trials whose results an adaptive search has used for this suggestion."""
    remark: str | None = None
    """A message to the user about it."""


class Policy(Protocol):
    """Proposes the trials of a study, and stops them. Only `suggest` has to be implemented."""

    follows: Mapping[str, Any] | None = None
    """What an adaptive search begins with, for its journal; None if the journal already has it."""

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        """What to plan next, given all existing trials and the number of trials that could start now.

        It is called at the start, and whenever a trial has ended and none is waiting. Waiting trials, including failed
        ones that will be retried, are `pending`. The trials of a probe come with all their evaluations.
        """
        ...

    def concerns(self, trial: TrialRecord) -> bool:
        """Whether to run a trial that has no result yet."""
        del trial
        return True

    def wanted(self, trial: TrialRecord) -> Wanted:
        """What the attempt of this trial that is about to start should do."""
        del trial
        return Wanted()

    def enough(self, trial: TrialRecord, measured: Callable[[], Measured]) -> str | None:
        """Why a trial that is running, or has just ended, has trained for long enough; None if it has not.

        `measured` reads its evaluations so far.
        """
        del trial, measured
        return None

    def learn(self, trial: TrialRecord, measured: Measured) -> None:
        """Take note of a trial that has ended, with all its evaluations; at the start, of every one that has."""
        del trial, measured

    def cannot_win(self, trial: TrialRecord, measured: Callable[[], Measured]) -> Stopped | None:
        """Why a running trial should be stopped although it has not trained to its end; None to go on.

        The decision is recorded, and the trial then counts as `stopped`: it has no result.
        """
        del trial, measured
        return None
