"""How many trials make an optimizer's hyperparameters worth tuning, by the names that programs give them."""

from __future__ import annotations

import re
from dataclasses import dataclass

SELECTORS = ("optimizer", "optim", "opt", "optimizer_name", "optimizer_type")
"""Names of hyperparameters that choose the optimizer."""
_PREFIX = re.compile(r"^(optimizer|optim|adamw|adam|sgd)[._]")
_COMPLEMENT = re.compile(r"^one_minus_")
_NAMES = {
    "lr": "learning_rate",
    "base_lr": "learning_rate",
    "base_learning_rate": "learning_rate",
    "peak_lr": "learning_rate",
    "max_lr": "learning_rate",
    "wd": "weight_decay",
    "mom": "momentum",
    "beta_1": "beta1",
    "b1": "beta1",
    "beta_2": "beta2",
    "b2": "beta2",
    "eps": "epsilon",
}


@dataclass(frozen=True, kw_only=True)
class Tier:
    """A hyperparameter of optimizers, and the number of trials from which a study can afford to tune it."""

    name: str
    trials: int
    whose: str


_PLAYBOOK, _OWN = "from the Google playbook", "default"
TIERS = {
    tier.name: tier
    for tier in (
        Tier(name="learning_rate", trials=1, whose=_PLAYBOOK),
        Tier(name="momentum", trials=10, whose=_OWN),
        Tier(name="beta1", trials=10, whose=_PLAYBOOK),
        Tier(name="weight_decay", trials=16, whose=_OWN),
        Tier(name="epsilon", trials=25, whose=_PLAYBOOK),
        Tier(name="beta2", trials=50, whose=_OWN),
    )
}
"""In the order in which they are worth tuning. The playbook (how should Adam's hyperparameters be tuned?): under 10
trials only the learning rate, 10 to 25 also beta1, 25 and more also epsilon, substantially more also beta2. That this
means 50, that momentum is tuned like beta1, and the number for AdamW's weight decay are defaults of ours."""


def usual_name(name: str) -> str:
    """A hyperparameter's name in the tiers: learning_rate for `lr`, beta1 for `one_minus_beta1` and `adam_beta1`."""
    plain = _COMPLEMENT.sub("", _PREFIX.sub("", name.lower()))
    return _NAMES.get(plain, plain)


def tier(name: str) -> Tier | None:
    """The tier of a hyperparameter with this name; None if it doesn't belong to an optimizer."""
    return TIERS.get(usual_name(name))


def needed(ranges: int, offsets: int = 0) -> int:
    """Trials with a result that the report needs to judge the edges of this many ranges, searched together.

    Its test fits a line and a square to each range, and a level to each of the `offsets`: the number of values of each
    category, less one.
    """
    return 2 * (1 + offsets + 2 * ranges)
