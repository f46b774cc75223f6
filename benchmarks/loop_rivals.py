"""What `loop.py` measures `playbook pursue` against: other tools' searches of the same space, trial by trial.

Every tool draws from the space of the study file and trains in this process, each trial for the final length at most,
with its own defaults wherever it has any. A search says after each trial how many steps it has spent, and which
configuration it would recommend now.
"""

from __future__ import annotations

import importlib.util
import math
import random
import re
import site
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from playbook_cli import Trial
from playbook_cli.client import Infeasible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from playbook_cli.records import Parameter, TrialRecord, Value
    from playbook_cli.spec.model import StudySpec

ROOT = Path(__file__).resolve().parent.parent
REDUCTION = 3
RUNGS = 2
"""The shortest trials of Hyperband and ASHA are 1 / REDUCTION**RUNGS of the final length."""


class Pick(NamedTuple):
    """A configuration, and how long it is to be trained."""

    params: Mapping[str, Value]
    max_train_steps: int
    eval_every: int


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A search after one more trial."""

    spent: int
    pick: Pick | None
    """What it would recommend now; None if nothing has completed."""


class Stopped(Exception):  # noqa: N818 (it is no error)
    """The tool ends this trial."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A trial that a tool wants."""

    told: Any
    """What the tool calls it."""
    params: dict[str, Value]
    number: int
    """Of its training seed; the same if it goes on with an earlier trial."""
    paid: int = 0
    """Steps of the earlier trial that it goes on with, which a checkpoint would save."""


class Tool(Protocol):
    """One search."""

    any_length: bool
    """Whether it may recommend what it has trained for less than the whole length."""

    def ask(self) -> Asked:
        """The next trial."""

    def goes_on(self, trial: Any, step: int, value: float) -> bool:
        """Whether a trial trains on after this evaluation."""

    def end(self, trial: Any, best: float | None) -> None:
        """Take in its best evaluation; None if it diverged, or may not be recommended."""


class Watched(Trial):
    """A trial whose evaluations go to a function, which may stop it."""

    def __init__(self, goes_on: Callable[[int, float], bool] | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.goes_on = goes_on
        self.trained = 0
        self.lowest = math.inf

    def report(self, step: int, **metrics: float) -> None:
        self.trained = step
        if not all(map(math.isfinite, metrics.values())):
            raise Infeasible
        value = metrics[str(self.metric)]
        self.lowest = min(self.lowest, value)
        if self.goes_on is not None and not self.goes_on(step, value):
            raise Stopped


def search(spec: StudySpec, tool: Tool, seed: int, length: int) -> Iterator[Ended]:
    """The trials of a search, `length` steps long at most; it goes on for as long as it is asked."""
    spent, best = 0, (math.inf, None)
    every = evaluated(spec, length)
    while True:
        asked = tool.ask()
        params = {**spec.space().fixed, **asked.params}
        trial = Watched(
            lambda step, value, told=asked.told: tool.goes_on(told, step, value),
            params=params,
            seed=1_000_000 * (seed + 1) + asked.number,
            max_train_steps=length,
            eval_every=every,
            goal_metric=spec.objective.name,
        )
        lowest: float | None = None
        try:
            training(spec)(trial)
            lowest = trial.lowest
        except Stopped:
            lowest = trial.lowest if tool.any_length else None
        except Infeasible:
            pass
        tool.end(asked.told, lowest)
        if lowest is not None and lowest < best[0]:
            best = lowest, Pick(params, length, every)
        spent += trial.trained - min(trial.trained, asked.paid)
        yield Ended(spent=spent, pick=best[1])


def evaluated(spec: StudySpec, length: int) -> int:
    """Steps between evaluations of a training of this length: as many evaluations as the study's trials have."""
    return max(1, round(spec.steps_between_evaluations * length / spec.max_train_steps))


def training(spec: StudySpec) -> Any:
    """The workload's own training function."""
    module, _, name = str(spec.train).partition(":")
    return getattr(importlib.import_module(module), name)


def curve(spec: StudySpec, trial: TrialRecord) -> Mapping[int, Mapping[str, float]] | None:
    """The evaluations of a trial of a pursuit, by step; None if it diverges."""
    seen: dict[int, Mapping[str, float]] = {}

    class Noted(Watched):
        def report(self, step: int, **metrics: float) -> None:
            super().report(step, **metrics)
            seen[step] = metrics

    noted = Noted(
        params=trial.params,
        seed=trial.seed,
        max_train_steps=spec.max_train_steps,
        eval_every=spec.steps_between_evaluations,
        goal_metric=spec.objective.name,
    )
    try:
        training(spec)(noted)
    except Infeasible:
        return None
    return seen


def trained(spec: StudySpec, pick: Pick, seed: int) -> float:
    """The best evaluation of a pick, trained anew with this seed; infinite if it diverges."""
    trial = Watched(
        params=pick.params,
        seed=seed,
        max_train_steps=pick.max_train_steps,
        eval_every=pick.eval_every,
        goal_metric=spec.objective.name,
    )
    try:
        training(spec)(trial)
    except Infeasible:
        return math.inf
    return trial.lowest


@dataclass
class Optuna:
    """A sampler of Optuna, alone or with its Hyperband pruner."""

    study: Any
    space: list[Parameter]
    any_length: bool = False

    def ask(self) -> Asked:
        trial = self.study.ask()
        params = {p.name: _suggested(trial, p) for p in self.space}
        return Asked(told=trial, params=params, number=trial.number)

    def goes_on(self, trial: Any, step: int, value: float) -> bool:
        trial.report(value, step)
        return not trial.should_prune()

    def end(self, trial: Any, best: float | None) -> None:
        from optuna.trial import TrialState

        self.study.tell(trial, best, state=TrialState.PRUNED if best is None else TrialState.COMPLETE)


def _suggested(trial: Any, p: Parameter) -> Value:
    if p.kind == "choice":
        return trial.suggest_categorical(p.name, p.choices)
    suggest = trial.suggest_int if p.kind == "int" else trial.suggest_float
    return suggest(p.name, p.low, p.high, log=p.scale == "log")


@dataclass
class SyneTune:
    """A scheduler of Syne Tune that stops trials."""

    scheduler: Any
    metric: str
    best: dict[int, float] = field(default_factory=dict)
    count: int = 0
    any_length: bool = True

    def ask(self) -> Asked:
        from datetime import UTC, datetime

        from syne_tune.backend.trial_status import Trial as Told

        config = self.scheduler.suggest().config
        told = Told(trial_id=self.count, config=config, creation_time=datetime.fromtimestamp(0, UTC))
        self.count += 1
        self.scheduler.on_trial_add(told)
        return Asked(told=told, params=dict(config), number=told.trial_id)

    def goes_on(self, trial: Any, step: int, value: float) -> bool:
        self.best[trial.trial_id] = min(value, self.best.get(trial.trial_id, math.inf))
        result = {self.metric: self.best[trial.trial_id], "step": step}
        return self.scheduler.on_trial_result(trial, result) == "CONTINUE"

    def end(self, trial: Any, best: float | None) -> None:
        if best is None:
            self.scheduler.on_trial_error(trial)


@dataclass
class Neps:
    """PriorBand of NePS, whose trials go on from the checkpoints of shorter ones."""

    optimizer: Any
    any_length: bool = True

    def ask(self) -> Asked:
        told = self.optimizer.ask()
        params = {name: value for name, value in told.config.items() if name != _STEPS}
        before = self.optimizer.trials.get(told.metadata.previous_trial_id)
        number = int(told.metadata.id.partition("_")[0])
        return Asked(told=told, params=params, number=number, paid=before.config[_STEPS] if before else 0)

    def goes_on(self, trial: Any, step: int, value: float) -> bool:
        del value
        return step < trial.config[_STEPS]

    def end(self, trial: Any, best: float | None) -> None:
        self.optimizer.tell(trial.metadata.id, _DIVERGED if best is None else best)


_STEPS = "max_train_steps"
_DIVERGED = 1e3
"""What PriorBand hears of a trial that diverged: far worse than any that did not."""


def tool(name: str, spec: StudySpec, seed: int, length: int) -> Tool:
    """A search of this name that begins now."""
    shortest = max(1, length // REDUCTION**RUNGS)
    space = list(spec.space().parameters)
    if name.startswith("NePS"):
        return _priorband(spec, seed, length, shortest)
    if name.startswith("Syne Tune"):
        return _asha(spec, seed, length, shortest)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    gp = "GP" in name
    sampler = optuna.samplers.GPSampler(seed=seed) if gp else optuna.samplers.TPESampler(seed=seed)
    pruner = (
        optuna.pruners.HyperbandPruner(min_resource=shortest, max_resource=length, reduction_factor=REDUCTION)
        if "Hyperband" in name
        else optuna.pruners.NopPruner()
    )
    return Optuna(optuna.create_study(sampler=sampler, pruner=pruner), space)


def _asha(spec: StudySpec, seed: int, length: int, shortest: int) -> SyneTune:
    import numpy as np
    from syne_tune import config_space
    from syne_tune.optimizer import baselines

    def domain(p: Parameter) -> Any:
        if p.kind == "choice":
            return config_space.choice(list(p.choices))
        kinds = ("lograndint", "randint") if p.kind == "int" else ("loguniform", "uniform")
        return getattr(config_space, kinds[p.scale != "log"])(p.low, p.high)

    np.random.seed(seed)  # noqa: NPY002 (it draws the bracket from there)
    scheduler = baselines.ASHA(
        {p.name: domain(p) for p in spec.space().parameters},
        metric=spec.objective.name,
        time_attr="step",
        max_t=length,
        grace_period=shortest,
        reduction_factor=REDUCTION,
        random_seed=seed,
    )
    return SyneTune(scheduler, spec.objective.name)


def _priorband(spec: StudySpec, seed: int, length: int, shortest: int) -> Neps:
    """Its prior is the middle of the space, which is also what a pursuit is to beat."""
    import neps
    import numpy as np
    import torch

    def domain(p: Parameter) -> Any:
        middle = p.from_unit(0.5)
        if p.kind == "choice":
            return neps.Categorical(tuple(p.choices), prior=p.choices.index(middle), prior_confidence="medium")
        kind = neps.Integer if p.kind == "int" else neps.Float
        return kind(p.low, p.high, log=p.scale == "log", prior=middle, prior_confidence="medium")

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (it draws from there)
    torch.manual_seed(seed)
    space = {p.name: domain(p) for p in spec.space().parameters} | {_STEPS: neps.IntegerFidelity(shortest, length)}
    made = type("Space", (neps.PipelineSpace,), space)()
    return Neps(neps.AskAndTell(neps.algorithms.priorband(made, eta=REDUCTION)))


def available() -> list[str]:
    """The tools that are installed: here, in .venv-tools (`make tools`) or in .venv-neps."""
    for venv in (".venv-neps", ".venv-tools"):  # NePS needs the older botorch
        for packages in (ROOT / venv / "lib").glob("python*/site-packages"):
            site.addsitedir(str(packages))
    packages_of = {"Optuna": "optuna", "Syne": "syne_tune", "NePS": "neps"}
    return [name for name in TOOLS if importlib.util.find_spec(packages_of[re.split(r"[' ]", name)[0]])]


TOOLS = (
    "Optuna's TPE",
    "Optuna's TPE with Hyperband",
    "Optuna's GP with Hyperband",
    "Syne Tune's ASHA",
    "NePS's PriorBand",
)
