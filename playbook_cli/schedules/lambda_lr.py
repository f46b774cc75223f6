"""A schedule as a torch scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LambdaLR

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.optim import Optimizer


class ScheduleLR(LambdaLR):
    """Sets the learning rates of the next update: the base rates times the schedule's factor."""

    def __init__(self, optimizer: Optimizer, factor: Callable[[int], float], stable_steps: int | None) -> None:
        """`factor` takes the number of an update, from 1."""
        self.stable_steps = stable_steps
        """The update after which the decay begins, for `trial.steps(keep=...)`; None without a constant phase."""
        super().__init__(optimizer, lambda made: factor(made + 1))

    def state_dict(self) -> dict[str, Any]:
        """The number of updates made, and the base rates; not the schedule, which the script sets."""
        return {"made": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume after that number of updates, at this schedule's rates."""
        self.last_epoch = state_dict["made"]
        self._step_count = self.last_epoch + 1
        self.base_lrs = list(state_dict["base_lrs"])
        self._last_lr = [
            base * factor(self.last_epoch) for base, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)
        ]
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate
