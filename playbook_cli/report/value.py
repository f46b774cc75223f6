"""The one value that every renderer draws: all that is shown of a study, in the shapes in which it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from playbook_cli.advice import among
from playbook_cli.advice.rules import rules
from playbook_cli.records import DECIDED, ENDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from playbook_cli.analysis.expected_best import ExpectedBest
    from playbook_cli.analysis.importance import Importance
    from playbook_cli.analysis.isolation import Isolated
    from playbook_cli.analysis.surface import Surface
    from playbook_cli.records import Best, Finding, Metric, Role, Span, State, StepUnit, Stopped, Value
    from playbook_cli.storage.failures import Failure
    from playbook_cli.storage.usage import Sample

Split = Literal["validation", "training"]

EARLY, LATE = 0.1, 0.75
"""Best steps below the first share of max_train_steps, or above the second, are what the playbook asks about."""
BINS = 20
"""Bars of the best-step histogram, 5% of max_train_steps each."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial as tables and charts show it."""

    id: int
    params: Mapping[str, Value]
    arm: int
    """Which of the report's arms it belongs to."""
    state: State
    reason: str | None
    value: float | None
    """Best evaluation of the study's metric; None where there is none."""
    step: int | None
    """Step of the best evaluation."""
    last_step: int
    early: bool
    """Whether it completed and ended before the end of training."""
    seed: int
    rank: int | None
    """1 for the best completed trial; None for trials that did not complete or measured nothing."""
    good: bool
    """Among the best eighth of the completed trials (3 at least, 16 at most), ties included."""
    log: str
    """Where its output is, from the report's folder."""
    repeat_of: int | None = None
    stopped: Stopped | None = None
    """Why it was stopped before the end of training; then it has no result."""
    code: str | None = None
    """The state of the program that trained it, as the journal calls it; None unknown."""
    spans: Sequence[Span] = ()
    """When and where its attempts ran."""
    timescale: float | None = None
    """AdamW's, in steps; None where the trial is not known to be AdamW's, or decays nothing."""


@dataclass(frozen=True, kw_only=True)
class Searched:
    """One hyperparameter of an arm's space: a range or choices, and what is known of its ends."""

    name: str
    label: str
    low: float | None
    """Of a range, as are `high` and `scale`; None for choices."""
    high: float | None
    scale: Literal["linear", "log"] | None
    choices: Sequence[str]
    ends: str | None
    """lower-edge, upper-edge, interior or undecided; None where there is nothing to judge."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One setting of the scientific hyperparameters."""

    settings: Mapping[str, Value]
    label: str
    trials: int
    best: Best | None
    expected_best: Sequence[ExpectedBest]
    ended: int = 0
    """Trials that are completed or infeasible."""
    infeasible: int = 0
    space: Sequence[Searched] = ()
    """What varies within the arm."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """Where one trial lies on one axis."""

    trial: int
    unit: float
    """Position in [0, 1] of the range, on its own scale."""
    value: Value


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One hyperparameter that varies, and where its trials lie."""

    name: str
    """Shared by several axes where a hyperparameter means something else under each condition."""
    label: str
    role: Role
    kind: Literal["float", "int", "choice"]
    scale: Literal["linear", "log"]
    low: float
    high: float
    choices: Sequence[str]
    """Distinct names of the choices, in order; empty for a range."""
    zones: tuple[float, float] | None
    """The values at which the edge zones end; None for choices."""
    points: Sequence[Point]
    """One for each trial that has this hyperparameter and has started."""
    tenths: int
    """How many tenths of the range, or how many choices, hold at least one trial."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One metric of one trial over training, thinned; `best` says where the trial's best evaluation is."""

    trial: int
    split: Split
    steps: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Training curves that share an axis: one validation metric and its training counterpart, where there is one."""

    validation: str
    training: str | None
    lines: Sequence[Line]
    histogram: Sequence[tuple[float, float, int]] = ()
    """Of gradient norms: from, to, and how many of them lie between, in all of these trials."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Everything that every trial reported, thinned so that it fits on a page."""

    metrics: Sequence[str]
    """The study's metric first."""
    partners: Mapping[int, int]
    """Of a validation metric, the training metric that belongs to it, by their places."""
    steps: Sequence[Sequence[int]]
    """The different lists of steps at which trials reported."""
    trials: Sequence[tuple[int, int]]
    """A trial, and which list of steps is its own."""
    values: NDArray[np.float32]
    """Trial by trial, and in it metric by metric; NaN where a trial did not report one."""
    best: Sequence[int]
    """Trials to show first: the best ones, and the best of every arm."""


@dataclass(frozen=True, kw_only=True)
class BestSteps:
    """When the completed trials were at their best."""

    bins: Sequence[int]
    """Trials in each of `BINS` equal stretches of max_train_steps."""
    early: int
    """Trials at their best within the first 10%."""
    late: int
    """Trials at their best within the last 25%."""
    trials: int


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """One trial of the search, and what its trainings on fresh seeds came to, in the metric's units."""

    trial: int
    arm: str
    """Its arm in words; empty in a study without any."""
    selected: float | None
    """The result that it was selected for; None where it was infeasible."""
    values: Sequence[float]
    """Results of the completed repeats."""
    trials: Sequence[int]
    """Their ids."""
    seeds: Sequence[int]
    infeasible: int
    """Repeats that diverged."""
    mean: float | None
    sd: float | None
    interval: tuple[float, float] | None
    """Of the mean, 95%."""
    luck: float | None
    """How much better the selected result was than the mean."""

    @property
    def label(self) -> str:
        """The trial, with its arm where it has one."""
        return f"{self.arm}, trial {self.trial}" if self.arm else f"trial {self.trial}"


@dataclass(frozen=True, kw_only=True)
class Isolation:
    """The isolation plot: every arm, or every part of a scientific range, at its best over the nuisance parameters."""

    subject: str
    rows: Sequence[Isolated]
    part: bool = False
    """Whether it is of one of several scientific hyperparameters, over all values of the others."""

    def repeated(self, fresh: Mapping[int, Repeats]) -> dict[int, Repeats]:
        """The repeats of every row's best trial, by that trial; empty unless all of them were repeated."""
        best = [row.best.trial for row in self.rows if row.best is not None]
        return {trial: fresh[trial] for trial in best} if all(trial in fresh for trial in best) else {}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a reader sees first."""

    text: str
    """One sentence."""
    sure: str = ""
    """What it rests on, and what could change it."""
    command: str | None = None
    """What to do next, as a line for a shell."""
    why: str = ""
    """The reason for it, in a few words."""
    rests_on: Finding | None = None
    """What it says in other words, so that it is not listed again."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a study means; renderers know this and nothing else."""

    study: str
    folder: Path
    """Of the study, as the user gave it."""
    goal: str
    answer: Answer
    metric: Metric
    max_train_steps: int
    step_unit: StepUnit | None
    """What a step is; None where nothing tells."""
    eval_every: int
    fixed: Mapping[str, Value]
    counts: Mapping[str, int]
    """Trials of the search: planned, completed, infeasible, failed, running, pending."""
    repeat_counts: Mapping[str, int]
    """The same of the repeats."""
    best: Best | None
    arms: Sequence[Arm]
    findings: Sequence[Finding]
    failures: Sequence[Failure]
    """Why trials failed, repeats too."""
    caveats: Sequence[str]
    """What is wrong with the record itself, a sentence each."""
    edge_zone: float
    """Share of a range, at each end, in which the boundary rule looks; axis plots mark it."""
    axes: Sequence[Axis]
    panels: Sequence[Panel]
    curves: Curves
    best_steps: BestSteps
    isolation: Sequence[Isolation]
    importance: Importance | None
    """None for a study whose points say nothing about the space."""
    surfaces: Sequence[Surface]
    """Results over two hyperparameters each, by the model of `importance`."""
    repeats: Sequence[Repeats]
    """Arm by arm; empty where no repeat has ended."""
    luck: Sequence[str]
    """What the repeats say, in sentences."""
    trials: Sequence[Trial]
    """Those of the search, by id."""
    again: Sequence[Trial]
    """The repeats, by id."""
    usage: Mapping[int, Sequence[Sample]] = field(default_factory=dict)
    """What trials used of their machines, by trial; none of those that were too short to be sampled."""
    cuts: Mapping[str, str] = field(default_factory=dict)
    """Of an excerpt: what is not shown, in sentences, by the section that would show it."""

    def command(self, finding: Finding) -> str | None:
        """What acts on a finding, as a line for a shell in the directory in which the report was asked for."""
        return None if finding.act is None else str(finding.act.on(self.folder))

    @property
    def ranked(self) -> list[Trial]:
        """The completed trials that measured something, best first."""
        return sorted((trial for trial in self.trials if trial.rank is not None), key=lambda trial: trial.rank or 0)

    @property
    def own_spaces(self) -> bool:
        """Whether arms search different spaces, so that their spaces belong to the comparison."""
        searched = [{one.label for one in arm.space} for arm in self.arms]
        return any(labels != searched[0] for labels in searched)

    @property
    def timed(self) -> bool:
        """Whether some trials have AdamW's timescale."""
        return any(trial.timescale is not None for trial in self.trials)

    @property
    def fresh(self) -> dict[int, Repeats]:
        """The repeats that have a mean, by the trial that they repeat."""
        return {one.trial: one for one in self.repeats if one.mean is not None}

    @property
    def hyperparameters(self) -> list[str]:
        """Names of all hyperparameters that vary, each once."""
        return list(dict.fromkeys(axis.name for axis in self.axes))

    @property
    def undecided(self) -> list[Finding]:
        """Findings that only say that there is too little to judge yet."""
        return [f for f in self.findings if _is_undecided(f)]

    @property
    def silent(self) -> list[Finding]:
        """Findings of rules that found nothing."""
        return [f for f in self.findings if f.severity == "ok" and not _is_undecided(f)]

    @property
    def spoken(self) -> list[Finding]:
        """The findings to read, those first that would change the answer most."""
        return spoken(self.findings)

    @property
    def ended(self) -> int:
        """Trials whose outcome is known: completed, infeasible or stopped."""
        return sum(self.counts.get(state, 0) for state in DECIDED)

    @property
    def saved(self) -> tuple[int, float]:
        """The training steps that early stopping saved, and their share of what the ended trials would have taken."""
        steps = sum(max(self.max_train_steps - t.last_step, 0) for t in self.trials if t.stopped is not None)
        trained = sum(t.last_step for t in self.trials if t.state in ENDED)
        return steps, steps / (steps + trained) if steps else 0.0


def spoken(findings: Sequence[Finding]) -> list[Finding]:
    """Those to read: first what makes the answer wrong, then what to change, then what is good to know."""
    return sorted((f for f in findings if f.severity != "ok" and not _is_undecided(f)), key=_weight)


def _weight(finding: Finding) -> tuple[bool, bool, bool]:
    """Findings of one weight stay in the playbook's order."""
    unfair = finding.verdict in rules()[finding.rule].unfair
    return finding.severity != "warning", not unfair, finding.act is None


def _is_undecided(finding: Finding) -> bool:
    """Whether it says nothing but that more data is needed: not where some arms are known to be worse."""
    worse = any(one.worse for one in among.others(finding.evidence))
    return finding.verdict == "undecided" and finding.severity != "warning" and not worse


def step_bin(step: int, max_train_steps: int) -> int:
    """The bar of the best-step histogram that a step belongs to; each holds its upper end."""
    return min(max(-(-step * BINS // max_train_steps) - 1, 0), BINS - 1)
