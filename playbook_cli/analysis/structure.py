"""Whether results follow the hyperparameters at all, or scatter as if only the training seed mattered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from playbook_cli.analysis import outcomes
from playbook_cli.analysis.attainable import places
from playbook_cli.analysis.process import fit, surprise_of_noise
from playbook_cli.analysis.widening import normal_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import Metric, Parameter, TrialRecord

_TRIALS = 80
"""Of more trials so many are taken, evenly: the time grows with the cube of their number."""


def structure(groups: Sequence[Sequence[TrialRecord]], parameters: Sequence[Parameter], metric: Metric) -> float:
    """Logarithm of how much likelier the results are by a Gaussian process over `parameters` than as noise alone.

    `groups` of ended trials, as arms have them: the ranks within each are looked at. 0 without two different results.
    """
    done = [own for group in groups if (own := outcomes.feasible(group))]
    trials = [trial for own in done for trial in own]
    scores = np.concatenate([normal_scores(outcomes.losses(own, metric)) for own in done]) if done else np.zeros(0)
    if not scores.size or not np.ptp(scores):
        return 0.0
    kept = np.unique(np.linspace(0, scores.size - 1, min(scores.size, _TRIALS)).round().astype(int))
    units, codes = places([trials[number] for number in kept], parameters)
    if not units.shape[1] + codes.shape[1]:
        return 0.0
    with threadpool_limits(1, "blas"):  # the matrices are small: where cores are busy, threads cost ten times as much
        found = surprise_of_noise(scores[kept]) - fit(units, codes, scores[kept]).surprise
    return found if math.isfinite(found) else 0.0
