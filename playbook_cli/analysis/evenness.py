"""Whether trials are spread over the space as a search that ignores its results spreads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.analysis.terms import Array, Term
    from playbook_cli.records import Parameter

_CHANCE = 0.01
"""Points of a random search look crowded so often, in any of the hyperparameters of a study."""
_EXPECTED = 5
"""Fewest trials that each group of integers is to have by chance, for the chi-squared test to hold."""


def crowded(of: Sequence[Term]) -> list[str]:
    """Labels of the hyperparameters whose values lie closer together than a random search would put them.

    Kolmogorov and Smirnov's test against an even spread for a range, a chi-squared test against equal shares for
    choices and for a range with few values, as a grid has. Integers are tested against their own shares, which are not
    equal on a log scale; few of them, from end to end as in a grid, crowd only where their counts are not equal either.
    """
    return [term.parameter.label for term in of if _p_value(term) * len(of) < _CHANCE]


def _p_value(term: Term) -> float:
    units = term.units[term.present]
    places, found = np.unique(units, return_counts=True)
    counts = found.astype(np.float64)
    parameter = term.parameter
    few = parameter.kind == "choice" or 2 * counts.size <= units.size
    equal = _of_counts(counts, np.full(counts.size, units.size / counts.size)) if few else 0.0
    if parameter.kind == "int":
        ends = [parameter.to_unit(parameter.low), parameter.to_unit(parameter.high)]
        as_grid = equal if [places[0], places[-1]] == ends else 0.0
        return max(as_grid, _of_counts(*_in_shares(parameter, places, counts)))
    if few:
        return equal
    from scipy.stats import kstest

    return float(kstest(units, "uniform").pvalue)


def _of_counts(counts: Array, expected: Array) -> float:
    """Chance that counts differ so much from those expected, both of shape (k,)."""
    from scipy.special import chdtrc

    return float(chdtrc(counts.size - 1, ((counts - expected) ** 2 / expected).sum())) if counts.size > 1 else 1.0


def _in_shares(parameter: Parameter, places: Array, counts: Array) -> tuple[Array, Array]:
    """Trials at neighbouring integers together, and how many a random search would put there.

    An integer without a trial goes with the next one that has some; `places` are in unit space, in order.
    """
    values = [cast("int", parameter.from_unit(float(place))) for place in places]
    upto = counts.sum() * np.array([*(parameter.share(value)[1] for value in values[:-1]), 1.0])
    last, begun = [], 0.0
    for index, reached in enumerate(upto[:-1]):
        if reached - begun >= _EXPECTED <= upto[-1] - reached:
            last.append(index)
            begun = reached
    last.append(upto.size - 1)
    return np.diff(np.cumsum(counts)[last], prepend=0), np.diff(upto[last], prepend=0.0)
