"""How far results would move on other validation examples, where the metric is a share of a known number of them.

Trials of a study, their repeats and both sides of a comparison are measured on one validation set. New training seeds
take the luck of the seed out of a result, but neither the luck of the examples nor what was selected to fit them
(L. Schneider et al. 2025, arXiv 2506.19540).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from playbook_cli.analysis.contrast import Contrast, error_of, quantile

if TYPE_CHECKING:
    from playbook_cli.analysis.comparison import Comparison
    from playbook_cli.records import Metric


def variance(metric: Metric, value: float) -> float | None:
    """Binomial variance of an error or accuracy of this size; None where the metric is no such share."""
    if metric.examples is None or not 0.0 <= value <= 1.0:
        return None
    return value * (1.0 - value) / metric.examples


def half(metric: Metric, value: float) -> float | None:
    """Half the width of the 95% interval of such a share over other examples."""
    own = variance(metric, value)
    return None if own is None else quantile(math.inf) * math.sqrt(own)


def on_other_examples(compared: Comparison, metric: Metric) -> Contrast | None:
    """The gain on other examples; None where the metric is no share of a known number of them.

    The two sides count as measured on examples of their own. They share them, which mostly makes the difference
    steadier, so this errs on the wide side; it takes per-example results to do better.
    """
    parts = [variance(metric, metric.loss(side.level)) for side in (compared.baseline, compared.candidate)]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    error, freedom = error_of([(compared.error**2, compared.freedom), *((part, math.inf) for part in known)])
    return Contrast(gain=compared.gain, error=error, freedom=freedom, alpha=compared.alpha)
