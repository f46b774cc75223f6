"""How many more training runs would settle a comparison, if its estimates are right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playbook_cli.analysis.comparison import Comparison, Estimate

_GROWTH = (1, 1.5, 2, 3, 4, 6, 8)
"""Sizes of the searches, as multiples of what they are, that are thought of."""
MOST_SEARCHES = 10
"""On one side."""
_OFTEN = 0.8
"""In how many cases the gain is to be shown."""


@dataclass(frozen=True, kw_only=True)
class Settling:
    """The cheapest further runs that would settle it."""

    runs: int
    """Of both sides together."""
    repeats: int
    """That each side's selected trial has then."""
    trials: int | None
    """That each search has then; None where the searches stay as they are."""
    searches: int = 1
    """That each side has then, on search seeds of their own; each is repeated."""


def settling(compared: Comparison, least: float) -> Settling | None:
    """What makes the gain stand out from `least` in four of five cases, were it as estimated; None where nothing.

    More repeats take away trial variance only. Where the luck of the searches is too large for that, both searches
    grow and the new selected trials are repeated anew, or each pipeline is searched again on other search seeds.
    """
    allowed = ((compared.gain - least) / _distance(compared)) ** 2
    plans = [_plan(compared, allowed, growth) for growth in _GROWTH]
    plans += [_searching(compared, allowed, searches) for searches in range(2, MOST_SEARCHES + 1)]
    return min((plan for plan in plans if plan is not None), key=lambda plan: plan.runs, default=None)


def visible(compared: Comparison, least: float, repeats: int) -> bool:
    """Whether so many repeats a side would show the gain, were there no luck in the searches."""
    variance = sum(side.sd**2 for side in (compared.baseline, compared.candidate)) / repeats
    return abs(compared.gain - least) >= _distance(compared) * math.sqrt(variance)


def _distance(compared: Comparison) -> float:
    """From the gain to what it must exceed, in standard errors."""
    return NormalDist().inv_cdf(1.0 - compared.alpha / 2) + NormalDist().inv_cdf(_OFTEN)


def _plan(compared: Comparison, allowed: float, growth: float) -> Settling | None:
    sides = (compared.baseline, compared.candidate)
    if growth > 1 and all(side.luck is None for side in sides):
        return None
    trials = math.ceil(growth * compared.trials)
    left = allowed - sum(_search_variance(side, trials if growth > 1 else None) for side in sides)
    if left <= 0.0:
        return None
    repeats = max(math.ceil(sum(_per_repeat(side) for side in sides) / left), 2)
    if growth > 1:
        more = sum(max(trials - side.trials, 0) + repeats for side in sides)
        return Settling(runs=more, repeats=repeats, trials=trials)
    # What is there did not settle it, so at least one run more.
    repeats = max(repeats, min(side.repeats for side in sides) + 1)
    more = sum(max(repeats - side.repeats, 0) * side.searches for side in sides)
    return Settling(runs=more, repeats=repeats, trials=None)


def _searching(compared: Comparison, allowed: float, searches: int) -> Settling | None:
    """So many searches a side in place of larger ones."""
    sides = (compared.baseline, compared.candidate)
    if searches <= max(side.searches for side in sides) or any(side.luck is None for side in sides):
        return None
    left = allowed - sum(side.luck.variance(side.luck.plan.trials) for side in sides if side.luck) / searches
    if left <= 0.0:
        return None
    repeats = max(math.ceil(sum(side.sd**2 for side in sides) / searches / left), 2)
    runs = sum(
        (searches - side.searches) * (side.trials + repeats) + side.searches * max(repeats - side.repeats, 0)
        for side in sides
    )
    return Settling(runs=runs, repeats=repeats, trials=None, searches=searches)


def _search_variance(side: Estimate, trials: int | None) -> float:
    """What no repeats take away, at a search of this size; None is the size it has."""
    if side.luck is None:
        return 0.0
    if trials is None:
        return side.study_variance
    return side.luck.variance(max(side.luck.plan.trials * trials // max(side.trials, 1), 1)) / side.searches


def _per_repeat(side: Estimate) -> float:
    """The variance that each repeat divides; of fixed points that of the choice among them, too."""
    choice = side.study_variance * side.repeats if side.luck is None else 0.0
    return side.sd**2 / side.searches + choice
