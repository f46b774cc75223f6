"""`repeat --until-decided`: how often it is wrong, and how many seeds it takes, by simulation.

    python benchmarks/seeds.py            # 10,000 contests a row; a few minutes on one core
    python benchmarks/seeds.py --cases 2000

Three points take part, as by default. Noise has a standard deviation of 1 (heavy tails: about 1). A false adoption is
one while two points are equally good. `at any moment` stops at the first adoption within 30 seeds a point, and never
for another reason: whoever looks after every seed and stops when it suits can't do worse.

The seeds that are needed are compared at equal power with `--top 3 --seeds 5`, whose 15 repeats are read by Welch's
test at 5%: corrected for the choice among the others, as `repeat` reads them, and uncorrected.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, ndtr, ndtri, stdtr, stdtrit

from playbook_cli.analysis import looking
from playbook_cli.deciding.judge import EARLIEST, LEAST_CHANCE, UNLIKE, Asked, Point, judge

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[np.float64]
MOST = 30
"""Seeds of a point."""
BOUND = 2.0
"""The default of `equal_deviations`."""
FOREVER = 10**9
TOLD = ("power", "seeds", "oracle")


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.normal(size=shape)


def heavy(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Student's t with 2.5 degrees of freedom, scaled to a standard deviation of 1."""
    return np.asarray(rng.standard_t(2.5, size=shape) / np.sqrt(5.0))


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Lognormal."""
    drawn = np.exp(rng.normal(size=shape))
    return np.asarray((drawn - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e))


def bad_seeds(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """One seed in ten is worse by 8."""
    return np.asarray(rng.normal(size=shape) + 8.0 * (rng.random(shape) < 0.1))


def coarse(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Rounded to whole standard deviations, as an error counted on few examples."""
    return np.round(rng.normal(size=shape) + rng.random((shape[0], 1, 1)))


def uneven(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """The first point scatters four times as much as the others."""
    return np.asarray(rng.normal(size=shape) * np.array([4.0] + [1.0] * (shape[1] - 1))[:, None])


def shared(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Half of the variance comes from the seed and is the same for all points."""
    return np.asarray((rng.normal(size=shape) + rng.normal(size=(shape[0], 1, shape[2]))) / np.sqrt(2.0))


NOISES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "normal": normal,
    "t, 2.5 degrees": heavy,
    "lognormal": skewed,
    "a bad seed in ten": bad_seeds,
    "few examples": coarse,
    "one noisier point": uneven,
    "shared by seed": shared,
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a contest is run."""

    budget: int = FOREVER
    equal: bool = True
    """Whether it stops where points are equal."""
    least_chance: float = LEAST_CHANCE
    known: bool = False
    """Whether it knows the noise: the oracle."""
    step: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Contests:
    """How contests ended, one value each."""

    adopted: NDArray[np.int64]
    """The point; -1 where none."""
    equal: NDArray[np.bool_]
    seeds: NDArray[np.int64]
    missed: NDArray[np.bool_]
    """Whether, at some look, the interval between the last two points left out the truth."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is known of all contests at one number of seeds; arrays have shape (contests, points)."""

    seeds: int
    n: NDArray[np.int64]
    mean: Array
    squares: Array
    """Around the means."""
    table: Array
    rule: Rule


def quantiles(most: int, *, known: bool) -> Array:
    """Of the interval, by degrees of freedom and by seeds."""
    table = np.full((most + 1, MOST + 1), np.inf)
    for seeds in range(looking.FIRST, MOST + 1):
        share = 1.0 - looking.alpha(seeds) / 2
        table[1:, seeds] = ndtri(share) if known else stdtrit(np.arange(1, most + 1), share)
    return table


def contests(noise: Array, means: Array, rule: Rule) -> Contests:
    """The same as `judge` round after round, for all contests at once; noise has shape (contests, points, seeds)."""
    cases, points, _ = noise.shape
    x = noise + means[:, None]
    table = quantiles(points * MOST, known=rule.known)
    live, left = np.ones(cases, bool), np.ones((cases, points), bool)
    adopted, equal, missed = np.full(cases, -1), np.zeros(cases, bool), np.zeros(cases, bool)
    n, sums, squares = np.zeros((cases, points), int), np.zeros((cases, points)), np.zeros((cases, points))
    pairs = sorted(((i, j) for i in range(points) for j in range(points) if i != j), key=lambda pair: pair[0] > pair[1])
    for seeds in range(1, MOST + 1):
        now = left & live[:, None]
        first = looking.FIRST if seeds == 1 else 1
        live &= n.sum(1) + now.sum(1) * (first if seeds == 1 else 1) <= rule.budget
        now &= live[:, None]
        n += now
        sums += now * x[:, :, seeds - 1]
        squares += now * x[:, :, seeds - 1] ** 2
        if seeds < looking.FIRST or not live.any():
            continue
        mean = sums / np.maximum(n, 1)
        ss = np.maximum(squares - n * mean**2, 0.0)
        look = Look(seeds=seeds, n=n, mean=mean, squares=ss, table=table, rule=rule)
        worse = np.zeros((cases, points), bool)
        half, gap = np.zeros((cases, points, points)), mean[:, None, :] - mean[:, :, None]
        for i, j in pairs:
            half[:, i, j] = _halves(look, i, j) if i < j else half[:, j, i]
            both = left[:, i] & left[:, j] & live
            worse[:, j] |= both & (gap[:, i, j] > half[:, i, j])
            if (i, j) == (points - 2, points - 1):
                missed |= both & (np.abs(gap[:, i, j] - (means[j] - means[i])) > half[:, i, j])
        left &= ~(worse & live[:, None])
        alone = live & (left.sum(1) == 1)
        adopted[alone] = left[alone].argmax(1)
        live &= ~alone
        sd = np.sqrt(np.where(left, ss, 0.0).sum(1) / np.maximum(np.where(left, n - 1, 0).sum(1), 1))
        sd = np.ones(cases) if rule.known else np.maximum(sd, rule.step / np.sqrt(12))
        simplest = left.argmax(1)
        within = np.abs(gap) + half <= BOUND * sd[:, None, None]
        same = np.take_along_axis(within, simplest[:, None, None].repeat(points, 2), 1)[:, 0, :]
        ties = live & (same | ~left | (np.arange(points) == simplest[:, None])).all(1) & rule.equal
        equal |= ties
        live &= ~ties
        if seeds >= EARLIEST and rule.least_chance > 0.0 and rule.budget < FOREVER:
            live &= ~(live & (_chance(look, left, sd) < rule.least_chance))
    return Contests(adopted=adopted, equal=equal, seeds=n.sum(1), missed=missed)


def _halves(look: Look, i: int, j: int) -> Array:
    """Half the width of the interval between two points."""
    n, ss, rule, free = look.n, look.squares, look.rule, np.maximum(look.n - 1, 1)
    each = 1 / n[:, i] + 1 / n[:, j]
    if rule.known:
        return np.asarray(look.table[1, look.seeds] * np.sqrt(each))
    pair, pair_free = ss[:, i] + ss[:, j], free[:, i] + free[:, j]
    alike = ~_wilder(ss, free, pair[:, None], pair_free[:, None])
    alike[:, [i, j]] = True
    pooled, pooled_free = np.where(alike, ss, 0.0).sum(1), np.where(alike, free, 0).sum(1)
    half: Array = look.table[pooled_free, look.seeds] * np.sqrt(
        np.maximum(pooled / pooled_free, rule.step**2 / 12) * each
    )
    wilder = np.where(ss[:, i] / free[:, i] > ss[:, j] / free[:, j], i, j)[:, None]
    own, own_free = np.take_along_axis(ss, wilder, 1)[:, 0], np.take_along_axis(free, wilder, 1)[:, 0]
    unlike = _wilder(own, own_free, pooled - own, pooled_free - own_free)
    parts = [(ss[unlike, k] / free[unlike, k] / n[unlike, k], free[unlike, k]) for k in (i, j)]
    squares = np.maximum(sum(part for part, _ in parts), rule.step**2 / 12 * each[unlike])
    welch = sum(part for part, _ in parts) ** 2 / sum(part**2 / count for part, count in parts)
    half[unlike] = stdtrit(welch, 1.0 - looking.alpha(look.seeds) / 2) * np.sqrt(squares)
    return half


def _wilder(one: Array, free: NDArray[np.int64], rest: Array, rest_free: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether one variance is larger than another by an F test, from sums of squares."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(fdtrc(free, rest_free, one / free * rest_free / rest) < UNLIKE)


def _chance(look: Look, left: NDArray[np.bool_], sd: Array) -> Array:
    """The predicted chance that the rest of the budget decides."""
    now, rule, count = look.seeds, look.rule, np.maximum(left.sum(1), 1)
    then = np.minimum(now + np.maximum(rule.budget - look.n.sum(1), 0) // count, MOST)
    ordered = np.sort(np.where(left, look.mean, np.inf), axis=1)
    with np.errstate(invalid="ignore"):
        lead = np.where(count > 1, ordered[:, 1] - ordered[:, 0], 0.0)
    half = look.table[np.maximum(count * (then - 1), 1), then] * sd * np.sqrt(2 / then)
    spread = sd * np.sqrt(np.maximum(2 / now - 2 / then, 1e-12))

    def below(t: Array) -> Array:
        return np.asarray(ndtr(t) if rule.known else stdtr(np.maximum(count * (now - 1), 1), t))

    room = BOUND * sd - half
    same = np.where(room > 0.0, below((room - lead) / spread) - below((-room - lead) / spread), 0.0)
    return np.asarray(np.where(then > now, below((lead - half) / spread) + same, 1.0))


def fixed(noise: Array, means: Array, *, corrected: bool) -> float:
    """How often 5 seeds a point show that the first one, the best, is better than each other one."""
    x = noise[:, :, :5] + means[:, None]
    mean, variance = x.mean(2), x.var(2, ddof=1)
    error = (variance + variance[:, :1]) / 5
    freedom = (variance + variance[:, :1]) ** 2 * 4 / (variance**2 + variance[:, :1] ** 2)
    p = 2 * stdtr(freedom, -np.abs(mean - mean[:, :1]) / np.sqrt(error))
    beats = (p * (x.shape[1] - 1 if corrected else 1) < 0.05) & (mean > mean[:, :1])
    return float(beats[:, 1:].all(1).mean())


def budget_for(power: float, noise: Array, means: Array, rule: Rule) -> tuple[int, Contests]:
    """The smallest budget that finds the best point as often."""
    for budget in range(2 * len(means), MOST * len(means)):
        found = contests(noise, means, replace(rule, budget=budget))
        if float((found.adopted == len(means) - 1).mean()) >= power:
            return budget, found
    raise ValueError(f"no budget reaches {power}")


def check(rng: np.random.Generator) -> None:
    """ValueError where the contests here end otherwise than those of the product."""
    noise = rng.normal(size=(60, 3, MOST))
    for means in (np.zeros(3), np.array([2.0, 2.0, 0.0])):
        found = contests(noise, means, Rule(budget=24))
        for case in range(len(noise)):
            played = _played(noise[case] + means[:, None], 24)
            if (played[0], played[1]) != (int(found.adopted[case]), int(found.seeds[case])):
                raise ValueError(f"contest {case} of {means}: {played}, {found.adopted[case]} {found.seeds[case]}")


def _played(results: Array, budget: int) -> tuple[int, int]:
    counts = [0] * len(results)
    while True:
        points = [
            Point(trial=k, losses=row[:count].tolist())
            for k, (row, count) in enumerate(zip(results, counts, strict=True))
        ]
        judged = judge(points, Asked(budget=budget, bound=BOUND))
        if judged.verdict is not None:
            return (judged.left[0].trial if judged.verdict == "adopt" else -1), judged.seeds
        for point, seeds in judged.wanted.items():
            counts[point.trial] = seeds


def false_adoptions(cases: int, seed: int) -> None:
    print("False adoptions (of three points): at any moment within 30 seeds a point | as it stops, budget 30")
    print("| noise | all equal | two equal, one worse by 4 | interval missed at some look | all equal, as it stops |")
    print("|---|---|---|---|---|")
    for name, make in NOISES.items():
        noise, cells = make(np.random.default_rng(seed), (cases, 3, MOST)), []
        step = 1.0 if make is coarse else 0.0
        for means in (np.zeros(3), np.array([0.0, 4.0, 0.0])):
            found = contests(noise, means, Rule(equal=False, step=step))
            cells.append(f"{(found.adopted >= 0).mean():.2%}")
        alone = contests(noise[:, :2], np.zeros(2), Rule(equal=False, step=step))
        stops = contests(noise, np.zeros(3), Rule(budget=30, step=step))
        print(
            f"| {name} | {' | '.join(cells)} | {alone.missed.mean():.2%} | {(stops.adopted >= 0).mean():.2%} |",
            flush=True,
        )


def power(cases: int, seed: int) -> None:
    noise = normal(np.random.default_rng(seed + 1), (cases, 3, MOST))
    print("\nSeeds at the power of --top 3 --seeds 5, as a share of its 15 (budget in brackets); normal noise")
    print(f"| the others are worse by | {' | '.join((*TOLD, *TOLD))} | default budget: power | seeds |")
    print("|---|---|---|---|---|---|---|---|---|")
    for means in ([1.5, 1.5, 0], [2, 2, 0], [2.5, 2.5, 0], [3, 3, 0], [4, 4, 0], [3, 1, 0], [4, 2, 0]):
        at, cells = np.array(means, dtype=np.float64), []
        for corrected in (True, False):
            reached = fixed(noise[:, ::-1], at[::-1], corrected=corrected)
            cells.append(f"{reached:.2f}")
            for known in (False, True):
                budget, found = budget_for(reached, noise, at, Rule(known=known))
                cells.append(f"{found.seeds.mean() / 15:.2f} ({budget})")
        found = contests(noise, at, Rule(budget=30))
        cells += [f"{(found.adopted == 2).mean():.2f}", f"{found.seeds.mean():.1f}"]
        print(f"| {means[0]:g}, {means[1]:g} | {' | '.join(cells)} |", flush=True)
    found = contests(noise, np.zeros(3), Rule(budget=30))
    share, seeds = found.equal.mean(), found.seeds.mean()
    print(f"\nAll equal, budget 30: {share:.0%} end with `equal`, after {seeds:.1f} seeds on average.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    check(np.random.default_rng(given.seed))
    false_adoptions(given.cases, given.seed)
    power(given.cases, given.seed)


if __name__ == "__main__":
    main()
