"""AdamW's timescale: over how many steps its weight decay forgets what the weights were."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from playbook_cli.spec.tiers import SELECTORS, usual_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.records import Value

_ADAMW = re.compile(r"(^|[._])adam_?w($|[^a-z])")


def timescale(params: Mapping[str, Value]) -> float | None:
    """1 / (learning rate x weight decay) in steps; None where a trial is not known to be AdamW's, or decays nothing.

    Weights under AdamW are a moving average of its updates with this timescale (Wang and Aitchison 2024, arXiv
    2405.13698), at the learning rate that the trial is given; a schedule below it makes it longer. An L2 penalty, as
    in Adam or SGD, has none. A trial is AdamW's where a hyperparameter, a fixed one too, says so: `optimizer: adamw`.
    """
    if not any(_ADAMW.search(str(params[name]).lower()) for name in SELECTORS if name in params):
        return None
    forgotten = _number(params, "learning_rate") * _number(params, "weight_decay")
    return 1.0 / forgotten if forgotten > 0.0 and math.isfinite(1.0 / forgotten) else None


def _number(params: Mapping[str, Value], usual: str) -> float:
    """The hyperparameter that is usually called so; 0 where the trial has none, or it is no finite number."""
    value = next((params[name] for name in params if usual_name(name) == usual), None)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0
