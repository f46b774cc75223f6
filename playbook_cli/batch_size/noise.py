"""The gradient noise scale: the batch size at which noise and signal of the gradient are equal, as a script reports it.

A script reports it as `grad_noise_scale`; or it reports the squared norm of the gradient over a small and over a large
batch of the same step, as `grad_sq_small` and `grad_sq_large`, with their sizes `batch_small` and `batch_large`
(micro-batches and their mean, say, or one worker's gradient and that of all), and it is computed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from playbook_cli.records import Curve

METRIC = "grad_noise_scale"
NORMS = ("grad_sq_small", "grad_sq_large", "batch_small", "batch_large")


def noise_scale(curve: Curve | None, until: int) -> float | None:
    """The noise scale over the evaluations up to a step, in examples; None if it is not reported or not positive.

    From the norms it is the ratio of the two means (McCandlish et al. 2018, arXiv 1812.06162, appendix A.1): each
    estimate alone is unbiased, their ratio in a single step is not.
    """
    if curve is None:
        return None
    rows = curve.steps <= until
    if METRIC in curve.values:
        values = curve.values[METRIC][rows]
        finite = values[np.isfinite(values)]
        return float(np.median(finite)) if len(finite) else None
    if not all(name in curve.values for name in NORMS):
        return None
    small, large, b, big = (curve.values[name][rows] for name in NORMS)
    good = np.isfinite(small + large + b + big) & (big > b) & (b > 0)
    if not good.any():
        return None
    small, large, b, big = small[good], large[good], b[good], big[good]
    signal = float(((big * large - b * small) / (big - b)).mean())
    noise = float(((small - large) / (1.0 / b - 1.0 / big)).mean())
    return noise / signal if signal > 0.0 and noise > 0.0 else None
