"""Whether a sweep's answer can be trusted, and which learning rates are still to be tried."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.sweep.grid import Grid, Side
    from playbook_cli.sweep.points import Point

Verdict = Literal["ok", "edge", "never-fits"]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the points of a sweep say about max_train_steps."""

    verdict: Verdict
    fastest: Point | None
    """The fastest point; of several the middle one, of two the lower one; None if none fits."""
    tied: int
    """How many learning rates are equally fast."""
    open: tuple[Side, ...]
    """Sides on which a better learning rate may lie beyond those that were tried."""
    unknown: tuple[float, ...] = ()
    """Learning rates at which the program ended on its own too early to see whether they are faster."""


def judge(points: Sequence[Point]) -> Judgement:
    """Judge points in ascending order of the learning rate.

    The fastest is at an edge if it, or one that is as fast, has no trained neighbour on one side: the next one beyond
    could be faster. A neighbour that diverged counts as trained. One that crashed does not, nor one that ended on its
    own too early to see whether it is faster. If nothing fits, the same applies to the point that came closest: only
    if it is inside the grid does it show that nothing fits.
    """
    ended = [point for point in points if point.state in ("completed", "infeasible")]
    fits = [point for point in ended if point.steps_to_fit is not None]
    best = min((point.steps_to_fit or 0 for point in fits), default=math.inf)
    unknown = tuple(point.learning_rate for point in ended if point.cut_short and point.evaluated < best)
    known = [point for point in ended if point.learning_rate not in unknown]
    if fits:
        tied = [point for point in fits if point.steps_to_fit == best]
        sides = _edges(known, tied)
        fastest = tied[(len(tied) - 1) // 2]
        verdict: Verdict = "edge" if sides else "ok"
        return Judgement(verdict=verdict, fastest=fastest, tied=len(tied), open=sides, unknown=unknown)
    sides = _edges(known, closest(known)) if known else ()
    verdict = "edge" if sides else "never-fits"
    return Judgement(verdict=verdict, fastest=None, tied=0, open=sides, unknown=unknown)


def closest(points: Sequence[Point]) -> list[Point]:
    """Of points that do not fit, those that came closest; the training loss decides if the target's metric is equal.

    [] if all came equally close; the lowest learning rate if all diverged.
    """
    trained = [point for point in points if point.state == "completed" and point.distance is not None]
    if not trained:
        return [point for point in points if point.state == "infeasible"][:1]
    least = min(map(_distance, trained))
    nearest = [point for point in trained if _distance(point) == least]
    return nearest if len(nearest) < len(trained) or len(trained) == 1 else []


def refinable(points: Sequence[Point]) -> list[float]:
    """Learning rates that may be the fastest, but whose fit is known only to within two evaluations."""
    fits = [(point, point.fit) for point in points if point.fit is not None and point.state == "completed"]
    best = min((fit.step for _, fit in fits), default=0)
    return [
        point.learning_rate for point, fit in fits if not point.refined and fit.resolution > 1 and fit.before < best
    ]


def next_rates(points: Sequence[Point], grid: Grid, *, extend: bool) -> list[float]:
    """What to train next, once all trials have ended: the missing part of the grid, then repeats, then more grid."""
    tried = [point.learning_rate for point in points]
    missing = [rate for rate in grid.middle_outward() if rate not in tried]
    if missing:
        return missing
    again = refinable(points)
    if again or not extend:
        return again
    return [rate for side in judge(points).open for rate in grid.beyond(tried, side)]


def _edges(known: Sequence[Point], best: Sequence[Point]) -> tuple[Side, ...]:
    sides: list[Side] = []
    if known[0] in best:
        sides.append("lower")
    if known[-1] in best:
        sides.append("upper")
    return tuple(sides)


def _distance(point: Point) -> tuple[float, float]:
    """How far a trained point is from the target."""
    return point.distance or 0.0, math.inf if point.last_loss is None else point.last_loss
