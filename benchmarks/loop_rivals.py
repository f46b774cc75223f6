"""What `loop.py` measures Playbook's loop against: Optuna on the same study file, and fresh trainings of every pick."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import optuna
import torch

from playbook_cli import Trial
from playbook_cli.client import Infeasible
from playbook_cli.spec.load import load
from playbook_cli.workloads import digits, textlm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.records import Value
    from playbook_cli.spec.model import StudySpec

TPE, HYPERBAND = "TPE", "TPE with Hyperband"
REDUCTION = 3
RUNGS = 2
"""Hyperband's shortest trials are max_train_steps / REDUCTION**RUNGS long: three brackets."""


class Pick(NamedTuple):
    """What a method would train for good."""

    params: Mapping[str, Value]
    max_train_steps: int
    eval_every: int


@dataclass(kw_only=True)
class Search:
    """One run of Optuna, as columns of its trials: steps spent by the end, result (None where pruned), point."""

    spent: list[int] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    picks: list[Pick] = field(default_factory=list)

    def best_within(self, steps: int) -> Pick | None:
        """The best finished trial of those that had ended after so many steps of the whole search."""
        ended = [
            (value, number)
            for number, (spent, value) in enumerate(zip(self.spent, self.values, strict=True))
            if spent <= steps and value is not None
        ]
        return self.picks[min(ended)[1]] if ended else None


class Watched(Trial):
    """A trial that tells Optuna what it measures, and ends where Optuna prunes it."""

    def __init__(self, told: optuna.Trial, metric: str, **settings: Any) -> None:
        super().__init__(**settings, goal_metric=metric)
        self.told = told
        self.trained = 0
        self.lowest = float("inf")

    def report(self, step: int, **metrics: float) -> None:
        self.trained = step
        value = metrics[self.metric]
        if not all(map(math.isfinite, metrics.values())):
            raise optuna.TrialPruned  # where Playbook says infeasible; TPE then counts the point among the bad ones
        self.lowest = min(self.lowest, value)
        self.told.report(value, step)
        if self.told.should_prune():
            raise optuna.TrialPruned


def search(file: Path, seed: int, budget: int, method: str) -> Search:
    """Optuna's TPE, with Hyperband or without pruning, until it has trained `budget` steps.

    Both with Optuna's defaults. The space, the fixed settings, the metric and the length of trials are those
    of the
    study file. What a search does up to any number of steps does not depend on how long it goes on, so one tells of
    all smaller budgets.
    """
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spec = load(file)[0]
    max_train_steps, eval_every = spec.max_train_steps, spec.eval_every
    pruner = (
        optuna.pruners.HyperbandPruner(
            min_resource=max(eval_every, max_train_steps // REDUCTION**RUNGS),
            max_resource=max_train_steps,
            reduction_factor=REDUCTION,
        )
        if method == HYPERBAND
        else optuna.pruners.NopPruner()
    )
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner)
    done = Search()
    while not done.spent or done.spent[-1] < budget:
        told = study.ask()
        params = _suggested(told, spec)
        watched = Watched(
            told,
            spec.metric.name,
            params=params,
            seed=1_000_000 * (seed + 1) + told.number,
            max_train_steps=max_train_steps,
            eval_every=eval_every,
        )
        try:
            train(spec.name)(watched)
            value, state = watched.lowest, optuna.trial.TrialState.COMPLETE
        except optuna.TrialPruned:
            value, state = None, optuna.trial.TrialState.PRUNED
        study.tell(told, value, state=state)
        done.spent.append((done.spent[-1] if done.spent else 0) + watched.trained)
        done.values.append(value)
        done.picks.append(Pick(params, max_train_steps, eval_every))
    return done


def _suggested(told: optuna.Trial, spec: StudySpec) -> dict[str, Value]:
    space = spec.space()
    params = dict(space.fixed)
    for parameter in space.parameters:
        if parameter.kind == "choice":
            params[parameter.name] = told.suggest_categorical(parameter.name, parameter.choices)
        else:
            log = parameter.scale == "log"
            params[parameter.name] = told.suggest_float(parameter.name, parameter.low, parameter.high, log=log)
    return params


def train(name: str) -> Any:
    """The workload's own training function."""
    return {"digits": digits.train, "textlm": textlm.train}[name.partition("-")[0]]


def tested(name: str, pick: Pick, seed: int) -> float:
    """Train a pick on a fresh seed, take the checkpoint of its best validation result, and test that.

    Digits: the share of the test images read wrongly. Textlm: mean cross-entropy on characters of the held-out
    paragraphs that no evaluation looks at. A training that diverges counts as guessing.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(
            params=pick.params,
            seed=seed,
            max_train_steps=pick.max_train_steps,
            eval_every=pick.eval_every,
            number=0,
            directory=folder,
            metrics=str(Path(folder) / "metrics.jsonl"),
            goal_metric="val_error" if name == "digits" else "val_loss",
        )
        try:
            train(name)(trial)
        except Infeasible:
            return 0.9 if name == "digits" else math.log(textlm.load()[2])
        weights = torch.load(trial.best_checkpoint, weights_only=True)["state"]["model"]
    if name == "digits":
        p = {**digits.DEFAULTS, **pick.params}
        model = digits.build_model(p)
        model.load_state_dict(weights)
        return digits.evaluate(model, digits.load()[2])[1]
    p = {**textlm.DEFAULTS, **pick.params}
    _, validation, vocabulary = textlm.load()
    transformer = textlm.Transformer(p, vocabulary)
    transformer.load_state_dict(weights)
    return textlm.evaluate(transformer, unseen(validation, p["context"]))[0]


def unseen(validation: torch.Tensor, context: int) -> torch.Tensor:
    """Rows of the validation text that lie between those that the evaluations look at, three in each gap."""
    row = context + 1
    starts = torch.linspace(0, len(validation) - row, max(textlm.EVALUATED // context, 1)).long()
    assert int((starts[1:] - starts[:-1]).min()) >= 4 * row, "the test rows would overlap what evaluations look at"
    tests = torch.cat([starts[:-1] + number * row for number in (1, 2, 3)])
    return validation[tests[:, None] + torch.arange(row)]


def untuned(file: Path) -> Pick:
    """Not tuning at all: the defaults, trained as the study file says."""
    spec = load(file)[0]
    return Pick(defaults(spec), spec.max_train_steps, spec.eval_every)


def defaults(spec: StudySpec) -> dict[str, Value]:
    """The study's fixed settings, and the workload's own defaults of what it varies."""
    space = spec.space()
    known = {"digits": digits.DEFAULTS, "textlm": textlm.DEFAULTS}[spec.name.partition("-")[0]]
    return {**space.fixed, **{parameter.name: known[parameter.name] for parameter in space.parameters}}
