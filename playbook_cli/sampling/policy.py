"""What decides which trials a study has, what is wanted of each, and when one has trained for long enough.

The loop of `study` runs any policy. A policy keeps nothing that it could not find out again from the trials there are,
so a study that is killed anywhere and run again goes on as if it had not been.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.storage.metrics import Measured


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is wanted of an attempt, where it differs from what the study says; `launch.command` tells it the trial."""

    target: float | None = None
    """A value of the study's metric that ends the training."""
    stop_step: int | None = None
    """The last step, where that is less than max_train_steps; a schedule stays as long as it is."""
    eval_every: int | None = None
    """Steps between evaluations."""
    evaluate_from: int | None = None
    """The step from which on every one is evaluated."""
    checkpoints: bool = True
    overrun: bool = False
    """Whether a program that trains beyond max_train_steps is ended there, in place of having failed."""


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """What to plan next."""

    trials: Sequence[TrialRecord] = ()
    """New ones, pending; the loop numbers them."""
    spec: StudySpec | None = None
    """The study with them, where its file grows with its trials."""
    unnamed: int = 0
    """Trials that are still to come, of an adaptive search; what they are depends on the results before them."""
    known: Sequence[int] | None = None
    """The trials whose results an adaptive search has used for this suggestion."""
    remark: str | None = None
    """What the user is told of it."""


class Policy(Protocol):
    """Proposes the trials of a study, and ends them. All but `suggest` may be left as it is."""

    follows: Mapping[str, Any] | None = None
    """What an adaptive search begins with, for its journal; None where that has it already."""

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        """What to plan next, given all trials there are and for how many more there is room now.

        It is asked at the start, and whenever nothing waits and a trial has ended. Trials that wait, a failed one that
        gets another try among them, are `pending`. Those of a probe come with all their evaluations.
        """
        ...

    def concerns(self, trial: TrialRecord) -> bool:
        """Whether a trial that has no result yet is to be run."""
        del trial
        return True

    def wanted(self, trial: TrialRecord) -> Wanted:
        """What is wanted of the attempt of this trial that is about to start."""
        del trial
        return Wanted()

    def enough(self, trial: TrialRecord, measured: Callable[[], Measured]) -> str | None:
        """Why a trial that runs, or has just ended, has trained for long enough; None where it has not.

        `measured` reads what it has measured so far.
        """
        del trial, measured
        return None
