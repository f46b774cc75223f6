"""An additive model of the trials' results, and of the same results shuffled among the trials: what chance alone does.

A shuffle of a linear model costs a product of matrices; a forest would have to be grown anew for each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis.terms import base, basis, beyond, own, products, without

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.analysis.terms import Term

    Array = NDArray[np.float64]

SHUFFLES = 999
_TINY = float(np.finfo(np.float64).tiny)


class Additive:
    """What each term explains of results of mean zero, shape (n,), beyond all others, and how often chance does it."""

    def __init__(self, of: Sequence[Term], results: Array, random: np.random.Generator) -> None:
        constant = base(of, results.size)
        self.terms = of
        self.known = basis(np.column_stack([constant, *(t.columns for t in of)]))
        """Orthonormal, of all terms, shape (n, k)."""
        self.results = np.column_stack([results, *(random.permutation(results) for _ in range(SHUFFLES))])
        """The results and their shuffles, shape (n, 1 + SHUFFLES)."""
        self.left = without(self.known, self.results)
        """What the model leaves of them."""
        self.free = results.size - self.known.shape[1]
        self.total = float(results @ results)
        alone = own(constant, [term.columns for term in of])
        noise = np.maximum((self.left**2).sum(axis=0) / self.free, _TINY)
        self._noise = float(noise[0])
        self._counts: list[int] = [columns.shape[1] for columns in alone]
        sums = [((columns.T @ self.results) ** 2).sum(axis=0) for columns in alone]
        self._sums = [float(each[0]) for each in sums]
        ps = np.array([_f_test(s, noise, self.free, c) for s, c in zip(sums, self._counts, strict=True)])
        self._least = ps.min(axis=0)
        self.p_values = [_at_most(self._least, p) for p in ps[:, 0]]
        """Of each term, corrected for the number of terms: how often the luckiest of all does as well when shuffled."""

    def predicted(self, pair: Sequence[Term] = ()) -> float:
        """Share of the variation that the model, with the product of `pair`, predicts of each trial from the others."""
        known = self.known
        if pair:
            known = np.column_stack([known, beyond(known, _product(*pair))])
        return predicted(known, without(known, self.results[:, 0]), self.total)

    def share(self, number: int) -> float:
        """What a term explains beyond the noise that it catches, as a share of the whole variation."""
        beyond_noise = max(0.0, self._sums[number] - self._counts[number] * self._noise)
        return min(1.0, beyond_noise / self.total)

    def needed(self, number: int, alpha: float) -> float:
        """The share at which the term's p-value comes to `alpha`, all else being as it is."""
        from scipy.special import fdtri

        count = self._counts[number]
        if not count:
            return 1.0
        limit = float(np.sort(self._least)[max(int(alpha * self._least.size) - 1, 0)])
        ratio = float(fdtri(count, self.free, 1 - limit))
        return float(min(1.0, count * max(ratio - 1, 0.0) * self._noise / self.total))


def predicted(known: Array, left: Array, total: float) -> float:
    """The share of the variation `total` that least squares on `known` predict of each row from the others, at least 0.

    `left` is what they leave, shape (n,).
    """
    leverage = np.minimum((known**2).sum(axis=1), 1 - 1e-9)
    missed = left / (1 - leverage)
    return max(0.0, 1 - float(missed @ missed) / total)


def products_of_pairs(model: Additive, pairs: Sequence[tuple[Term, Term]]) -> tuple[int, float, float] | None:
    """The pair whose product of slopes explains the most of what the model leaves.

    Its number, the share of that, and its p-value, corrected for the number of pairs; None where none can be told.
    What a bend of the metric's scale would explain is taken off first: the square of the additive fit (Tukey 1949, One
    degree of freedom for non-additivity, Biometrics 5, 232-242). It is no interaction that another scale removes.
    """
    added = [beyond(model.known, _product(*pair)) for pair in pairs]
    tested = [number for number, columns in enumerate(added) if 0 < 2 * columns.shape[1] < model.free]
    if not tested:
        return None
    fit = model.results - model.left
    bend = without(model.known, fit**2)
    lengths = np.linalg.norm(bend, axis=0)
    bend = bend / np.where(lengths > 1e-9 * (fit**2).sum(axis=0), np.maximum(lengths, _TINY), np.inf)
    left = model.left - bend * (bend * model.left).sum(axis=0)
    whole = np.maximum((left**2).sum(axis=0), _TINY)
    explained = [_explained(added[number], bend, left) for number in tested]
    counts = [added[number].shape[1] for number in tested]
    ps = np.array(
        [
            _f_test(sums, np.maximum(whole - sums, _TINY) / (model.free - 1 - count), model.free - 1 - count, count)
            for sums, count in zip(explained, counts, strict=True)
        ]
    )
    first = int(ps[:, 0].argmin())
    return tested[first], float(explained[first][0] / whole[0]), _at_most(ps.min(axis=0), ps[first, 0])


def _product(first: Term, second: Term) -> Array:
    return products(first.slopes_of(first.columns), second.slopes_of(second.columns))


def _explained(columns: Array, bend: Array, left: Array) -> Array:
    """What orthonormal columns explain of each shuffle, its own bend taken off them, shape (1 + SHUFFLES,)."""
    along, by = columns.T @ bend, columns.T @ left
    # The inverse of I - a a', for the part a of the columns that the bend explains (Sherman and Morrison).
    kept = np.maximum(1 - (along**2).sum(axis=0), 1e-9)
    return np.asarray((by**2).sum(axis=0) + (along * by).sum(axis=0) ** 2 / kept)


def _f_test(sums: Array, noise: Array, free: int, count: int) -> Array:
    """P-values of sums of squares of `count` columns against the noise of one, shape (m,); 1 where there are none."""
    from scipy.special import fdtrc

    return np.asarray(fdtrc(count, free, sums / count / noise)) if count else np.ones(noise.size)


def _at_most(seen: Array, p_value: float) -> float:
    return float((seen <= p_value * (1 + 1e-9)).mean())
