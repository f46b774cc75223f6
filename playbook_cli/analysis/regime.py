"""Whether training has fitted its training set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import curves
from playbook_cli.analysis.best_step import LAST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import TrialRecord


def fitted(trials: Sequence[TrialRecord]) -> int:
    """How many of these trials had a training error of zero for most of the last quarter."""
    return sum(map(_fitted, trials))


def _fitted(trial: TrialRecord) -> bool:
    error = curves.training_error(trial.curve)
    if error is None:
        return False
    late = error.losses[error.steps > (1 - LAST) * trial.last_step]
    return bool(late.size and float(np.median(late)) <= 0.0)
