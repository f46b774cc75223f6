"""The values that every part speaks: parameters, evaluations, trials, studies, findings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from playbook_cli.acts import Act
    from playbook_cli.files.fingerprint import Fingerprint

Value = bool | int | float | str | None | tuple[bool | int | float | str | None, ...]
"""One setting of a hyperparameter; a tuple is a list of a study file, such as Adam's betas."""

Goal = Literal["minimize", "maximize"]
Role = Literal["scientific", "nuisance", "fixed"]
State = Literal["pending", "running", "completed", "infeasible", "failed"]
StepUnit = Literal["updates", "epochs", "env_steps", "tokens", "examples"]
Severity = Literal["warning", "info", "ok"]

WHOLE = 0.9
"""A trial that comes to this share of max_train_steps has trained as long as the others."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a study optimises; the best evaluation of a trial is the trial's result."""

    name: str
    goal: Goal = "minimize"
    chance: float | None = None
    """What a model reaches that has learned nothing; None where nobody said."""
    examples: int | None = field(default=None, compare=False)
    """Validation examples, of which the metric is a share; None where nobody said."""

    def loss(self, value: float) -> float:
        """`value` turned so that smaller is better."""
        return value if self.goal == "minimize" else -value

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is strictly better than `b`."""
        return self.loss(a) < self.loss(b)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One hyperparameter that varies inside the study: a range or a set of choices, and how it maps to [0, 1).

    Two parameters may share a `name` (the learning rate of two optimizers); their `label` tells them apart.
    """

    name: str
    label: str
    role: Role
    kind: Literal["float", "int", "choice"]
    low: float = 0.0
    """Lower end, in the parameter's own scale; unused for choices."""
    high: float = 0.0
    scale: Literal["linear", "log"] = "linear"
    choices: tuple[Value, ...] = ()
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    """Present only where each named parameter has one of these values."""
    points: int | None = None
    """Number of values that a grid takes from a range."""

    def active(self, params: Mapping[str, Value]) -> bool:
        """Whether a trial with these other parameters has this one."""
        return all(name in params and params[name] in values for name, values in self.when.items())

    def from_unit(self, u: float) -> Value:
        """The value at `u` in [0, 1]; every choice owns an equal share of it, and every integer its own (`share`)."""
        if not 0.0 <= u <= 1.0:
            raise ValueError(f"{u} lies outside [0, 1]")
        if self.kind == "choice":
            return self.choices[min(int(u * len(self.choices)), len(self.choices) - 1)]
        if self.kind == "int":
            low, high = (self.low - 0.5, self.high + 0.5) if self.scale == "log" else (self.low, self.high + 1)
            x = self._interpolate(u, low, high)
            whole = math.floor(x + 0.5) if self.scale == "log" else math.floor(x)
            return int(min(max(whole, self.low), self.high))
        return min(max(self._interpolate(u, self.low, self.high), self.low), self.high)

    def to_unit(self, value: Value) -> float:
        """Where `value` lies in [0, 1]; a choice or an integer at the middle of its share. Inverse of `from_unit`."""
        if self.kind == "choice":
            return (self.place(value) + 0.5) / len(self.choices)
        if not isinstance(value, int | float):
            raise TypeError(f"{self.label} is a number, not {value!r}")
        if self.kind == "int":
            if self.scale == "log":
                return 0.5 * sum(self.share(value))
            return (value - self.low + 0.5) / (self.high - self.low + 1)
        if self.low == self.high:
            return 0.5
        return self._share(value, self.low, self.high)

    def place(self, value: Value) -> int:
        """Which of its choices a value is, from 0 on. ValueError where it is none of them."""
        place = self.places.get(value)
        if place is None:
            raise ValueError(f"{value!r} is no choice of {self.label}")
        return place

    @cached_property
    def places(self) -> Mapping[Value, int]:
        """Each of its choices, and which one it is."""
        return {choice: place for place, choice in reversed(list(enumerate(self.choices)))}

    def share(self, value: float) -> tuple[float, float]:
        """Where the share of an integer begins and ends in [0, 1]: from half below it to half above, on the scale."""
        low, high = self.low - 0.5, self.high + 0.5
        return self._share(value - 0.5, low, high), self._share(value + 0.5, low, high)

    def _interpolate(self, u: float, low: float, high: float) -> float:
        if self.scale == "log":
            return math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
        return low + u * (high - low)

    def _share(self, x: float, low: float, high: float) -> float:
        if self.scale == "log":
            return (math.log(x) - math.log(low)) / (math.log(high) - math.log(low))
        return (x - low) / (high - low)


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """The evaluations of one trial as columns, in order of step.

    `steps` has shape (n,), strictly increasing; each column of `values` has shape (n,), NaN where an evaluation
    lacks that metric.
    """

    steps: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best evaluation of a trial."""

    trial: int
    value: float
    step: int
    params: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the journal says that a trial's metrics file held when its last attempt ended."""

    value: float | None
    """The best evaluation; None where there was none."""
    step: int | None
    last_step: int
    evaluations: int


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial as far as it is known: what was planned, how it ended, what it measured."""

    id: int
    params: Mapping[str, Value]
    """All hyperparameters, fixed ones too."""
    arm: Mapping[str, Value]
    """The settings of the discrete scientific hyperparameters."""
    seed: int
    repeat_of: int | None = None
    """The trial that this one trains again on a fresh seed; None for a trial of the search."""
    state: State = "pending"
    reason: str | None = None
    """Why it is infeasible or failed."""
    attempts: int = 0
    devices: Sequence[str] = ()
    """The kinds of device that its attempts ran on, where that is known: usually one."""
    shared: bool = False
    """Whether other trials of its run may have used its device at the same time."""
    codes: Sequence[str] = ()
    """The states of the program that trained it, of a trial that was resumed under another one several; none unknown.
    The last one's attempt is the one that ended in its result. `StudyRecord.programs` describes them."""
    curve: Curve | None = None
    """Evaluations of the latest attempt; None where nothing was recorded."""
    best: Best | None = None
    """Best finite evaluation of the study's metric, also of an infeasible or failed trial; None where there is none."""
    last_step: int = 0
    """The last step at which anything was recorded."""
    identity: str | None = None
    """By which its folder is known: see `identity`; None of a trial whose journal tells none."""
    marks: Sequence[str] = ()
    """Of its attempts, as its folder has that of the last one; of none that an earlier version ran."""
    recorded: Recorded | None = None
    """None before its end, and of a trial whose journal does not tell."""
    unused: str | None = None
    """Why what its folder holds is not used: it is another trial's, or differs from what the journal recorded."""


@dataclass(frozen=True, kw_only=True)
class TrainingFit:
    """What the learning-rate sweep of a study found out about fitting its training set."""

    fits: bool
    steps: int
    """After which the fastest learning rate fits it; where none does, for which each was trained."""
    fell: float | None = None
    """By which share the training loss fell over the last quarter where it came closest, if none fits; None unknown."""


@dataclass(frozen=True, kw_only=True)
class BestRate:
    """The best learning rate of a point in trainings of some length, as a ladder of lengths measured or predicts it."""

    trial: int
    steps: int
    value: float
    low: float
    """End of its interval of 95%."""
    high: float


@dataclass(frozen=True, kw_only=True)
class Horizon:
    """What `playbook horizon` found out about how long to train."""

    verdict: str
    max_train_steps: int
    """The recommended number."""
    headline: str
    seeds_needed: int | None
    """That would settle it, where it is undecided and can be settled."""
    learning_rate: str | None
    """Its name, where other ones than the points' own were tried."""
    rates: Sequence[BestRate] = ()
    """Those whose interval is known, by trial and then by steps."""


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """The round of shorter trainings that a study's points were taken from."""

    study: str
    folder: str | None = None
    """Seen from the folder that holds this study; None where it lies there, too, under its name."""
    number: int
    """Of the round of this study, the later one: 2 or more."""
    values: Mapping[int, float]
    """The result there, by the number of the trial here; those that are known."""


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """A study as read from its folder: all that analysis needs, and nothing that does I/O."""

    name: str
    goal: str
    metric: Metric
    max_train_steps: int
    eval_every: int
    parameters: Sequence[Parameter]
    """Everything that varies: discrete scientific ones (they make the arms) and all sampled ones."""
    fixed: Mapping[str, Value]
    arms: Sequence[Mapping[str, Value]]
    """At least one; a study without discrete scientific hyperparameters has the one arm {}."""
    planned: int
    trials: Sequence[TrialRecord]
    rules: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Thresholds that the user set: rule -> name -> value."""
    step_unit: StepUnit | None = None
    """What a step is; None where nothing tells."""
    raced: bool = False
    """A sweep or another probe: its trials end once they have answered it, so their curves are no whole trainings."""
    listed: bool = False
    """Its points were written down one by one, not sampled: where they lie says nothing about the space."""
    adaptive: bool = False
    """Each point was chosen by the results before it: they crowd where those are good, and sample nothing evenly."""
    earlier: Earlier | None = None
    """What the points of this study came to in a shorter round before it."""
    imported: bool = False
    """Another tool ran its trials, so that no further ones can be added."""
    programs: Mapping[str, Fingerprint] = field(default_factory=dict)
    """The states of the program that trials ran, in order of their first use."""
    replaced: str | None = None
    """That its study file is not the one that its trials were run by, as a sentence; None where nothing tells so."""
    training_fit: TrainingFit | None = None
    """None where no sweep of this study is known, or it could not say."""
    horizon: Horizon | None = None
    """None where it was not measured how long to train, or for another max_train_steps."""

    @cached_property
    def search(self) -> StudyRecord:
        """The study without its repeats: every point once, as the search found it."""
        trials = searched(self.trials)
        return replace(self, trials=trials, planned=self.planned - (len(self.trials) - len(trials)))

    def repeats(self, trial: int) -> list[TrialRecord]:
        """The trainings of this trial's point on fresh seeds, in order of id; the trial itself is not among them."""
        return self._again.get(trial, [])

    @cached_property
    def _again(self) -> Mapping[int, list[TrialRecord]]:
        again: dict[int, list[TrialRecord]] = {}
        for trial in self.trials:
            if trial.repeat_of is not None:
                again.setdefault(trial.repeat_of, []).append(trial)
        return again


def searched(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The trials of the search, without those that repeat one of them."""
    return [trial for trial in trials if trial.repeat_of is None]


def codes(before: Sequence[str], code: str, *, resumed: bool) -> tuple[str, ...]:
    """The `codes` of a trial whose next attempt runs this one; nothing is left of the earlier ones unless `resumed`."""
    return tuple(dict.fromkeys((*before, code))) if resumed else (code,)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one rule says about one subject, with its evidence and what to do about it."""

    rule: str
    subject: str | None
    severity: Severity
    verdict: str
    evidence: Mapping[str, Any]
    message: str
    act: Act | None = None
