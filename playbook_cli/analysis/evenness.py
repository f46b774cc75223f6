"""Whether trials are spread over the space as a search that ignores its results spreads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.analysis.terms import Term

_CHANCE = 0.01
"""Points of a random search look crowded so often, in any of the hyperparameters of a study."""


def crowded(of: Sequence[Term]) -> list[str]:
    """Labels of the hyperparameters whose values lie closer together than a random search would put them.

    Kolmogorov and Smirnov's test against an even spread for a range, a chi-squared test against equal shares for
    choices and for a range with few values, as a grid has.
    """
    return [term.parameter.label for term in of if _p_value(term) * len(of) < _CHANCE]


def _p_value(term: Term) -> float:
    units = term.units[term.present]
    counts = np.unique(units, return_counts=True)[1]
    if term.parameter.kind == "choice" or 2 * counts.size <= units.size:
        from scipy.special import chdtrc

        expected = units.size / counts.size
        return float(chdtrc(counts.size - 1, ((counts - expected) ** 2).sum() / expected))
    from scipy.stats import kstest

    return float(kstest(units, "uniform").pvalue)
