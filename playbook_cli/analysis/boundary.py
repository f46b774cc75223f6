"""Whether results still get better where a range ends: a test that is neither fooled by one lucky trial nor blind.

Looking at the best trial alone fails in several dimensions, where some coordinate of it is near an edge more often than
not; counting the best trials near an edge fails at real budgets, where an edge zone holds two or three. So it is asked
what widening is expected to bring (`widening`), and the best trials must agree with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from playbook_cli.analysis import outcomes
from playbook_cli.analysis.widening import RANGES, widenings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.widening import Widening
    from playbook_cli.records import Metric, Parameter, TrialRecord

Side = Literal["lower", "upper"]

_CHANCE = 0.05
"""A row of failures at the end of a range that chance explains less often than this is a cliff."""
FEWEST = 8
"""Results from which on it can be seen where they scatter more."""
_LOUDER = 0.1
"""One-sided level of the rank correlations by which results scatter more towards an end, and are better there."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What speaks for an optimum beyond one end of a range."""

    side: Side
    near: int
    """Trials among the best that lie in the edge zone."""
    top: int
    """How many trials count as the best: an eighth, at least two, but at most half of the feasible ones."""
    closed: bool
    """The outermost trials failed or are among the worst: the range ends in a cliff, not too early."""
    louder: bool = False
    """Results scatter more towards this end and are on the whole no better there: luck puts the best ones there."""
    widening: Widening | None = None
    """None with too few trials, where all came to the same, and where results follow many other ranges more closely."""


@dataclass(frozen=True, kw_only=True)
class Edges:
    """Both ends of one range; `enough` says whether the trials allow a test at all."""

    trials: int
    feasible: int
    needed: int
    """Feasible trials that it takes: two for each term of a quadratic in each range with an offset for each choice."""
    enough: bool
    lower: Edge
    upper: Edge


def edges(
    trials: Sequence[TrialRecord],
    parameters: Sequence[Parameter],
    metric: Metric,
    *,
    zone: float,
) -> Mapping[str, Edges]:
    """For each range that all these trials have, by its label, what is known of its two ends.

    `trials` have ended; `parameters` are all that vary; `zone` is the share of a range that counts as near its edge.
    """
    shared = [p for p in parameters if all(outcomes.has(p, t) for t in trials)]
    ranges = [p for p in shared if p.kind != "choice" and p.low < p.high]
    losses = outcomes.losses(trials, metric)
    feasible = np.isfinite(losses)
    if not feasible.any() or not ranges:
        return {}
    units = np.column_stack([outcomes.units(p, trials) for p in ranges])
    levels = [_levels(p, trials) for p in shared if p.kind == "choice"]
    needed = _needed(units[feasible], levels)
    promised: Mapping[tuple[int, bool], Widening] = {}
    if feasible.sum() >= needed and np.ptp(losses[feasible]):
        codes = np.column_stack([np.zeros((len(trials), 0), dtype=np.int64), *levels])
        looked = _followed(units[feasible], losses[feasible])
        promised = widenings(units[feasible], codes[feasible], losses[feasible], looked)
    bad = (~feasible, losses > np.quantile(losses[feasible], 0.75))

    def edge(i: int, *, upper: bool) -> Edge:
        outward = units[:, i] if upper else 1 - units[:, i]
        side: Side = "upper" if upper else "lower"
        return _edge(side, outward, losses, bad, zone=zone, widening=promised.get((i, upper)))

    return {
        p.label: Edges(
            trials=len(trials),
            feasible=int(feasible.sum()),
            needed=needed,
            enough=bool(feasible.sum() >= needed),
            lower=edge(i, upper=False),
            upper=edge(i, upper=True),
        )
        for i, p in enumerate(ranges)
    }


def _needed(units: NDArray[np.float64], levels: Sequence[NDArray[np.int64]]) -> int:
    shapes = [min(int(np.unique(column).size) - 1, 2) for column in units.T]
    return 2 * (1 + sum(int(level.max()) for level in levels) + sum(max(shape, 1) for shape in shapes))


def _followed(units: NDArray[np.float64], losses: NDArray[np.float64]) -> list[int]:
    """The ranges that the process looks at: of many those whose order the results follow the most."""
    from scipy.stats import rankdata

    if units.shape[1] <= RANGES:
        return list(range(units.shape[1]))
    places, ranks = rankdata(units, axis=0), rankdata(losses)
    follows = np.abs((places - places.mean(axis=0)).T @ (ranks - ranks.mean()))
    return sorted(np.argsort(-follows, kind="stable")[:RANGES].tolist())


def _edge(
    side: Side,
    outward: NDArray[np.float64],
    losses: NDArray[np.float64],
    bad: Sequence[NDArray[np.bool_]],
    *,
    zone: float,
    widening: Widening | None,
) -> Edge:
    top = min(max(2, losses.size // 8), (int(np.isfinite(losses).sum()) + 1) // 2)
    best = np.argsort(losses, kind="stable")[:top]
    return Edge(
        side=side,
        near=int((outward[best] >= 1 - zone).sum()),
        top=top,
        closed=any(_ends_in(kind, outward) for kind in bad),
        louder=_louder(outward[np.isfinite(losses)], losses[np.isfinite(losses)]),
        widening=widening,
    )


def _ends_in(bad: NDArray[np.bool_], outward: NDArray[np.float64]) -> bool:
    """Whether the outermost trials are all bad, more of them in a row than the others' share of bad ones explains."""
    out = bad[np.argsort(-outward, kind="stable")]
    run = out.size if out.all() else int(np.argmin(out))
    return run > 0 and (run == out.size or float(out[run:].mean()) ** run < _CHANCE)


def _levels(parameter: Parameter, trials: Sequence[TrialRecord]) -> NDArray[np.int64]:
    """Which of the choices that occur each trial has, from 0 on, shape (n,)."""
    chosen = np.array([parameter.place(t.params[parameter.name]) for t in trials])
    return np.asarray(np.unique(chosen, return_inverse=True)[1], dtype=np.int64)


def _louder(outward: NDArray[np.float64], losses: NDArray[np.float64]) -> bool:
    from scipy.stats import rankdata

    if losses.size < FEWEST:
        return False
    ranks = rankdata(losses)
    scatter = np.abs(ranks - (losses.size + 1) / 2)
    return _p_rising(outward, scatter) < _LOUDER < _p_rising(outward, -ranks)


def _p_rising(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """One-sided p-value of Spearman's rank correlation; 1 where nothing varies."""
    from scipy.stats import spearmanr

    if np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return 1.0
    return float(spearmanr(x, y, alternative="greater").pvalue)
