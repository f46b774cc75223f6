"""Two ranges that trade off: along a valley across both results are alike, and only a mix of the two matters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis.terms import base, products

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.terms import Term

    Array = NDArray[np.float64]

_FLAT = 0.3
"""Curvature along a valley, at most this share of that across it, in either direction."""
_SLANT = 0.4
"""Least part of either range in the direction of the valley, of a length of 1: it lies across both."""
_POWERS = 2.0
"""A ratio or product of plain powers stands for exponents that differ by no more than this factor."""


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """How two ranges trade off."""

    together: bool
    """Whether a larger value of one asks for a larger one of the other, or else for a smaller one."""
    combined: tuple[str, str, str] | None
    """What matters of both: the first, `/` or `*`, the second; None where it is no plain ratio or product."""


def ridge(of: Sequence[Term], results: Array, first: Term, second: Term) -> Ridge | None:
    """By the additive model with the product of their slopes, fitted to results of shape (n,); None without a valley.

    There is one if the fitted quadratic bends up across it and hardly along it.
    """
    if "choice" in (first.parameter.kind, second.parameter.kind) or min(_bends(first), _bends(second)) < 2:
        return None
    others = [term.columns for term in of if term is not first and term is not second]
    a, b = first.columns, second.columns
    known = np.column_stack([base(of, results.size), *others])
    design = np.column_stack([known, a, b, products(a[:, :1], b[:, :1])])
    fitted = np.linalg.lstsq(design, results, rcond=None)[0]
    at = known.shape[1]
    # The second Legendre polynomial bends by 3 everywhere.
    bend_a, bend_b, mixed = 3 * fitted[at + 1], 3 * fitted[at + a.shape[1] + 1], fitted[-1]
    (along, across), directions = np.linalg.eigh(np.array([[bend_a, mixed], [mixed, bend_b]]))
    x, y = directions[:, 0]
    if across <= 0.0 or abs(along) > _FLAT * across or min(abs(x), abs(y)) < _SLANT:
        return None
    return Ridge(together=bool(x * y > 0.0), combined=_combined(first, second, float(x), float(y)))


def _bends(term: Term) -> int:
    return int(term.columns.shape[1])


def _combined(first: Term, second: Term, x: float, y: float) -> tuple[str, str, str] | None:
    """By how many powers of the one the other makes up for it, along the valley."""
    a, b = first.parameter, second.parameter
    if "linear" in (a.scale, b.scale):
        return None
    powers = x * math.log(a.high / a.low) / (y * math.log(b.high / b.low))
    if not 1 / _POWERS <= abs(powers) <= _POWERS:
        return None
    return a.label, "/" if powers > 0.0 else "*", b.label
