"""Optimizers as studies tune them: which of their hyperparameters, over which ranges, from how many trials on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.spec.tiers import TIERS, needed, usual_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.spec.tiers import Tier


@dataclass(frozen=True, kw_only=True)
class Knob:
    """A hyperparameter of an optimizer: its range where it is tuned, its value where it is not.

    The ranges are Playbook's own; the boundary rule says where they end too early.
    """

    name: str
    low: float
    high: float
    default: float

    @property
    def tier(self) -> Tier:
        return TIERS[usual_name(self.name)]

    @property
    def setting(self) -> dict[str, Any]:
        """As a study file has it; all are factors, so all scales are logarithms."""
        return {"min": self.low, "max": self.high, "scale": "log"}


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """An optimizer of torch, and its hyperparameters in the order in which they are worth tuning."""

    title: str
    constructor: str
    arguments: tuple[str, ...] = ()
    """Of the constructor beside the learning rate, in a script that has its hyperparameters in `p`."""
    knobs: tuple[Knob, ...]
    family: tuple[str, ...]
    """What programs call it, the most precise name first."""


def _rate(low: float, high: float, default: float) -> Knob:
    return Knob(name="learning_rate", low=low, high=high, default=default)


_MOMENTUM = Knob(name="one_minus_momentum", low=1e-2, high=0.5, default=0.1)
_BETA1 = Knob(name="one_minus_beta1", low=1e-2, high=0.5, default=0.1)
_BETA2 = Knob(name="one_minus_beta2", low=1e-4, high=0.1, default=1e-3)
_EPSILON = Knob(name="epsilon", low=1e-10, high=1e-4, default=1e-8)
_DECAY = Knob(name="weight_decay", low=1e-4, high=1.0, default=1e-2)
_MOMENTUM_GIVEN = 'momentum=1 - p["one_minus_momentum"]'
_ADAM = ('betas=(1 - p["one_minus_beta1"], 1 - p["one_minus_beta2"])', 'eps=p["epsilon"]')
OPTIMIZERS = {
    "sgd": Optimizer(title="SGD", constructor="torch.optim.SGD", knobs=(_rate(1e-2, 10.0, 0.3),), family=("sgd",)),
    "momentum": Optimizer(
        title="SGD with momentum",
        constructor="torch.optim.SGD",
        arguments=(_MOMENTUM_GIVEN,),
        knobs=(_rate(1e-3, 1.0, 0.05), _MOMENTUM),
        family=("momentum", "sgd_momentum", "sgdm", "sgd"),
    ),
    "nesterov": Optimizer(
        title="SGD with Nesterov momentum",
        constructor="torch.optim.SGD",
        arguments=(_MOMENTUM_GIVEN, "nesterov=True"),
        knobs=(_rate(1e-3, 1.0, 0.05), _MOMENTUM),
        family=("nesterov", "sgd_nesterov", "momentum", "sgdm", "sgd"),
    ),
    "adam": Optimizer(
        title="Adam",
        constructor="torch.optim.Adam",
        arguments=_ADAM,
        knobs=(_rate(1e-4, 0.1, 3e-3), _BETA1, _EPSILON, _BETA2),
        family=("adam",),
    ),
    "adamw": Optimizer(
        title="AdamW",
        constructor="torch.optim.AdamW",
        arguments=(*_ADAM, 'weight_decay=p["weight_decay"]'),
        knobs=(_rate(1e-4, 0.1, 3e-3), _BETA1, _DECAY, _EPSILON, _BETA2),
        family=("adamw", "adamw_torch", "adam_w"),
    ),
    "nadam": Optimizer(
        title="NAdam",
        constructor="torch.optim.NAdam",
        arguments=_ADAM,
        knobs=(_rate(1e-4, 0.1, 3e-3), _BETA1, _EPSILON, _BETA2),
        family=("nadam",),
    ),
}


def optimizer_named(name: str) -> Optimizer:
    """The optimizer of this name. PlaybookError where there is none."""
    if name.lower() not in OPTIMIZERS:
        raise PlaybookError(f"--optimizer {name}: there is no such optimizer", hint=f"it is one of {_all()}")
    return OPTIMIZERS[name.lower()]


def _all() -> str:
    return ", ".join(OPTIMIZERS)


def affordable(names: Sequence[str], trials: int, offsets: int, *, already: int = 0) -> list[str]:
    """Which of these ranges so many trials can carry, the first in the order given before those behind it.

    Each needs its tier, and trials enough that the report can judge the edges of all of them; the first of a study is
    always tuned. `offsets` is as of `needed`; `already` ranges are searched anyway.
    """
    taken: list[str] = []
    for name in names:
        own = TIERS.get(usual_name(name))
        count = already + len(taken)
        if own is not None and trials < own.trials:
            continue
        if count == 0 or trials >= needed(count + 1, offsets):
            taken.append(name)
    return taken


def shared(trials: int, arms: int) -> int:
    """`trials`. PlaybookError where so many arms can't share them equally."""
    if trials % arms:
        below, above = trials // arms * arms, (trials // arms + 1) * arms
        raise PlaybookError(
            f"--trials {trials} can't be shared equally by the {arms} arms of the study",
            hint=f"write --trials {f'{below} or {above}' if below else above}",
        )
    return trials


def why(optimizer: Optimizer, trials: int) -> str:
    """The tiers of an optimizer, as a comment in the study file."""
    later = [knob.tier for knob in optimizer.knobs if knob.tier.trials > 1]
    said = [f"{optimizer.title} in {trials} trials: the learning rate is tuned first"]
    for whose in ("from the Google playbook", "default"):
        of = [f"{tier.name} from {tier.trials}" for tier in later if tier.whose == whose]
        if of:
            said.append(f"{' and '.join(of)} ({whose})")
    return "; ".join(said)
