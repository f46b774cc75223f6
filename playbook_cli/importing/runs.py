"""What every reader of other tools' runs is asked, and what it returns: trials as those tools know them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Goal, State, Value


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What the user said about where the runs are, and what in them is what."""

    source: str
    """A folder, a file, or the URL of a database."""
    params: str | None = None
    """Pattern of the files that hold hyperparameters, below the source."""
    metrics: Sequence[str] = ()
    """Patterns of the files that hold evaluations."""
    step: str | None = None
    """The field that counts steps; None looks for one of the usual names."""
    metric: str | None = None
    """What the study optimises."""
    hyperparameters: Sequence[str] = ()
    """Settings that are hyperparameters; () tells them by their names and values."""
    ignored: Sequence[str] = ()
    """Settings and columns that are left out."""
    name: str | None = None
    """Which study or experiment of a storage that holds several."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One trial that another tool ran."""

    name: str
    """What it is called there."""
    params: Mapping[str, Value]
    evaluations: Sequence[Mapping[str, float]]
    """Each with its `step`, a whole number, in the order in which they were written."""
    state: State | None = None
    """As that tool knows it; None where it says nothing, and the evaluations have to."""
    reason: str | None = None
    """Why it has that state."""
    changed: Sequence[str] = ()
    """Hyperparameters that changed while it trained, so that its result belongs to no one setting of them."""
    seed: int | None = None
    started: float | None = None
    """Seconds since the epoch, as is `ended`; None where unknown."""
    ended: float | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    """All else that the tool says of it, as JSON values, kept beside the trial."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    """All trials of one study of another tool."""

    source: str
    format: str
    runs: Sequence[Run]
    metric: str | None = None
    """What the tool says that it optimises."""
    goal: Goal | None = None
    space: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """How hyperparameters were searched, as a study file writes it; others are inferred."""
    repeats: Sequence[int | None] | None = None
    """For each run the index of the one that it repeats, or None; None where nothing says it, and equal settings do."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """All else that the tool says of the study, as JSON values."""
    notes: Sequence[str] = ()
    """What could not be carried over, and what was assumed."""
