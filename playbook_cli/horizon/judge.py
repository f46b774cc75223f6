"""What a ladder of lengths says about max_train_steps, and how certain that is: pure functions of its runs.

    worth    the least improvement of the metric that makes a doubling of the length worth its steps
    pays     a doubling whose gain is certainly more than that: the whole interval of the gain is above it
    not      a doubling whose gain is certainly less: the whole interval is below it

Gains per doubling shrink as training goes on; all laws of learning curves agree on that (Hestness et al. 2017, arXiv
1712.00409; Viering and Loog 2021, arXiv 2103.10948). So if a doubling pays, those before it do too, and if one does
not, none after it will; the ladder stops there.

Four lengths at three rates and one seed are 12 runs for 8 coefficients, which leaves 4 degrees of freedom for the
noise. If the noise of one run is s (a share of the loss), a gain is known to about +-2.3 s, and the drift of the best
rate to about +-0.45 s / c per doubling, where c is the cost of missing the best rate by a factor of two. If that is not
enough, the verdict is `undecided`, with the number of seeds that would settle it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from playbook_cli.horizon.drift import Drift, drift, rate
from playbook_cli.horizon.law import Law, law
from playbook_cli.horizon.runs import scale_of
from playbook_cli.horizon.surface import Interval, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.horizon.runs import Run, Scale
    from playbook_cli.horizon.surface import Surface

Verdict = Literal["long-enough", "longer-pays", "shorter-will-do", "undecided"]
MOST_SEEDS = 64
"""Never recommend more seeds than this: a larger --worth is the better choice then."""


@dataclass(frozen=True, kw_only=True)
class Doubling:
    """The step from one length to the next; it need not be twice as long, but gains are per doubling."""

    steps: int
    following: int
    gain: Interval
    """Improvement of the metric per doubling, with each length at its best rate."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The answer for one point."""

    verdict: Verdict
    max_train_steps: int
    """The recommended length; the study's own if undecided."""
    doublings: Sequence[Doubling]
    levels: Sequence[Interval]
    """The metric's loss at each length's best rate."""
    drift: Drift
    law: Law | None
    """The power law; None if it did not predict the last length."""
    seeds: int | None
    """Total seeds per run that would settle the verdict; None if it is settled or no reasonable number would."""
    surface: Surface
    scale: Scale

    def rate(self, steps: int) -> Interval | None:
        """The best rate for this many steps relative to the carried one; None if unknown."""
        return rate(self.surface, self.drift, self._doublings(steps))

    def loss(self, steps: int) -> Interval | None:
        """The loss that the law predicts, with its band; None without a law."""
        if self.law is None:
            return None
        level = self.law.level(self._doublings(steps))
        low, value, high = (self.scale.loss(x) for x in (level.low, level.value, level.high))
        return Interval(value=value, low=low, high=high)

    @property
    def over(self) -> bool:
        """Whether the next doubling is certainly not worth its steps, so that the ladder ends."""
        return bool(self.doublings) and self._worth_of(len(self.doublings) - 1) == "not"

    def _worth_of(self, j: int) -> str:
        return _worth(self.doublings[j].gain, self._least)

    _least: float

    def _doublings(self, steps: int) -> float:
        return math.log2(steps / self.surface.lengths[0]) + float(self.surface.doublings[0])


def judge(
    points: Sequence[Sequence[Run]], *, steps: int, worth: float, repeats: tuple[float, int] = (0.0, 0)
) -> list[Judgement]:
    """A judgement for each point, whose runs are at two lengths or more; `steps` is the study's max_train_steps.

    `worth` is in units of the metric and above 0; `repeats` are variance and degrees of freedom of the study's own
    repeats, on the logarithmic scale if all losses are above 0. ValueError if a point has no feasible run.
    """
    scale = scale_of([run for runs in points for run in runs])
    surfaces = fit(points, steps, scale, repeats)
    seeds = [len({run.seed for run in runs}) for runs in points]
    return [_judgement(s, scale, steps, worth, n) for s, n in zip(surfaces, seeds, strict=True)]


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict for all points, which train for the same length: the longest that any needs, longer when in doubt."""
    order: tuple[Verdict, ...] = ("longer-pays", "undecided", "long-enough")
    return next((verdict for verdict in order if verdict in verdicts), "shorter-will-do")


def _judgement(surface: Surface, scale: Scale, steps: int, worth: float, seeds: int) -> Judgement:
    levels, covariance = surface.levels, surface.level_covariance
    doublings = [
        Doubling(steps=a, following=b, gain=_gain(surface, scale, j))
        for j, (a, b) in enumerate(pairwise(surface.lengths))
    ]
    verdict = _verdict(surface, scale, doublings, steps, worth)
    found = law(surface, scale)
    errors = surface.quantile * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return Judgement(
        verdict=verdict,
        max_train_steps=_recommended(verdict, doublings, steps, worth),
        doublings=doublings,
        levels=[
            Interval(value=scale.loss(y), low=scale.loss(y - e), high=scale.loss(min(y + e, 700.0)))
            for y, e in zip(levels.tolist(), errors.tolist(), strict=True)
        ],
        drift=drift(surface),
        law=found if found is not None and found.held else None,
        seeds=_settling(verdict, doublings, steps, worth, seeds),
        surface=surface,
        scale=scale,
        _least=worth,
    )


def _gain(surface: Surface, scale: Scale, j: int, k: int | None = None) -> Interval:
    """Improvement of the metric per doubling from length j to k, by default the next one."""
    k = j + 1 if k is None else k
    gain, count = surface.gain(j, k, scale), float(surface.doublings[k] - surface.doublings[j])
    return Interval(value=gain.value / count, low=gain.low / count, high=gain.high / count)


def _verdict(surface: Surface, scale: Scale, doublings: Sequence[Doubling], steps: int, worth: float) -> Verdict:
    beyond = [d for d in doublings if d.steps >= steps]
    before = [d for d in doublings if d.following <= steps]
    first = next((j for j, d in enumerate(doublings) if d.steps >= steps), None)
    pays = any(_worth(d.gain, worth) == "pays" for d in beyond)
    if first is not None and len(beyond) > 1:
        pays = pays or _worth(_gain(surface, scale, first, len(doublings)), worth) == "pays"
    if pays:
        return "longer-pays"
    fewer = bool(before) and _worth(before[-1].gain, worth) == "not"
    if fewer and (not beyond or beyond[0].gain.value < worth):
        return "shorter-will-do"
    if beyond and _worth(beyond[0].gain, worth) == "not":
        return "long-enough"
    return "undecided"


def _recommended(verdict: Verdict, doublings: Sequence[Doubling], steps: int, worth: float) -> int:
    """The longest length up to which each doubling is estimated to pay; the shortest after which none pays."""
    if verdict == "longer-pays":
        longest = steps
        for j, d in enumerate(doublings):
            if d.steps >= steps and max(later.gain.value for later in doublings[j:]) >= worth:
                longest = d.following
        return longest
    if verdict == "shorter-will-do":
        shortest = steps
        for d in reversed([d for d in doublings if d.following <= steps]):
            if _worth(d.gain, worth) != "not":
                break
            shortest = d.steps
        return shortest
    return steps


def _settling(verdict: Verdict, doublings: Sequence[Doubling], steps: int, worth: float, seeds: int) -> int | None:
    """Seeds that would separate the deciding doubling's gain from its worth, if the gain is as estimated."""
    deciding = next((d for d in doublings if d.steps >= steps), doublings[-1] if doublings else None)
    if verdict != "undecided" or deciding is None:
        return None
    half = (deciding.gain.high - deciding.gain.low) / 2
    apart = abs(deciding.gain.value - worth)
    if not math.isfinite(half) or apart <= 0.0:
        return 2 * seeds if not math.isfinite(half) else None
    needed = max(seeds + 1, math.ceil(seeds * (half / apart) ** 2))
    return needed if needed <= MOST_SEEDS else None


def _worth(gain: Interval, worth: float) -> str:
    if gain.low > worth:
        return "pays"
    return "not" if gain.high < worth else "unclear"
