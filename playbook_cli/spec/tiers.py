"""From how many trials on an optimizer's hyperparameters are worth tuning, by the names that programs give them."""

from __future__ import annotations

import re
from dataclasses import dataclass

SELECTORS = ("optimizer", "optim", "opt", "optimizer_name", "optimizer_type")
"""Hyperparameters that say which optimizer it is."""
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
    """A hyperparameter of optimizers, and the trials from which on a study can afford to tune it."""

    name: str
    trials: int
    whose: str


_PLAYBOOK, _OWN = "the playbook's", "Playbook's own"
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
trials the learning rate alone, 10 to 25 also beta1, 25 and more also epsilon, substantially more also beta2. That 50
are substantially more, that momentum is tuned like beta1, and when AdamW's weight decay is, are Playbook's own."""


def usual_name(name: str) -> str:
    """What the tiers call a hyperparameter: `lr` is learning_rate, and `one_minus_beta1` and `adam_beta1` are beta1."""
    plain = _COMPLEMENT.sub("", _PREFIX.sub("", name.lower()))
    return _NAMES.get(plain, plain)


def tier(name: str) -> Tier | None:
    """The tier of a hyperparameter by this name; None where it is no optimizer's."""
    return TIERS.get(usual_name(name))


def needed(ranges: int, offsets: int = 0) -> int:
    """Trials with a result that the report needs to judge the edges of so many ranges, searched together.

    Its test fits a line and a square to each range, and a level to each of the `offsets`: the settings of categories,
    less one each.
    """
    return 2 * (1 + offsets + 2 * ranges)
