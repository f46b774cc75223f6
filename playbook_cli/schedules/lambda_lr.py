"""A schedule as a torch scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LambdaLR

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.optim import Optimizer


class ScheduleLR(LambdaLR):
    """Sets the learning rates of the update to come: the base rates times the schedule's factor."""

    def __init__(self, optimizer: Optimizer, factor: Callable[[int], float], stable_steps: int | None) -> None:
        """`factor` takes the number of the update, from 1."""
        self.stable_steps = stable_steps
        """The update after which the decay begins, for `trial.steps(keep=...)`; None where nothing is held before."""
        super().__init__(optimizer, lambda made: factor(made + 1))

    def state_dict(self) -> dict[str, Any]:
        """How many updates were made, and the base rates; not the schedule, which the script decides."""
        return {"made": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after so many updates, at the rates that this schedule has there."""
        self.last_epoch = state_dict["made"]
        self._step_count = self.last_epoch + 1
        self.base_lrs = list(state_dict["base_lrs"])
        self._last_lr = [
            base * factor(self.last_epoch) for base, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)
        ]
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate
