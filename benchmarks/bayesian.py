"""Is a Bayesian search after a quasi-random one at least as good as Optuna's samplers alone, at as many trials?

    python -m benchmarks.bayesian [--out DIR] [--seeds 10] [--first 0] [--trials 32] [--workload NAME]

What was trained and searched is kept in DIR, and the same command goes on from there: take a new one for new code.

Half of the trials are Playbook's quasi-random ones; `playbook next --exploit` decides from these what is searched with
the other half. Optuna's Gaussian processes and Parzen estimators have all trials, their defaults, and a seed each; that
a trial diverged they are told as an infinite loss was never measured: the trial fails. Regret is the lowest loss of a
search minus the lowest that any search of the workload ever found.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.bayesian_workloads import WORKLOADS, Kept, Workload
from playbook_cli.advice.exploiting import exploit
from playbook_cli.records import Best, StudyRecord, TrialRecord
from playbook_cli.sampling import make
from playbook_cli.sampling.bayesian import BayesianSampler, package
from playbook_cli.sampling.followed import lies_in
from playbook_cli.spec.load import plain
from playbook_cli.spec.model import StudySpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import Trial

    from playbook_cli.records import Parameter, Value

    Search = Callable[[Workload, Kept, int, int], float]
    """(workload, its losses, trials, seed) -> the lowest loss."""


def playbook(workload: Workload, losses: Kept, trials: int, seed: int) -> float:
    """Quasi-random for the first half, then as `playbook next --exploit` has it."""
    spec = workload.spec(trials=trials // 2, seed=seed)
    drawn = [_ended(t, losses) for t in make("halton", seed).suggest(spec.space(), [], trials // 2)]
    study = StudyRecord(
        name=spec.name,
        goal="",
        metric=spec.objective,
        max_train_steps=1,
        eval_every=1,
        parameters=spec.parameters(),
        fixed={},
        arms=[{}],
        planned=len(drawn),
        trials=drawn,
    )
    revision = exploit(plain(spec), study, name="exploit", folder="runs/x", trials=trials - len(drawn))
    following = StudySpec.model_validate(revision.data)
    space = following.space()
    first = [trial for trial in drawn if lies_in(space, trial)]
    sampler = BayesianSampler(following.seed, following.objective, first)
    later: list[TrialRecord] = []
    while len(drawn) + len(later) < trials:
        later += [_ended(trial, losses) for trial in sampler.suggest(space, later, 1)]
    return min(trial.best.value for trial in (*drawn, *later) if trial.best is not None)


def quasi_random(workload: Workload, losses: Kept, trials: int, seed: int) -> float:
    """Quasi-random to the end."""
    space = workload.spec(trials=trials).space()
    ended = [_ended(t, losses) for t in make("halton", seed).suggest(space, [], trials)]
    return min(trial.best.value for trial in ended if trial.best is not None)


def gaussian_process(workload: Workload, losses: Kept, trials: int, seed: int) -> float:
    """Optuna's GPSampler alone."""
    from optuna.samplers import GPSampler

    return _optuna(GPSampler(seed=seed, warn_independent_sampling=False), workload, losses, trials)


def parzen(workload: Workload, losses: Kept, trials: int, seed: int) -> float:
    """Optuna's TPESampler alone."""
    from optuna.samplers import TPESampler

    return _optuna(TPESampler(seed=seed), workload, losses, trials)


SEARCHES: dict[str, Search] = {
    "Playbook, half quasi-random": playbook,
    "Optuna GP": gaussian_process,
    "Optuna TPE": parzen,
    "quasi-random alone": quasi_random,
}


class Searched:
    """The outcome of every search, kept in a file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "searches.jsonl"
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        self._known: dict[str, float] = dict(map(json.loads, lines))

    def __call__(self, name: str, workload: Workload, losses: Kept, trials: int, seed: int) -> float:
        key = f"{name} / {workload.name} / {trials} / {seed}"
        if key not in self._known:
            self._known[key] = SEARCHES[name](workload, losses, trials, seed)
            with self._path.open("a") as file:
                file.write(json.dumps([key, self._known[key]]) + "\n")
        return self._known[key]


def _ended(trial: TrialRecord, losses: Kept) -> TrialRecord:
    loss = losses(trial.params)
    if loss is None:
        return replace(trial, state="infeasible", reason="it diverged")
    return replace(trial, state="completed", best=Best(trial=trial.id, value=loss, step=1, params=trial.params))


def _optuna(sampler: Any, workload: Workload, losses: Kept, trials: int) -> float:
    optuna = package()
    space = workload.spec(trials=trials).space()

    def objective(trial: Trial) -> float:
        loss = losses(space.chosen({}, lambda parameter: _suggested(parameter, trial)))
        return float("nan") if loss is None else loss

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(sampler=sampler)
        study.optimize(objective, n_trials=trials)
    return float(study.best_value)


def _suggested(parameter: Parameter, trial: Trial) -> Value:
    log = parameter.scale == "log"
    if parameter.kind == "choice":
        return trial.suggest_categorical(parameter.label, list(parameter.choices))
    if parameter.kind == "int":
        return trial.suggest_int(parameter.label, int(parameter.low), int(parameter.high), log=log)
    return trial.suggest_float(parameter.label, parameter.low, parameter.high, log=log)


def ratio(ours: float, theirs: float) -> float:
    """Of two regrets; 1 where neither has any."""
    if ours == theirs:
        return 1.0
    return ours / theirs if theirs > 0.0 else float("inf")


def table(found: dict[str, dict[str, list[float]]], best: dict[str, float]) -> list[str]:
    """Markdown: median regrets, and the median over workloads and seeds of Playbook's regret over each other's."""
    ours = next(iter(SEARCHES))
    lines = ["| median regret | " + " | ".join(SEARCHES) + " |", "|---|" + "---|" * len(SEARCHES)]
    regrets = {w: {s: [v - best[w] for v in values] for s, values in of.items()} for w, of in found.items()}
    for workload, of in regrets.items():
        lines.append(f"| {workload} | " + " | ".join(f"{np.median(values):.3g}" for values in of.values()) + " |")
    cells = []
    for search in SEARCHES:
        pairs = [
            ratio(a, b) for of in regrets.values() for a, b in zip(of[ours], of[search], strict=True) if search != ours
        ]
        wins = sum(pair < 1.0 for pair in pairs) + sum(pair == 1.0 for pair in pairs) / 2
        cells.append(f"{np.median(pairs):.2f} ({wins:g} of {len(pairs)} won)" if pairs else "1")
    return [*lines, "| median ratio to it | " + " | ".join(cells) + " |"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("bayesian-losses"), help="keeps every loss that was trained")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--workload", action="append", choices=[w.name for w in WORKLOADS])
    parser.add_argument("--search", action="append", choices=list(SEARCHES), help="run this one, and print no table")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    searched = Searched(options.out)
    found: dict[str, dict[str, list[float]]] = {}
    best = {}
    for workload in WORKLOADS:
        if options.workload and workload.name not in options.workload:
            continue
        losses = Kept(workload, options.out)
        seeds = range(options.first, options.first + options.seeds)
        found[workload.name] = {
            name: [searched(name, workload, losses, options.trials, seed) for seed in seeds]
            for name in options.search or SEARCHES
        }
        best[workload.name] = losses.best
    if not options.search:
        print("\n".join(table(found, best)))


if __name__ == "__main__":
    main()
