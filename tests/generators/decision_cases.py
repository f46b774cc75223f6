"""Pairs of pipelines whose true difference is known, for `playbook compare`.

A pipeline is a response over some ranges, with its optimum inside, and the noise of a training. Its truth is the
expected fresh result of what its search selects, over search seeds. The second pipeline has an optimum and weights of
its own, and is shifted so that the true gain is exactly as wanted.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.advice.decision import decide, without_results
from playbook_cli.advice.weighing import Contender, weigh
from playbook_cli.analysis.comparison import Side, compare
from tests.generators.studies import halton, surface, surface_study, trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.records import StudyRecord
    from tests.generators.studies import Points, Surface

    Noise = Callable[[np.random.Generator, tuple[int, ...]], Points]

NAME = "compare"
GAINS = (0.0, 3.0)
"""In trial standard deviations."""
_SEARCHES = 200
"""Simulated searches behind each truth."""

NOISES: dict[str, Noise] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "heavy tails (t3)": lambda rng, shape: np.asarray(rng.standard_t(3, size=shape) / math.sqrt(3)),
    "heavy tails (t2.5)": lambda rng, shape: np.asarray(rng.standard_t(2.5, size=shape) / math.sqrt(5)),
    "lognormal": lambda rng, shape: (np.exp(rng.normal(size=shape)) - math.exp(0.5)) / math.sqrt((math.e - 1) * math.e),
    "one bad seed in ten": lambda rng, shape: (
        (rng.normal(size=shape) + 8.0 * (rng.random(shape) < 0.1) - 0.8) / math.sqrt(6.76)
    ),
    "skewed (exponential)": lambda rng, shape: rng.exponential(size=shape) - 1.0,
}
"""Each of mean 0 and standard deviation 1."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """How two pipelines are made and tried; lengths are in trial standard deviations of the first one."""

    rise: float = 5.0
    """From the best to the worst of the space, about."""
    ranges: int = 2
    trials: int = 24
    more: int = 0
    """Trials that the first one's search has besides."""
    repeats: int = 5
    top: int = 1
    shape: str = "quadratic"
    noise: str = "normal"
    ratio: float = 1.0
    """Trial standard deviation of the second pipeline."""

    def __str__(self) -> str:
        said = [f"rise {self.rise:g}", f"{self.ranges} ranges" if self.ranges > 1 else "1 range"]
        said.append(f"{self.trials + self.more} and {self.trials} trials" if self.more else f"{self.trials} trials")
        said.append(f"{self.repeats} repeats" + (f" of the best {self.top}" if self.top > 1 else ""))
        said += [self.shape] if self.shape != "quadratic" else []
        said += [self.noise] if self.noise != "normal" else []
        said += [f"noise x {self.ratio:g} in the second"] if self.ratio != 1.0 else []
        return ", ".join(said)


PAIRS = [
    *(Pair(rise=rise, ranges=d) for rise in (0.0, 5.0, 20.0, 100.0) for d in (1, 2, 4)),
    *(Pair(rise=5.0, ranges=d, trials=32) for d in (1, 2, 4)),
    *(Pair(rise=5.0, ranges=d, trials=32, top=3) for d in (1, 2, 4)),
    *(Pair(repeats=k) for k in (3, 10)),
    *(Pair(noise=noise, ranges=d) for noise in ("heavy tails (t3)", "skewed (exponential)") for d in (1, 2, 4)),
    *(Pair(noise=n, repeats=k) for n in ("heavy tails (t2.5)", "lognormal", "one bad seed in ten") for k in (3, 5, 10)),
    *(Pair(noise=n, ratio=3.0) for n in ("heavy tails (t2.5)", "lognormal", "one bad seed in ten")),
    *(Pair(ratio=ratio) for ratio in (0.33, 3.0)),
    *(Pair(rise=rise, shape=shape, ranges=2) for shape in ("absolute", "log", "steep") for rise in (5.0, 20.0)),
    *(Pair(rise=rise, trials=16, more=16) for rise in (5.0, 20.0)),
]


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What `compare` said of so many pairs with the same true gain."""

    pair: Pair
    gain: float
    cases: int
    verdicts: Counter[str]
    blocked: int
    """Not-yet because of what the report of a side says."""
    covered: int
    """Intervals that hold the true gain."""


def tally(pair: Pair, gain: float, *, cases: int, seed: int, reports: bool = True) -> Tally:
    """Compare so many generated pairs with this true gain, in trial standard deviations of the first.

    Without `reports` by the numbers alone: what the reports of both sides say blocks nothing. It is much faster.
    """
    verdicts: Counter[str] = Counter()
    covered = blocked = 0
    for number in range(cases):
        rng = np.random.default_rng([seed + number, pair.ranges, pair.trials, pair.repeats, int(10 * gain)])
        baseline, candidate = studies(pair, gain, rng)
        if reports:
            weighed = weigh(Contender(label="A", study=baseline), Contender(label="B", study=candidate))
            decision, compared = weighed.decision, weighed.compared
        else:
            compared = compare(Side(study=baseline), Side(study=candidate))
            decision = decide(compared, [], least=0.0, unit="") if compared else without_results([])
        verdicts[decision.verdict] += 1
        blocked += bool(decision.blocked_by)
        low, high = compared.interval if compared else (-math.inf, math.inf)
        covered += low <= gain <= high
    return Tally(pair=pair, gain=gain, cases=cases, verdicts=verdicts, blocked=blocked, covered=covered)


def studies(pair: Pair, gain: float, rng: np.random.Generator) -> tuple[StudyRecord, StudyRecord]:
    """Baseline and candidate, searched and repeated; at equal budgets the candidate is truly better by `gain`."""
    made = [_response(pair, rng) for _ in range(2)]
    sds = (1.0, pair.ratio)
    truths = [_truth(pair, response, sd, rng) for response, sd in zip(made, sds, strict=True)]
    first = _study(pair, made[0], sds[0], pair.trials + pair.more, rng)
    shift = truths[0] - truths[1] - gain
    second = _study(pair, lambda points: made[1](points) + shift, sds[1], pair.trials, rng)
    return first, second


def _response(pair: Pair, rng: np.random.Generator) -> Surface:
    weights, optimum = rng.uniform(0.3, 1.0, pair.ranges), rng.uniform(0.3, 0.7, pair.ranges)
    loss = surface(optimum, weights, pair.shape, base=0.0)
    scale = pair.rise / float(np.ptp(loss(rng.random((2000, pair.ranges)))))
    return lambda points: scale * loss(points)


def _truth(pair: Pair, response: Surface, sd: float, rng: np.random.Generator) -> float:
    """Expected fresh result of what searches of `trials` trials select."""
    points = _searches(pair.trials, pair.ranges)
    levels = response(points.reshape(-1, pair.ranges)).reshape(_SEARCHES, pair.trials)
    noise = NOISES[pair.noise]
    scores = levels + sd * noise(rng, levels.shape)
    best = np.argsort(scores, axis=1)[:, : pair.top]
    again = np.take_along_axis(levels, best, axis=1)
    if pair.top > 1:  # each seed's point is the best on the other seeds
        once = again + sd * noise(rng, (pair.repeats - 1, *again.shape)).mean(axis=0)
        again = np.take_along_axis(again, once.argmin(axis=1)[:, None], axis=1)
    return float(again[:, 0].mean())


@lru_cache(maxsize=4)
def _searches(trials: int, ranges: int) -> Points:
    rng = np.random.default_rng(0)
    return np.array([halton(trials, ranges, rng) for _ in range(_SEARCHES)])


def _study(pair: Pair, response: Surface, sd: float, size: int, rng: np.random.Generator) -> StudyRecord:
    points, noise = halton(size, pair.ranges, rng), NOISES[pair.noise]
    levels = response(points)
    study = surface_study(points, levels + sd * noise(rng, (size,)))
    best = sorted(study.trials, key=lambda t: t.best.value if t.best else math.inf)[: pair.top]
    again = [
        replace(trial(0, t.params, float(levels[t.id] + sd * noise(rng, (1,))[0])), repeat_of=t.id, seed=1000 + seed)
        for t in best
        for seed in range(pair.repeats)
    ]
    numbered = [replace(t, id=number) for number, t in enumerate(again, start=size)]
    return replace(study, trials=[*study.trials, *numbered], planned=size + len(numbered))


def table(*, cases: int, seed: int, named: str = "", reports: bool = True) -> str:
    """All pairs whose name holds this text, so many cases each, in Markdown."""
    pairs = [pair for pair in PAIRS if named in str(pair)]
    return markdown([tally(pair, gain, cases=cases, seed=seed, reports=reports) for pair in pairs for gain in GAINS])


def markdown(tallies: Sequence[Tally]) -> str:
    """One line a pair: what was said without a gain and with one, and how many intervals hold the truth."""
    gains = list(dict.fromkeys(t.gain for t in tallies))
    heads = [f"gain {gain:g}: adopt / keep / not-yet (blocked) | 95% intervals that hold it" for gain in gains]
    lines = [f"| pipelines | {' | '.join(heads)} |", "|---|" + "---|---|" * len(gains)]
    pairs = dict.fromkeys(t.pair for t in tallies)
    lines += [f"| {pair} | {' | '.join(cells(t) for t in tallies if t.pair == pair)} |" for pair in pairs]
    return "\n".join([*lines, f"| **all** | {' | '.join(cells(_all(tallies, gain)) for gain in gains)} |"])


def cells(t: Tally) -> str:
    """The shares of one pair at one gain."""
    shares = " / ".join(f"{t.verdicts[verdict] / t.cases:.2f}" for verdict in ("adopt", "keep", "not-yet"))
    return f"{shares} ({t.blocked / t.cases:.2f}) | {t.covered / t.cases:.3f}"


def _all(tallies: Sequence[Tally], gain: float) -> Tally:
    of = [t for t in tallies if t.gain == gain]
    return Tally(
        pair=of[0].pair,
        gain=gain,
        cases=sum(t.cases for t in of),
        verdicts=sum((t.verdicts for t in of), Counter()),
        blocked=sum(t.blocked for t in of),
        covered=sum(t.covered for t in of),
    )
