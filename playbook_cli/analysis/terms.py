"""What varies in a study as columns of one additive model: a term a hyperparameter, over the trials that have it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Parameter, TrialRecord

    Array = NDArray[np.float64]

CUBIC = 3
"""Trials a coefficient from which on a range may bend twice; with fewer its effect is a parabola."""
_MANY = 30
"""Terms from which on what each explains by itself is computed for all at once."""
_SPANNED = 1e-6
"""A direction shorter than this, of columns of unit length, is spanned by the others but for rounding."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """One hyperparameter; rows are trials, and those that lack it have zeros."""

    parameter: Parameter
    present: NDArray[np.bool_]
    """Which trials have it, shape (n,)."""
    units: Array
    """Where they lie in it, from 0 to 1, shape (n,); 0 for those that lack it."""
    columns: Array
    """Shape (n, k): Legendre polynomials of a range, indicators of the choices but one; zero mean where present."""

    def slopes_of(self, columns: Array) -> Array:
        """Those of its columns that have no curvature: one of a range, all of a choice."""
        return columns if self.parameter.kind == "choice" else columns[:, :1]

    def at(self, units: Array) -> Array:
        """The columns at other places of it, shape (m, k)."""
        having = self.units[self.present]
        return _shape(self.parameter, having, units, self.columns.shape[1]) - self._mean(having)

    def _mean(self, having: Array) -> Array:
        return np.asarray(_shape(self.parameter, having, having, self.columns.shape[1]).mean(axis=0))


def terms(parameters: Sequence[Parameter], trials: Sequence[TrialRecord]) -> list[Term]:
    """A term for each parameter that has at least two values among these trials."""
    cubics = [term for p in parameters if (term := _term(p, trials, degree=3)) is not None]
    if len(trials) >= CUBIC * (1 + sum(term.columns.shape[1] for term in cubics)):
        return cubics
    return [term for p in parameters if (term := _term(p, trials, degree=2)) is not None]


def base(of: Sequence[Term], rows: int) -> Array:
    """The mean, and what tells trials that have a conditional hyperparameter where no choice does, shape (rows, k)."""
    known = np.column_stack([np.ones(rows), *(t.columns for t in of)])
    masks = [np.ones(rows)]
    spanned = basis(known)
    for term in of:
        mask = term.present.astype(np.float64)
        if beyond(spanned, mask[:, None]).shape[1]:
            masks.append(mask)
            known = np.column_stack([known, mask])
            spanned = basis(known)
    return np.column_stack(masks)


def products(first: Array, second: Array) -> Array:
    """Every column of one times every column of the other, shape (n, k l)."""
    return (first[:, :, None] * second[:, None, :]).reshape(len(first), -1)


def basis(columns: Array) -> Array:
    """Orthonormal columns that span the same, shape (n, rank)."""
    lengths = np.linalg.norm(columns, axis=0)
    kept = columns[:, lengths > 0.0] / lengths[lengths > 0.0]
    left, sizes, _ = np.linalg.svd(kept, full_matrices=False)
    return np.asarray(left[:, sizes > _SPANNED])


def beyond(known: Array, columns: Array) -> Array:
    """Orthonormal columns for what `columns` add to the orthonormal `known`; none where they add nothing."""
    lengths = np.maximum(np.linalg.norm(columns, axis=0), np.finfo(float).tiny)
    left, sizes, _ = np.linalg.svd(without(known, columns / lengths), full_matrices=False)
    return np.asarray(left[:, sizes > _SPANNED])


def own(constant: Array, columns: Sequence[Array]) -> list[Array]:
    """Orthonormal columns for what each of `columns` adds to `constant` and all the others; many at once where it can.

    Where no column is spanned by the others, those of the pseudoinverse span it: each is orthogonal to all others.
    """
    if len(columns) > _MANY:
        whole = np.column_stack([constant, *columns])
        left, right = np.linalg.qr(whole / np.maximum(np.linalg.norm(whole, axis=0), np.finfo(float).tiny))
        if len(right) == right.shape[1] and np.abs(np.diag(right)).min() > _SPANNED:
            dual = left @ np.linalg.inv(right).T
            ends = np.cumsum([constant.shape[1], *(part.shape[1] for part in columns)])
            return [np.linalg.qr(dual[:, start:end])[0] for start, end in itertools.pairwise(ends.tolist())]
    others = [[*columns[:number], *columns[number + 1 :]] for number in range(len(columns))]
    return [beyond(basis(np.column_stack([constant, *rest])), part) for rest, part in zip(others, columns, strict=True)]


def without(known: Array, columns: Array) -> Array:
    """`columns` less what the orthonormal `known` explain of them; twice, for rounding."""
    once = columns - known @ (known.T @ columns)
    return np.asarray(once - known @ (known.T @ once))


def _term(parameter: Parameter, trials: Sequence[TrialRecord], *, degree: int) -> Term | None:
    having = [t for t in trials if outcomes.has(parameter, t)]
    places = outcomes.units(parameter, having)
    values = np.unique(places).size
    if values < 2:
        return None
    present = np.array([outcomes.has(parameter, t) for t in trials], dtype=bool)
    units = np.zeros(len(trials))
    units[present] = places
    shape = _shape(parameter, places, places, values - 1 if parameter.kind == "choice" else min(degree, values - 1))
    columns = np.zeros((len(trials), shape.shape[1]))
    columns[present] = shape - shape.mean(axis=0)
    return Term(parameter=parameter, present=present, units=units, columns=columns)


def _shape(parameter: Parameter, having: Array, units: Array, count: int) -> Array:
    """So many columns at `units`, of the model of a parameter that trials have at `having`; the mean is in them."""
    if parameter.kind == "choice":
        return np.asarray(units[:, None] == np.unique(having)[None, 1:], dtype=np.float64)
    return np.asarray(np.polynomial.legendre.legvander(2 * units - 1, count)[:, 1:], dtype=np.float64)
