"""A schedule as a torch scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LambdaLR

from playbook_cli.schedules import multiplier, stable_steps

if TYPE_CHECKING:
    from torch.optim import Optimizer


class ScheduleLR(LambdaLR):
    """Sets the learning rates of the update to come: the base rates times the schedule's factor."""

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: str,
        *,
        max_train_steps: int,
        warmup_steps: float = 0,
        decay_steps: float | None = None,
    ) -> None:
        self.stable_steps = stable_steps(
            schedule, max_train_steps=max_train_steps, warmup_steps=warmup_steps, decay_steps=decay_steps
        )
        """The update after which the decay begins, for `trial.steps(keep=...)`; None where nothing is held before."""

        def factor(made: int) -> float:
            return multiplier(
                schedule,
                made + 1,
                max_train_steps=max_train_steps,
                warmup_steps=warmup_steps,
                decay_steps=decay_steps,
            )

        super().__init__(optimizer, factor)

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
