"""The values that all parts exchange: parameters, evaluations, trials, studies, findings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from playbook_cli.acts import Act
    from playbook_cli.files.fingerprint import Fingerprint

Value = bool | int | float | str | None | tuple[bool | int | float | str | None, ...]
"""The value of a hyperparameter; a tuple is a list in a study file, such as Adam's betas."""

Goal = Literal["minimize", "maximize"]
Role = Literal["scientific", "nuisance", "fixed"]
State = Literal["pending", "running", "completed", "infeasible", "stopped", "failed"]
DECIDED: tuple[State, ...] = ("completed", "infeasible", "stopped")
"""The states of a trial that `run` has finished with; a failed one is retried."""
ENDED: tuple[State, ...] = (*DECIDED, "failed")
"""The states of a trial that is not training any more."""
STATES: tuple[State, ...] = (*ENDED, "running", "pending")
"""All states, in the order in which they are listed."""
StepUnit = Literal["updates", "epochs", "env_steps", "tokens", "examples"]
Severity = Literal["warning", "info", "ok"]

WHOLE = 0.9
"""A trial that reaches this share of max_train_steps counts as trained to the end."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a study optimizes; a trial's result is its best evaluation."""

    name: str
    goal: Goal = "minimize"
    chance: float | None = None
    """Value of a model that has learned nothing; None if the study doesn't say."""
    examples: int | None = field(default=None, compare=False)
    """Validation examples, of which the metric is a share; None where nobody said."""

    def loss(self, value: float) -> float:
        """`value` with the sign that makes smaller better."""
        return value if self.goal == "minimize" else -value

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is strictly better than `b`."""
        return self.loss(a) < self.loss(b)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A hyperparameter that varies in the study: a range or a set of choices, mapped to [0, 1].

    Two parameters may share a `name` (the learning rates of two optimizers); their `label` differs.
    """

    name: str
    label: str
    role: Role
    kind: Literal["float", "int", "choice"]
    low: float = 0.0
    """Lower end, in the parameter's own units; unused for choices."""
    high: float = 0.0
    scale: Literal["linear", "log"] = "linear"
    choices: tuple[Value, ...] = ()
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    """Conditions: the parameter exists only if each named parameter has one of these values."""
    points: int | None = None
    """Number of values that a grid takes from a range."""

    def active(self, params: Mapping[str, Value]) -> bool:
        """Whether a trial with these other parameters has this one."""
        return all(name in params and params[name] in values for name, values in self.when.items())

    def from_unit(self, u: float) -> Value:
        """The value at `u` in [0, 1]; each choice has an equal share of it, and each integer its own (`share`)."""
        if not 0.0 <= u <= 1.0:
            raise ValueError(f"{u} is outside [0, 1]")
        if self.kind == "choice":
            return self.choices[min(int(u * len(self.choices)), len(self.choices) - 1)]
        if self.kind == "int":
            low, high = (self.low - 0.5, self.high + 0.5) if self.scale == "log" else (self.low, self.high + 1)
            x = self._interpolate(u, low, high)
            whole = math.floor(x + 0.5) if self.scale == "log" else math.floor(x)
            return int(min(max(whole, self.low), self.high))
        return min(max(self._interpolate(u, self.low, self.high), self.low), self.high)

    def to_unit(self, value: Value) -> float:
        """The position of `value` in [0, 1]; for a choice or integer, the middle of its share. Inverts `from_unit`."""
        if self.kind == "choice":
            return (self.place(value) + 0.5) / len(self.choices)
        if not isinstance(value, int | float):
            raise TypeError(f"{self.label} must be a number, not {value!r}")
        if self.kind == "int":
            if self.scale == "log":
                return 0.5 * sum(self.share(value))
            return (value - self.low + 0.5) / (self.high - self.low + 1)
        if self.low == self.high:
            return 0.5
        return self._share(value, self.low, self.high)

    def place(self, value: Value) -> int:
        """The index of a value among its choices. ValueError if it is none of them."""
        place = self.places.get(value)
        if place is None:
            raise ValueError(f"{value!r} is not a choice of {self.label}")
        return place

    @cached_property
    def places(self) -> Mapping[Value, int]:
        """The index of each choice."""
        return {choice: place for place, choice in reversed(list(enumerate(self.choices)))}

    def share(self, value: float) -> tuple[float, float]:
        """The ends of an integer's share of [0, 1]: from half below it to half above, on the scale."""
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
    """The evaluations of a trial as columns, in order of step.

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
    """The content of a trial's metrics file when its last attempt ended, as recorded in the journal."""

    value: float | None
    """The best evaluation; None if there was none."""
    step: int | None
    last_step: int
    evaluations: int


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """Why a trial was stopped before the end of training: it had too small a chance to become the best."""

    step: int
    """The step up to which its curve was read."""
    chance: float
    """The chance that it would have become the best of its arm."""
    expected: float
    """The result that it would probably have had at the end of training. No rule takes its best so far for one."""
    against: int
    """The trial that was the best of the arm."""
    known: Sequence[int] = ()
    """The completed trials whose curves the chance is calibrated on."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """When an attempt ran, in seconds since the epoch, and on which slot."""

    start: float
    end: float | None
    """None while it runs, and where its end was never recorded."""
    slot: str


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """A trial: its plan, its state and what it measured."""

    id: int
    params: Mapping[str, Value]
    """All hyperparameters, including fixed ones."""
    arm: Mapping[str, Value]
    """Values of the discrete scientific hyperparameters."""
    seed: int
    repeat_of: int | None = None
    """The trial that this one repeats with another training seed; None for a trial of the search."""
    looked: bool = False
    """Whether earlier repeats decided that this one was trained, so that the results decided when to stop."""
    state: State = "pending"
    reason: str | None = None
    """Why it is infeasible or failed."""
    attempts: int = 0
    planned: float | None = None
    """When it was planned, in seconds since the epoch; None unknown."""
    spans: Sequence[Span] = ()
    """Of its attempts, in order."""
    devices: Sequence[str] = ()
    """The kinds of device that its attempts ran on, if known; usually one."""
    shared: bool = False
    """Whether other trials of the run may have used its device at the same time."""
    codes: Sequence[str] = ()
    """Codes of the program versions that trained it, several if it was resumed with another one; empty if unknown. The
    last one belongs to the attempt that gave its result. `StudyRecord.programs` describes them."""
    curve: Curve | None = None
    """Evaluations of the latest attempt; None if nothing was recorded."""
    best: Best | None = None
    """Best finite evaluation of the study's metric, even if the trial is infeasible or failed; None without one."""
    last_step: int = 0
    """The last step with a record; 0 if there is none."""
    identity: str | None = None
    """Identity that its folder must have: see `storage.identity`; None if its journal has none."""
    marks: Sequence[str] = ()
    """Marks of its attempts; its folder has that of the last one. Attempts of earlier versions have none."""
    stopped: Stopped | None = None
    """The decision to stop it before the end of training; None if there was none, or if it trained to the end."""
    recorded: Recorded | None = None
    """What the journal recorded at its end; None before that, or if the journal doesn't say."""
    unused: str | None = None
    """Why its folder is not used: it belongs to another trial, or differs from what the journal recorded."""

    def trained_whole(self, max_train_steps: int) -> bool:
        """Whether it trained to the end: so near to it that the program would not evaluate again before.

        The last of 5 epochs that are counted from 0 is epoch 4.
        """
        if self.last_step >= WHOLE * max_train_steps:
            return True
        steps = () if self.curve is None else self.curve.steps
        gaps = sorted(int(after) - int(before) for before, after in pairwise(steps))
        return bool(gaps) and self.last_step + gaps[len(gaps) // 2] >= max_train_steps


@dataclass(frozen=True, kw_only=True)
class TrainingFit:
    """Result of a study's learning-rate sweep: whether its training set can be fitted."""

    fits: bool
    steps: int
    """Steps after which the fastest learning rate fits it; if none does, steps that each was trained for."""
    fell: float | None = None
    """If none fits: share by which the training loss of the closest one fell in the last quarter; None if unknown."""


@dataclass(frozen=True, kw_only=True)
class BestRate:
    """The best learning rate of a point at some length of training, measured or predicted by `horizon`."""

    trial: int
    steps: int
    value: float
    low: float
    """Lower end of its 95% interval."""
    high: float


@dataclass(frozen=True, kw_only=True)
class Horizon:
    """Result of `playbook horizon`: how long to train."""

    verdict: str
    max_train_steps: int
    """Recommended number of steps."""
    headline: str
    seeds_needed: int | None
    """Number of seeds that would decide an undecided verdict; None if it is decided or can't be."""
    learning_rate: str | None
    """Name of the learning rate, if other rates than the points' own were tried; else None."""
    rates: Sequence[BestRate] = ()
    """Best learning rates with a known interval, by trial and then by steps."""


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """The round of shorter training that a study's points came from."""

    study: str
    folder: str | None = None
    """Its folder, relative to the folder that holds this study; None if it is there under its own name."""
    number: int
    """Number of this study's round, the later one: 2 or more."""
    values: Mapping[int, float]
    """Known results there, by the number of the trial here."""


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """A study as read from its folder: everything that analysis needs, without I/O."""

    name: str
    goal: str
    metric: Metric
    max_train_steps: int
    eval_every: int
    parameters: Sequence[Parameter]
    """All hyperparameters that vary: discrete scientific ones, which make the arms, and all sampled ones."""
    fixed: Mapping[str, Value]
    arms: Sequence[Mapping[str, Value]]
    """The arms, at least one; a study without discrete scientific hyperparameters has the single arm {}."""
    planned: int
    trials: Sequence[TrialRecord]
    rules: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Thresholds that the user set, as rule -> name -> value."""
    step_unit: StepUnit | None = None
    """What a step is; None where nothing tells."""
    takes_eval_every: bool = True
    """Whether its program can be asked for another number of steps between evaluations."""
    raced: bool = False
    """Whether it is a sweep or another probe, whose trials may end early, so that their curves are incomplete."""
    listed: bool = False
    """Whether its points were listed one by one, not sampled, so that they say nothing about the space."""
    even: bool = True
    """Whether its points lie more evenly than independent ones: quasi-random, or a grid."""
    adaptive: bool = False
    """Whether each point was chosen from earlier results, so that points crowd in good regions."""
    earlier: Earlier | None = None
    """Results of this study's points in a shorter round before it."""
    imported: bool = False
    """Whether another tool ran its trials, so that none can be added."""
    programs: Mapping[str, Fingerprint] = field(default_factory=dict)
    """The versions of the program that trials ran, by their codes, in order of first use."""
    replaced: str | None = None
    """Says that its study file is not the one that its trials ran with; None if it is, as far as is known."""
    training_fit: TrainingFit | None = None
    """Result of its learning-rate sweep; None if there is none, or it was inconclusive."""
    horizon: Horizon | None = None
    """Result of `playbook horizon`; None if it was not run, or for another max_train_steps."""

    @cached_property
    def search(self) -> StudyRecord:
        """The study without its repeats, so that each point of the search is there once."""
        trials = searched(self.trials)
        return replace(self, trials=trials, planned=self.planned - (len(self.trials) - len(trials)))

    @property
    def unfinished(self) -> int:
        """How many of the planned trials have not ended."""
        return self.planned - sum(trial.state in ENDED for trial in self.trials)

    def repeats(self, trial: int) -> list[TrialRecord]:
        """The repeats of this trial, in order of id, without the trial itself."""
        return self._again.get(trial, [])

    @cached_property
    def _again(self) -> Mapping[int, list[TrialRecord]]:
        again: dict[int, list[TrialRecord]] = {}
        for trial in self.trials:
            if trial.repeat_of is not None:
                again.setdefault(trial.repeat_of, []).append(trial)
        return again


def searched(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The trials of the search, without repeats."""
    return [trial for trial in trials if trial.repeat_of is None]


def best_result(trials: Iterable[TrialRecord], metric: Metric) -> Best | None:
    """The best result of the completed trials of the search."""
    results = [t.best for t in searched(trials) if t.state == "completed" and t.best is not None]
    return min(results, key=lambda best: (metric.loss(best.value), best.trial), default=None)


def codes(before: Sequence[str], code: str, *, resumed: bool) -> tuple[str, ...]:
    """The `codes` of a trial after another attempt with `code`; earlier codes are kept only if it was `resumed`."""
    return tuple(dict.fromkeys((*before, code))) if resumed else (code,)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a rule says about a subject, with its evidence and what to do about it."""

    rule: str
    subject: str | None
    severity: Severity
    verdict: str
    evidence: Mapping[str, Any]
    message: str
    act: Act | None = None
    because: str | None = None
    """What holds it up, where that may hold up others, too: in the words of the message, which has more."""

    @property
    def objection(self) -> str:
        """The finding as an objection in a list of several: `boundary (learning_rate): the best trials lie ...`."""
        return f"{self.rule}{f' ({self.subject})' if self.subject else ''}: {self.message}"
