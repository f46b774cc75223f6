"""The state of a pursuit, as its studies record it, and what may come next: values without files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.acts import Command
    from playbook_cli.advice.revision import Change
    from playbook_cli.records import Finding, StudyRecord, Value

Kind = Literal["lr-sweep", "study", "horizon", "finals", "refine", "baseline", "repeats", "confirm"]
Why = Literal["decided", "budget", "person"]
SEEDS = 5
"""Repeats of the best point and of the baseline, and of each finalist at most on average. Playbook's own."""
LEAST_SEEDS = 3
"""Repeats of each, below which none are begun. Playbook's own."""
POINTS = 3
"""Finalists: the best points of the search that are trained on fresh seeds. Playbook's own."""
ARMS = 4
"""Up to so many arms, the best point of each is a finalist, so that the study's question is answered, too."""
STUDIES = 8
"""Searches after which a person should look, whatever the findings still ask for. Playbook's own."""
HORIZON_SHARE = 1 / 3
"""Of what is left that measuring the training length may take. Playbook's own."""


@dataclass(frozen=True, kw_only=True)
class Searched:
    """A study of the pursuit whose trials have ended."""

    data: Mapping[str, Any]
    """Its study file, written out."""
    record: StudyRecord
    findings: Sequence[Finding]
    """Of the last search and of the finals; those of earlier studies have been acted on."""
    unlearned: str | None = None
    """Says that no trial is better than chance."""
    folder: str = ""
    """As the study file of the next round is to name it."""
    stable: Mapping[int, str] = field(default_factory=dict)
    """Checkpoints that trials kept before their decay, by trial, as that file is to name them."""

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def steps(self) -> int:
        """The length of its trials."""
        return self.record.max_train_steps

    @property
    def resizable(self) -> bool:
        """Whether it can have any number of trials."""
        return self.data.get("sampler", "halton") not in ("listed", "grid")


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The learning-rate sweep that the study file describes."""

    cost: int
    """Steps at most."""
    taken: bool = False
    max_train_steps: int | None = None
    """Its answer; None if it found none that can be trusted, or did not run."""


@dataclass(frozen=True, kw_only=True)
class Loop:
    """Everything that the next step depends on."""

    name: str
    """Of the study that was asked for."""
    data: Mapping[str, Any]
    """Its study file, written out."""
    trials: int
    arms: int
    max_train_steps: int
    eval_every: int
    """For trainings of the length that the sweep found, or else its own."""
    budget: int
    """In training steps."""
    spent: int
    baseline_params: Mapping[str, Value]
    final_steps: int | None = None
    """Length at which the best points and the baseline are trained in the end; None if the findings decide it."""
    sweep: Sweep | None = None
    searches: Sequence[Searched] = ()
    """In order; the last one is the one to go on from."""
    lengths_tried: frozenset[str] = frozenset()
    """Names of the studies whose training length was measured, or can't be."""
    finals: Searched | None = None
    baseline: Searched | None = None
    refined: int = 0
    """Points that a model of the results has added to the finals."""
    repeated: bool = False
    """Whether the finalists were repeated until it was decided which is best."""
    confirmed: bool = False
    """Whether the best of them and the baseline have their repeats."""
    names: frozenset[str] = frozenset()
    """Names of studies that are taken."""

    @property
    def left(self) -> int:
        return self.budget - self.spent

    @property
    def final_length(self) -> int:
        """Length of the last trainings, as far as it is known."""
        return self.final_steps or self.max_train_steps


@dataclass(frozen=True, kw_only=True)
class Step:
    """What to do next, and why."""

    kind: Kind
    study: str
    """The study that it trains, or adds trials to."""
    reason: str
    cost: int
    """Training steps, at most."""
    data: Mapping[str, Any] | None = None
    """The study file to write; None if it needs none, or the user's own is the one."""
    changes: Sequence[Change] = ()
    """What is new in that file, key by key."""
    left: Sequence[str] = ()
    """What was asked for, but only a person can do."""
    trials: Sequence[int] = ()
    """Of the finals: those to repeat."""
    repeats: int = 0
    """Of `repeats`: at most, of all these trials together; of `confirm`: of each, and of the baseline."""
    baseline: str | None = None
    """The study whose only point is repeated, too."""
    begins: int = 0
    """Trials that the study has already, if it only grows."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Why the loop ends here."""

    why: Why
    reason: str
    command: Command | None = None
    """What shows the evidence, or goes on."""
