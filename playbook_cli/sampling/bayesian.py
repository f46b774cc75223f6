"""Points that look best to a model of the results so far: Bayesian optimisation with Optuna.

Trial t depends on the study's seed, on t, on the trials that the search begins with, and on its own trials before t:
the results of those that had ended, and the points of the others. Nothing else is stored, so a killed search resumes
as if it had never stopped, and every suggestion can be reproduced from the study's journal.
"""

from __future__ import annotations

import math
import statistics
import warnings
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import StudyError
from playbook_cli.records import TrialRecord
from playbook_cli.sampling.planned import trial_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

    from playbook_cli.records import Metric, Parameter, Value
    from playbook_cli.spec.space import Space

LEAST = 10
PER_DIMENSION = 2
"""Completed trials that a model needs, in total and per dimension. Playbook's defaults."""
_DIVERGED = "diverged"
"""The constraint that infeasible trials violate."""


def needed(space: Space) -> int:
    """Completed trials that must be in this space before it can be modelled."""
    return max(LEAST, PER_DIMENSION * len(space.dimensions))


def learned(trial: TrialRecord) -> bool:
    """Whether the model can learn from this trial: it has a result, or is infeasible."""
    return trial.state == "infeasible" or (trial.state == "completed" and trial.best is not None)


def by_process(space: Space) -> bool:
    """Whether a Gaussian process models this space, because every trial has all hyperparameters; else TPE does."""
    names = {p.name for p in space.dimensions}
    return not any(p.when.keys() & names for p in space.dimensions)


class BayesianSampler:
    """Begins with the trials of another study; suggests one trial at a time, and unfinished ones count as running."""

    def __init__(self, seed: int, metric: Metric, first: Sequence[TrialRecord]) -> None:
        """`first` are trials with a result, all in the searched space, in order."""
        self._seed = seed
        self._metric = metric
        self._first = first

    def suggest(self, space: Space, history: Sequence[TrialRecord], count: int) -> list[TrialRecord]:
        trials = list(history)
        for _ in range(count):
            trials.append(self._next(space, trials))
        return trials[len(history) :]

    def _next(self, space: Space, history: Sequence[TrialRecord]) -> TrialRecord:
        number = len(history)
        optuna = package()
        with warnings.catch_warnings():
            # warnings that an option is experimental, and that infinite values are clipped
            warnings.filterwarnings("ignore", module="optuna")
            study = optuna.create_study(sampler=self._sampler(space, number))
            trials = [*self._first, *history]
            constrained = any(trial.state == "infeasible" for trial in trials)
            worst = self._worst(trials)
            study.add_trials(self._told(trial, space, worst, constrained=constrained) for trial in trials)
            asked = study.ask()
            params = space.chosen(space.first_arm, lambda parameter: _value(parameter, asked))
        return TrialRecord(id=number, params=params, arm=space.first_arm, seed=trial_seed(self._seed, number))

    def _sampler(self, space: Space, number: int) -> BaseSampler:
        import numpy as np
        from optuna.samplers import TPESampler

        seed = int(np.random.SeedSequence([self._seed, number, 1]).generate_state(1)[0])
        if by_process(space):
            from playbook_cli.sampling.process import ProcessSampler

            return ProcessSampler(seed=seed, n_startup_trials=1, warn_independent_sampling=False)
        return TPESampler(seed=seed, n_startup_trials=1, multivariate=True, group=True, constant_liar=True)

    def _worst(self, trials: Sequence[TrialRecord]) -> float:
        """The loss at which worse results are clipped: as far above the median as the best is below it.

        A few settings that learn nothing have losses far above all others, and would hide how good ones differ.
        """
        losses = [self._metric.loss(t.best.value) for t in trials if t.state == "completed" and t.best is not None]
        return 2 * statistics.median(losses) - min(losses) if losses else math.inf

    def _told(self, trial: TrialRecord, space: Space, worst: float, *, constrained: bool) -> FrozenTrial:
        """A trial in Optuna's form; smaller is better, and an infeasible one violates the constraint."""
        from optuna.trial import TrialState, create_trial

        active = [p for p in space.dimensions if p.active(trial.params)]
        about: dict[str, Any] = {
            "params": {p.label: _inner(p, trial.params[p.name]) for p in active},
            "distributions": {p.label: _distribution(p) for p in active},
        }
        if not learned(trial):
            return create_trial(state=TrialState.RUNNING, **about)
        infeasible = trial.state == "infeasible"
        value = math.inf if infeasible or trial.best is None else min(self._metric.loss(trial.best.value), worst)
        constraints = {_DIVERGED: 1.0 if infeasible else -1.0} if constrained else None
        return create_trial(value=value, constraints=constraints, **about)


def package() -> Any:
    """Optuna, with its log messages off. StudyError if it is not installed, or has an unsupported version."""
    try:
        import optuna
    except ImportError:
        raise StudyError(
            "sampler: bayesian needs Optuna, which is not installed", hint="pip install 'playbook-cli[bayes]'"
        ) from None
    if optuna.__version__.partition(".")[0] != "5":
        raise StudyError(
            f"sampler: bayesian needs Optuna 5, but {optuna.__version__} is installed",
            hint="pip install 'playbook-cli[bayes]'",
        )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _distribution(parameter: Parameter) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    log = parameter.scale == "log"
    if parameter.kind == "choice":
        return CategoricalDistribution(range(len(parameter.choices)))
    if parameter.kind == "int":
        return IntDistribution(int(parameter.low), int(parameter.high), log=log)
    return FloatDistribution(parameter.low, parameter.high, log=log)


def _inner(parameter: Parameter, value: Value) -> Any:
    """A setting in Optuna's form: the index of a choice, or the value itself."""
    return parameter.choices.index(value) if parameter.kind == "choice" else value


def _value(parameter: Parameter, asked: Trial) -> Value:
    """What Optuna suggests for a hyperparameter."""
    log = parameter.scale == "log"
    if parameter.kind == "choice":
        return parameter.choices[asked.suggest_categorical(parameter.label, range(len(parameter.choices)))]
    if parameter.kind == "int":
        return int(asked.suggest_int(parameter.label, int(parameter.low), int(parameter.high), log=log))
    value = float(asked.suggest_float(parameter.label, parameter.low, parameter.high, log=log))
    return min(max(value, parameter.low), parameter.high)  # exp(log(x)) may differ from x in the last digit
