"""What infeasible trials teach a Bayesian search, on generated surfaces whose optimum lies near a cliff.

    python -m benchmarks.bayesian_cliffs [--surfaces 8] [--first 100]

Each surface has four dimensions, of which the first ends in a cliff beyond which training diverges. 16 quasi-random
trials are followed by 16 of Playbook's sampler, or of Optuna's own, which is told an infinite loss and a violated
constraint. Regret is the lowest loss found minus the lowest among 60,000 random points.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from optuna.samplers import GPSampler

from playbook_cli.records import Best, Metric, Parameter, TrialRecord
from playbook_cli.sampling import make
from playbook_cli.sampling.bayesian import BayesianSampler
from playbook_cli.spec.space import Space

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from optuna.samplers import BaseSampler

SPACE = Space(
    [Parameter(name=f"x{i}", label=f"x{i}", role="nuisance", kind="float", low=0.0, high=1.0) for i in range(4)], {}
)
TRIALS = 16
WEIGHTS = np.array([4.0, 1.5, 0.5, 0.1])


class OptunasOwn(BayesianSampler):
    """The same trials, told to the sampler that Optuna has."""

    def _sampler(self, space: Space, number: int) -> BaseSampler:  # noqa: ARG002 (of the one it stands for)
        return GPSampler(seed=self._seed * 1000 + number, n_startup_trials=1)


def surface(seed: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Losses of points of shape (n, 4); NaN beyond the cliff."""
    rng = np.random.default_rng(seed)
    centre, tie = rng.uniform(0.2, 0.8, 4), rng.uniform(-1.0, 1.0)
    edge, tilt = centre[0] + rng.uniform(-0.05, 0.2), rng.uniform(-0.3, 0.3)

    def losses(points: NDArray[np.float64]) -> NDArray[np.float64]:
        d = points - centre
        smooth = 1.0 + d**2 @ WEIGHTS + tie * d[:, 0] * d[:, 1] + 0.05 * np.sin(8 * points[:, 2])
        return np.where(points[:, 0] + tilt * d[:, 1] > edge, np.nan, smooth)

    return losses


def regret(kind: type[BayesianSampler], seed: int) -> tuple[float, int]:
    """Of one search, and how many of its later trials are infeasible."""
    losses = surface(seed)

    def ended(trial: TrialRecord) -> TrialRecord:
        value = float(losses(np.array([[trial.params[p.name] for p in SPACE.dimensions]]))[0])
        if np.isnan(value):
            return replace(trial, state="infeasible")
        return replace(trial, state="completed", best=Best(trial=trial.id, value=value, step=1, params=trial.params))

    first = [ended(trial) for trial in make("halton", seed).suggest(SPACE, [], TRIALS)]
    sampler = kind(seed, Metric(name="loss"), first)
    later: list[TrialRecord] = []
    while len(later) < TRIALS:
        later += [ended(trial) for trial in sampler.suggest(SPACE, later, 1)]
    found = min(trial.best.value for trial in (*first, *later) if trial.best is not None)
    lowest = float(np.nanmin(losses(np.random.default_rng(0).random((60_000, 4)))))
    return found - lowest, sum(trial.state == "infeasible" for trial in later)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--surfaces", type=int, default=8)
    parser.add_argument("--first", type=int, default=100)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| sampler | median regret | mean | infeasible of 16 |\n|---|---|---|---|")
    for name, kind in (("Playbook", BayesianSampler), ("Optuna's own", OptunasOwn)):
        made = [regret(kind, seed) for seed in range(options.first, options.first + options.surfaces)]
        values, infeasible = (np.array(column) for column in zip(*made, strict=True))
        print(f"| {name} | {np.median(values):.4f} | {values.mean():.4f} | {infeasible.mean():.1f} |", flush=True)


if __name__ == "__main__":
    main()
