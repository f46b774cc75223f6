"""What every reader of other tools' runs gets, and what it returns: trials as those tools record them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Goal, State, Value


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Where the runs are and how to interpret them, according to the user."""

    source: str
    """A folder, a file, or the URL of a database."""
    params: str | None = None
    """Pattern of the files with hyperparameters, relative to the source."""
    metrics: Sequence[str] = ()
    """Patterns of the files with evaluations, relative to the source."""
    step: str | None = None
    """The field that counts steps; None searches for the usual names."""
    metric: str | None = None
    """The metric that the study optimises; None if the user does not say."""
    hyperparameters: Sequence[str] = ()
    """Settings that are hyperparameters; () selects them by their names and values."""
    ignored: Sequence[str] = ()
    """Settings and columns that are left out."""
    name: str | None = None
    """Name of the study or experiment, for a storage with several."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One trial that another tool ran."""

    name: str
    """The tool's name for it."""
    params: Mapping[str, Value]
    evaluations: Sequence[Mapping[str, float]]
    """Evaluations in the order in which they were written, each with its `step`, a whole number."""
    state: State | None = None
    """The state that the tool records; None if it records none, and the evaluations decide."""
    reason: str | None = None
    """The reason for that state."""
    changed: Sequence[str] = ()
    """Hyperparameters that changed during training, so that the result has no single setting."""
    seed: int | None = None
    started: float | None = None
    """Start time in seconds since the epoch, like `ended`; None if unknown."""
    ended: float | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    """Everything else that the tool records, as JSON values, kept beside the trial."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    """All trials of one study of another tool."""

    source: str
    format: str
    runs: Sequence[Run]
    metric: str | None = None
    """The metric that the tool optimises; None if it records none."""
    goal: Goal | None = None
    space: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Recorded search ranges of hyperparameters, in the form of a study file; others are inferred."""
    repeats: Sequence[int | None] | None = None
    """For each run the index of the run that it repeats, or None; None if not recorded, and equal settings decide."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Everything else that the tool records about the study, as JSON values."""
    notes: Sequence[str] = ()
    """Notes for the user: what could not be imported, and what was assumed."""
