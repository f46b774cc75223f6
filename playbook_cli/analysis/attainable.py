"""The best result that each arm could reach, by a Gaussian process over the space in which the arm is a category.

Arms share the process, each with a mean and a height of its own, so that they learn from each other where they are
alike, and one arm's results may rise faster from its optimum than another's. A line and a square in each range let it
see a bowl of which a search has only met the rim. Draws of the process say how far the best of one arm may be from the
best of another, also where a search did not come near it.

Results are read as they are or in their logarithm, whole or with the worse half of each arm drawn together. Each
reading has as many of the draws as it describes the results better than the others. Lengths, heights and noise are
drawn, too: a few trials don't tell them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from playbook_cli.analysis import outcomes
from playbook_cli.analysis.contrast import LEVEL
from playbook_cli.analysis.process import fit
from playbook_cli.analysis.readings import read, ways

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.process import Process
    from playbook_cli.analysis.readings import Reading
    from playbook_cli.records import Metric, Parameter, TrialRecord

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

_TRIALS, _READ = 200, 80
"""Of more trials so many are taken, evenly; and to choose how they are read. The time grows with their cube."""
_DRAWS, _LIKELY = 400, 8
"""Draws in all, and processes of each reading that they come from."""
_DOUBTED = 0.02
"""Share of the draws below which a reading is left out."""
_SPREAD = 400
"""Places spread over the space, of which the most promising are looked at."""
_LEFT = 50
"""Places of each arm that are drawn."""
_STEPS, _TOP, _ABOUT = (0.2, 0.1, 0.05, 0.03), 10, 8
"""How far about the best places others are sought, round by round; about how many, and how many of them."""
_BELOW, _ONE_SIDED = 0.1587, 1.645
"""Share below one standard deviation of a normal distribution; deviations of a one-sided interval at `LEVEL`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Gap:
    """How much better the best attainable result of one arm is than that of another; positive is better."""

    gain: float
    """Expected, in the metric's units."""
    interval: tuple[float, float]
    """That holds it with probability `LEVEL`, in the metric's units."""
    deviations: Array
    """Draws of the gain, in standard deviations of a trial's result around the surface."""

    def probability(self, least: float) -> float:
        """That the gain is more than so many standard deviations of a trial."""
        return float((self.deviations > least).mean())

    def within(self, bound: float) -> bool:
        """Whether it lies within so many standard deviations of a trial: by two one-sided tests, each at `LEVEL`.

        D. J. Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680.
        """
        beyond = max(self.probability(bound), float((self.deviations < -bound).mean()))
        return beyond <= 1.0 - LEVEL

    def more(self, sure: float, bound: float) -> float:
        """How many times the trials would settle it, were the gain as expected: which arm is better, or that they are
        equal within `bound` standard deviations of a trial.

        The error is taken to fall with the root of the number of trials.
        """
        low, middle, high = np.quantile(self.deviations, [_BELOW, 0.5, 1 - _BELOW])
        error = max(float(high - low) / 2, 1e-9)
        away = abs(float(middle))
        apart, equal = sure * error / max(away, 1e-9), _ONE_SIDED * error / max(bound - away, 1e-9)
        return min(apart, equal) ** 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Attainable:
    """The best attainable result of every arm."""

    scores: Array
    """Draws, in standard deviations of a trial around the surface, shape (arms, draws); smaller is better."""
    losses: Array
    """The same in the metric's units."""

    def gap(self, better: int, worse: int) -> Gap:
        """How much better the one arm is than the other."""
        gains, tail = self.losses[worse] - self.losses[better], (1 - LEVEL) / 2
        low, high = np.quantile(gains, [tail, 1 - tail])
        return Gap(
            gain=float(np.median(gains)),
            interval=(float(low), float(high)),
            deviations=np.asarray(self.scores[worse] - self.scores[better]),
        )


def of_groups(
    groups: Sequence[Sequence[TrialRecord]], parameters: Sequence[Parameter], metric: Metric
) -> Attainable | None:
    """Of groups of ended trials over `parameters`; None where a group has no result, or all are equal."""
    done = [outcomes.feasible(group) for group in groups]
    trials = [trial for group in done for trial in group]
    losses = outcomes.losses(trials, metric)
    if not all(done) or not np.ptp(losses):
        return None
    units, codes = places(trials, parameters)
    arms = np.repeat(np.arange(len(done)), [len(group) for group in done])
    return attainable(units, codes, arms, losses)


def places(trials: Sequence[TrialRecord], parameters: Sequence[Parameter]) -> tuple[Array, Codes]:
    """Where trials lie in d ranges, shape (n, d), and codes of their choices, shape (n, c).

    A trial without a range counts as if it lay in the middle of it.
    """
    ranges = [p for p in parameters if p.kind != "choice" and p.low < p.high]
    choices = [p for p in parameters if p.kind == "choice"]

    def column(parameter: Parameter, otherwise: float) -> list[float]:
        place = parameter.place if parameter.kind == "choice" else parameter.to_unit
        return [place(t.params[parameter.name]) if outcomes.has(parameter, t) else otherwise for t in trials]

    units = np.array([column(p, 0.5) for p in ranges], dtype=np.float64).reshape(len(ranges), len(trials)).T
    codes = np.array([column(p, -1) for p in choices], dtype=np.int64).reshape(len(choices), len(trials)).T
    return units, codes


def attainable(units: Array, codes: Codes, arms: Codes, losses: Array) -> Attainable:
    """From units of d ranges, shape (n, d), codes of nuisance choices (n, c), arms from 0 on, and finite losses (n,).

    Every arm has a trial. Two results differ.
    """
    with threadpool_limits(1, "blas"):  # the matrices are small: where cores are busy, threads cost ten times as much
        return _attainable(units, codes, arms, losses)


def _attainable(units: Array, codes: Codes, arms: Codes, losses: Array) -> Attainable:
    codes = np.column_stack([arms, codes])
    few, kept = _evenly(arms, _READ), _evenly(arms, _TRIALS)

    def fitted(how: tuple[bool, bool], of: Codes) -> tuple[Process, Reading]:
        reading = read(losses[of], arms[of], how)
        return fit(units[of], codes[of], reading.scores, arms[of], bowls=True), reading

    fits = {how: fitted(how, few) for how in ways(losses)}
    surprises = np.array([process.surprise - reading.change for process, reading in fits.values()])
    shares = np.exp(surprises.min() - surprises)
    shares[shares < _DOUBTED * shares.sum()] = 0.0
    found = []
    for (how, one), share in zip(fits.items(), shares / shares.sum(), strict=True):
        if share:
            process, reading = fitted(how, kept) if kept.size > few.size else one
            found += _drawn(process, reading, max(round(share * _DRAWS / _LIKELY), 1))
    scores, of = (np.hstack(parts) for parts in zip(*found, strict=True))
    return Attainable(scores=scores, losses=of)


def _drawn(process: Process, reading: Reading, draws: int) -> list[tuple[Array, Array]]:
    """So many draws of each of a few likely processes: the best of every arm in deviations, and in losses."""
    rng = np.random.default_rng(0)
    places = [_promising(process, arm, rng) for arm in range(int(process.arms.max()) + 1)]
    which = np.concatenate([np.full(len(own), arm) for arm, (own, _) in enumerate(places)])
    units, codes = np.vstack([own for own, _ in places]), np.vstack([c for _, c in places])
    ends = np.cumsum([len(own) for own, _ in places])[:-1]
    found = []
    for likely in process.likely(_LIKELY, rng):
        drawn = likely.draws(units, codes, rng.normal(size=(which.size, draws)), which)
        best = np.array([part.min(axis=0) for part in np.split(drawn, ends)])
        found.append((best / math.sqrt(likely.noise), reading.losses(best)))
    return found


def _evenly(arms: Codes, most: int) -> Codes:
    """No more trials than these, of every arm by its part of them, and one of each at least."""
    if arms.size <= most:
        return np.arange(arms.size)
    order = np.argsort(arms, kind="stable")
    kept = order[np.linspace(0, order.size - 1, most).round().astype(int)]
    first = [int(np.argmax(arms == arm)) for arm in range(int(arms.max()) + 1)]
    return np.asarray(np.union1d(kept, first))


def _promising(process: Process, arm: int, rng: np.random.Generator) -> tuple[Array, Codes]:
    """Places where an arm's mean is lowest, and their codes, of which the first is the arm."""
    from scipy.stats import qmc

    ranges, own = process.units.shape[1], process.codes[process.arms == arm]
    spread = qmc.Halton(ranges, seed=1).random(_SPREAD) if ranges else np.zeros((1, 0))
    units = np.vstack([process.units, spread])
    codes = np.vstack([process.codes, own[rng.integers(len(own), size=len(spread))]])
    codes[:, 0] = arm

    def best() -> tuple[Array, Codes]:
        mean = process.mean(units, codes, np.full(len(units), arm))
        order = np.argsort(mean, kind="stable")[:_LEFT]
        return units[order], codes[order]

    for step in _STEPS:
        units, codes = best()
        about = np.repeat(units[:_TOP], _ABOUT, axis=0)
        about = np.clip(about + step * rng.normal(size=about.shape), 0.0, 1.0)
        units, codes = np.vstack([units, about]), np.vstack([codes, np.repeat(codes[:_TOP], _ABOUT, axis=0)])
    return best()
