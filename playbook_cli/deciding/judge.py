"""What the seeds so far say about which point to take, and which points need more of them.

A point leaves the contest where another one is shown to be better, or where it diverges on more of its seeds. It is
shown by the difference of their means and its interval, which holds however often one looks (`analysis.looking`); the
noise is pooled over all points. So the best of several points that are equal is taken for better in less than 5% of
contests: one of them would have to be shown better than all others (compare S. Gutmann and Z. Maymin 1987, Annals of
Statistics 15, 456-461). `benchmarks/seeds.py` measures it.

`adopt`         one point is left.
`equal`         between the simplest point that is left and every other one, a difference that matters is ruled out.
`budget-spent`  the budget is used up, or it is unlikely that what is left of it decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from playbook_cli.analysis import looking
from playbook_cli.analysis.contrast import Contrast, error_of, quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Scatter = tuple[float, int]
"""A sum of squares and its degrees of freedom."""
Verdict = Literal["adopt", "equal", "budget-spent"]
LEAST_CHANCE, EARLIEST = 0.2, 3
"""Playbook's own: from so many seeds on, a budget is not spent whose rest would decide in a smaller share of cases."""
MOST_SEEDS = 1000
"""Of a point: what would need more is said to need more than that."""
UNLIKE = 0.1
"""P-value below which a point scatters more than the others, so that their noise is not pooled."""


_LEAST_GAPS, _ON_GRID = 4, 0.01
"""So many differences between results, each so close to a multiple of the smallest one, make a grid."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """A point in the contest and its results on new seeds, in the same order of seeds for all points."""

    trial: int
    """The trial of the search that has the point."""
    study: str = ""
    """The folder of its study, where the points come from two."""
    losses: Sequence[float] = ()
    """Smaller is better; infinity for a seed that diverged, NaN for one without a result."""

    @property
    def name(self) -> str:
        """`trial 3`."""
        return f"trial {self.trial}{f' of {self.study}' if self.study else ''}"

    def first(self, seeds: int) -> Array:
        """Finite results of the first `seeds` seeds."""
        values = np.array(self.losses[:seeds], dtype=np.float64)
        return values[np.isfinite(values)]

    def diverged(self, seeds: int) -> float:
        """The share of the first `seeds` seeds on which it diverged."""
        values = np.array(self.losses[:seeds], dtype=np.float64)
        ended = values[~np.isnan(values)]
        return float(np.isinf(ended).mean()) if ended.size else 0.0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be decided. Points are given with it, the simplest first."""

    budget: int
    """Seeds of all points together."""
    bound: float
    """Smallest difference that matters, in standard deviations of the noise."""
    step: float = 0.0
    """Smallest step between two results of the metric, where it counts examples."""


@dataclass(frozen=True, kw_only=True)
class Lost:
    """Why a point left the contest: the point that beat it and by how much, or that it diverged."""

    to: Point | None
    gain: Contrast | None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The state of the contest."""

    verdict: Verdict | None
    """None where more seeds are needed and there is budget for them."""
    left: Sequence[Point]
    """Points still in the contest, the simplest first."""
    lost: Mapping[Point, Lost]
    seeds: int
    """Spent so far."""
    sd: float | None
    """Of the noise, pooled over the points left; None while it isn't known."""
    needed: int | None = None
    """Roughly how many seeds more would decide, were the differences as they look; None unknown or too many."""
    early: bool = False
    """Whether the budget is not used up, but unlikely to decide."""
    wanted: Mapping[Point, int] = field(default_factory=dict)
    """Number of seeds that each of these points should have before the next look."""

    @property
    def best(self) -> Point | None:
        """The point that the verdict takes; without one, the point with the best mean among those left."""
        if self.verdict in ("adopt", "equal"):
            return self.left[0]
        able = [p for p in self.left if p.first(len(p.losses)).size]
        return min(able, key=lambda p: float(p.first(len(p.losses)).mean()), default=None)


def judge(points: Sequence[Point], asked: Asked) -> Judged:
    """The contest of these points, the simplest first. It depends on their results only, never on when they came.

    Looks are taken at every number of seeds that some point has, by the results up to that seed alone: so a contest
    that is taken up again comes to the state that it had. Points with fewer seeds than others catch up one by one.
    """
    left, lost = list(points), dict[Point, Lost]()
    seeds = sum(len(point.losses) for point in points)

    def state(verdict: Verdict | None = None, **more: object) -> Judged:
        given = {"sd": _sd(left), **more}
        return Judged(verdict=verdict, left=tuple(left), lost=lost, seeds=seeds, **given)  # type: ignore[arg-type]

    def onward(upto: int) -> Judged:
        wanted = {point: upto for point in left if len(point.losses) < upto}
        cost = sum(upto - len(point.losses) for point in wanted)
        if seeds + cost > asked.budget:
            return state("budget-spent", needed=_needed(left, asked))
        return state(wanted=wanted)

    for count in sorted({len(point.losses) for point in points if len(point.losses) >= looking.FIRST}):
        fewest, most = min(len(point.losses) for point in left), max(len(point.losses) for point in left)
        if most < count:  # only points that have left have so many
            break
        if fewest < count:
            return onward(max(fewest + 1, looking.FIRST))
        _reduce(left, lost, points, count, asked)
    if len(left) == 1:
        return state("adopt")
    last = len(left[0].losses)
    if last < looking.FIRST:
        return onward(looking.FIRST)
    known = all(point.first(last).size >= looking.FIRST for point in left)
    if known and _equal(left, points, asked):
        return state("equal")
    following = onward(last + 1)
    late = known and last >= EARLIEST and following.verdict is None
    if late and _chance(left, asked, seeds) < LEAST_CHANCE:
        return state("budget-spent", needed=_needed(left, asked), early=True)
    return following


def step_of(results: Sequence[float], examples: int | None = None) -> float:
    """The step of a metric that counts examples, or is rounded; 0 where these results lie on no such grid."""
    values = np.unique(np.array([x for x in results if math.isfinite(x)]))
    largest = float(np.abs(values).max(initial=0.0))
    if examples and 0.0 < largest <= 1.0:
        return 1.0 / examples
    gaps = np.diff(values)
    gaps = gaps[gaps > 1e-9 * largest]
    if gaps.size < _LEAST_GAPS:
        return 0.0
    for step in (float(gaps.min()) / part for part in (1, 2, 3)):
        multiples = gaps / step
        if np.all(np.abs(multiples - np.round(multiples)) < _ON_GRID):
            return step
    return 0.0


def contrast(a: Point, b: Point, points: Sequence[Point], step: float, seeds: int | None = None) -> Contrast | None:
    """How much better `a` is than `b` on the first `seeds` seeds, by default all; None with fewer than 2 results each.

    The variance is pooled over all points but those that scatter more than these two by an F test. Where one of the two
    scatters more than the others, each has its own, as in Welch's test. The error is never below that of rounding to
    the metric's `step`.
    """
    most = seeds if seeds is not None else max(len(point.losses) for point in points)
    x, y = a.first(most), b.first(most)
    if min(x.size, y.size) < looking.FIRST:
        return None
    pair = [_squares([x]), _squares([y])]
    both = _added(pair)
    alike = [one for point in points if point not in (a, b) if not _wilder(one := _squares([point.first(most)]), both)]
    pooled, free = _added([*pair, *alike])
    own = max(pair, key=lambda one: one[0] / one[1])
    if _wilder(own, (pooled - own[0], free - own[1])):
        error, freedom = error_of((squares / f / v.size, f) for (squares, f), v in zip(pair, (x, y), strict=True))
    else:
        error, freedom = math.sqrt(pooled / free * (1 / x.size + 1 / y.size)), float(free)
    rounding = step / math.sqrt(12) * math.sqrt(1 / x.size + 1 / y.size)
    gain, alpha = float(y.mean() - x.mean()), looking.alpha(min(x.size, y.size))
    return Contrast(gain=gain, error=max(error, rounding), freedom=freedom, alpha=alpha)


def _reduce(left: list[Point], lost: dict[Point, Lost], points: Sequence[Point], seeds: int, asked: Asked) -> None:
    """Take those out that are worse than another one at this look."""
    fewest = min(point.diverged(seeds) for point in left)
    out = {point: Lost(to=None, gain=None) for point in left if point.diverged(seeds) > fewest}
    stay = [point for point in left if point not in out]
    for point in stay:
        others = [(other, contrast(other, point, points, asked.step, seeds)) for other in stay if other is not point]
        better = [(other, c) for other, c in others if c is not None and c.exceeds()]
        if better:
            by, gain = max(better, key=lambda found: found[1].gain)
            out[point] = Lost(to=by, gain=gain)
    lost |= out
    left[:] = [point for point in left if point not in out]


def _equal(left: Sequence[Point], points: Sequence[Point], asked: Asked) -> bool:
    """Whether no other point differs from the simplest one by as much as matters."""
    bound = asked.bound * (_sd(left) or 0.0)
    found = [contrast(left[0], other, points, asked.step) for other in left[1:]]
    return all(c is not None and abs(c.gain) + c.half <= max(bound, asked.bound * _floor(asked)) for c in found)


def _chance(left: Sequence[Point], asked: Asked, seeds: int) -> float:
    """Predicted chance that the rest of the budget, spent on the points left, decides (D. J. Spiegelhalter et al. 1986,
    Controlled Clinical Trials 7, 8-17).
    """
    from scipy.special import stdtr

    now = min(len(point.losses) for point in left)
    then = now + max(asked.budget - seeds, 0) // len(left)
    sd = max(_sd(left) or 0.0, _floor(asked))
    if then <= now or sd == 0.0:
        return 1.0
    lead, freedom = _lead(left), len(left) * (now - 1)
    half, spread = _half(left, then, sd), sd * math.sqrt(2 / now - 2 / then)
    better = float(stdtr(freedom, (lead - half) / spread))
    room = asked.bound * sd - half
    same = float(stdtr(freedom, (room - lead) / spread) - stdtr(freedom, (-room - lead) / spread)) if room > 0 else 0.0
    return better + same


def _needed(left: Sequence[Point], asked: Asked) -> int | None:
    """Seeds more that the points left need together, were the lead and the noise as they look."""
    sd = _sd(left)
    if sd is None or any(point.first(len(point.losses)).size == 0 for point in left):
        return None
    sd, lead = max(sd, _floor(asked)), _lead(left)
    now = min(len(point.losses) for point in left)
    for seeds in range(max(now + 1, looking.FIRST), MOST_SEEDS):
        half = _half(left, seeds, sd)
        if lead >= half or lead + half <= asked.bound * sd:
            return sum(max(seeds - len(point.losses), 0) for point in left)
    return None


def _half(left: Sequence[Point], seeds: int, sd: float) -> float:
    """Half the width that the interval between two points will have at this number of seeds."""
    return quantile(len(left) * (seeds - 1), looking.alpha(seeds)) * sd * math.sqrt(2 / seeds)


def _lead(left: Sequence[Point]) -> float:
    """Of the best mean over the second best."""
    first, second = sorted(float(point.first(len(point.losses)).mean()) for point in left)[:2]
    return second - first


def _sd(points: Sequence[Point]) -> float | None:
    squares, freedom = _squares([point.first(len(point.losses)) for point in points])
    return math.sqrt(squares / freedom) if freedom else None


def _squares(groups: Sequence[Array]) -> Scatter:
    """Of results around the means of their groups."""
    able = [x for x in groups if x.size]
    return sum(float(((x - x.mean()) ** 2).sum()) for x in able), sum(x.size - 1 for x in able)


def _added(parts: Sequence[Scatter]) -> Scatter:
    return sum(squares for squares, _ in parts), sum(freedom for _, freedom in parts)


def _wilder(one: Scatter, rest: Scatter) -> bool:
    """Whether one variance is larger than another by an F test."""
    from scipy.special import fdtrc

    if not one[1] or not rest[1] or one[0] <= 0.0:
        return False
    return rest[0] <= 0.0 or float(fdtrc(one[1], rest[1], one[0] / one[1] * rest[1] / rest[0])) < UNLIKE


def _floor(asked: Asked) -> float:
    return asked.step / math.sqrt(12)
