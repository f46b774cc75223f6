"""Results over two hyperparameters, the others averaged out, where the trials support a picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis.shuffled import predicted
from playbook_cli.analysis.terms import CUBIC, base, basis, products

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.terms import Term

    Array = NDArray[np.float64]

CELLS = 80
"""Equal parts of a range."""
_FAITHFUL = 0.3
"""Share of the variation in rank that the model must predict of trials that it has not seen."""
_REACH = 1.5
"""How far from its nearest trial a cell is drawn, in mean distances between neighbours on an even grid."""
_FARTHEST = 0.35
"""The same for few trials, as a part of the range."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """The typical result at each place of a grid over two hyperparameters."""

    labels: tuple[str, str]
    """Across, and up."""
    trials: int
    """With a result, that have both."""
    losses: Sequence[Sequence[float | None]] | None
    """Rows from the lowest value of the second up, cells from the lowest of the first: `CELLS` of a range, one a
    choice. The metric turned so that smaller is better; None far from all trials, and where the model cannot predict.
    """


def surface(of: Sequence[Term], losses: Array, first: str, second: str) -> Surface | None:
    """The model of importance, with all products of the two where trials allow them; None where no trial has both.

    `losses` are those of the terms' trials, shape (n,). The model speaks in ranks; a result is that of its rank.
    """
    from scipy.stats import rankdata

    across, up = (next(term for term in of if term.parameter.label == label) for label in (first, second))
    both = across.present & up.present
    if not both.any():
        return None
    ranks = rankdata(losses)
    others = np.column_stack([base(of, losses.size), *(t.columns for t in of if t is not across and t is not up)])
    kinds = (across.columns, up.columns, products(across.columns, up.columns))
    crossed = losses.size >= CUBIC * (others.shape[1] + sum(kind.shape[1] for kind in kinds))
    if not crossed:
        kinds = (across.columns, up.columns, products(across.slopes_of(across.columns), up.slopes_of(up.columns)))
    design = np.column_stack([others, *kinds])
    fitted = np.linalg.lstsq(design, ranks, rcond=None)[0]
    known = basis(design)
    variation = float(((ranks - ranks.mean()) ** 2).sum())
    told = None
    if predicted(known, ranks - known @ (known.T @ ranks), variation) >= _FAITHFUL:
        places = [_places(term) for term in (across, up)]
        x, y = (grid.ravel() for grid in np.meshgrid(*places))
        a, b = across.at(x), up.at(y)
        cross = products(a, b) if crossed else products(across.slopes_of(a), up.slopes_of(b))
        rows = np.column_stack([np.broadcast_to(others[both].mean(axis=0), (x.size, others.shape[1])), a, b, cross])
        shares = np.clip((rows @ fitted - 1) / max(ranks.size - 1, 1), 0.0, 1.0)
        near = _near(across, up, both, x, y)
        cells = np.where(near, np.quantile(losses, shares), np.nan).reshape(places[1].size, places[0].size)
        told = [[None if np.isnan(cell) else float(cell) for cell in row] for row in cells]
    return Surface(labels=(first, second), trials=int(both.sum()), losses=told)


def _places(term: Term) -> Array:
    """The middles of the cells, from 0 to 1."""
    cells = len(term.parameter.choices) if term.parameter.kind == "choice" else CELLS
    return (np.arange(cells) + 0.5) / cells


def _near(across: Term, up: Term, both: NDArray[np.bool_], x: Array, y: Array) -> NDArray[np.bool_]:
    """Whether a trial lies near enough to say something about each place; a choice says nothing about another one."""
    from scipy.spatial import KDTree

    choices = [len(term.parameter.choices) if term.parameter.kind == "choice" else 1 for term in (across, up)]
    scale = [1.0 if count == 1 else count / _FARTHEST for count in choices]
    sites = np.unique(np.column_stack([across.units[both], up.units[both]]) * scale, axis=0)
    each = max(1.0, len(sites) / (choices[0] * choices[1]))
    away, _ = KDTree(sites).query(np.column_stack([x, y]) * scale)
    return np.asarray(away < min(_FARTHEST, _REACH / each**0.5))
