"""Learning-rate schedules, as plain functions of the step and as a torch scheduler.

    schedule = scheduler(optimizer, "cosine", max_train_steps=trial.max_train_steps, warmup_steps=20)
    for step in trial.steps(model=model, optimizer=optimizer, schedule=schedule):
        ...
        optimizer.step()
        schedule.step()

Updates count from 1. A warmup of w updates comes first and rises in equal steps, all below the base rate: 1/(w+1),
2/(w+1), ..., w/(w+1). Then the factor stays at 1 until the decay, which takes the last `decay_steps` updates: by
default all updates after the warmup, or a fifth of max_train_steps in warmup-stable-decay. A decay begins with an
update at 1 and would reach 0 one update after the last, so no update is wasted at a rate of 0. Only the standard
library is imported until a scheduler needs torch.
"""

from __future__ import annotations

import math

from playbook_cli.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from torch.optim import Optimizer

    from playbook_cli.schedules.lambda_lr import ScheduleLR

WSD = "warmup-stable-decay"
WSD_DECAY = 0.2
"""Share of max_train_steps that its decay takes by default. Playbook's default (Haegele et al. find 10 to 20%)."""


def multiplier(
    schedule: str, step: int, *, max_train_steps: int, warmup_steps: float = 0, decay_steps: float | None = None
) -> float:
    """The factor in [0, 1] on the base learning rate at update `step` (from 1); 0 beyond the end of a decay.

    `schedule` is a name in SCHEDULES; ProtocolError if it is not, or if `decay_steps` is negative. `decay_steps` is the
    length of the decay of `linear` and `warmup-stable-decay`, limited to the updates after the warmup; the other two
    ignore it.
    """
    shape = _shape(schedule)
    if step <= warmup_steps:
        return step / (warmup_steps + 1)
    length = _decay(schedule, max_train_steps, warmup_steps, decay_steps)
    behind = step - 1 - (max_train_steps - length)
    return shape(min(behind / length, 1.0)) if behind > 0.0 < length else 1.0


def stable_steps(
    schedule: str, *, max_train_steps: int, warmup_steps: float = 0, decay_steps: float | None = None
) -> int | None:
    """The update after which the decay begins; None if no updates at the base rate come before it.

    Training up to there does not depend on the total length, so a longer run can begin at a checkpoint of it.
    """
    _shape(schedule)
    if schedule not in HOLDING:
        return None
    last = math.floor(max_train_steps - _decay(schedule, max_train_steps, warmup_steps, decay_steps))
    return last if max(warmup_steps, 0) < last < max_train_steps else None


def scheduler(
    optimizer: Optimizer,
    schedule: str,
    *,
    max_train_steps: int,
    warmup_steps: float = 0,
    decay_steps: float | None = None,
) -> ScheduleLR:
    """A scheduler that multiplies the current learning rates of `optimizer`; call its `step()` after every update.

    Its state restores exactly: resumed training uses the same learning rates as training that was never interrupted.
    """
    from playbook_cli.schedules.lambda_lr import ScheduleLR

    def factor(step: int) -> float:
        return multiplier(
            schedule, step, max_train_steps=max_train_steps, warmup_steps=warmup_steps, decay_steps=decay_steps
        )

    held = stable_steps(schedule, max_train_steps=max_train_steps, warmup_steps=warmup_steps, decay_steps=decay_steps)
    return ScheduleLR(optimizer, factor, held)


def constant(done: float) -> float:
    """Always 1; `done` is the completed share of the decay, as in all schedules."""
    del done
    return 1.0


def linear(done: float) -> float:
    """A straight line from 1 to 0."""
    return 1.0 - done


def cosine(done: float) -> float:
    """Half a cosine wave from 1 to 0: slow, fast, slow."""
    return 0.5 * (1.0 + math.cos(math.pi * done))


def one_minus_sqrt(done: float) -> float:
    """Fast at first: 1 - sqrt((n - (N - Nd)) / Nd) of Haegele et al. 2024, arXiv 2405.18392."""
    return 1.0 - math.sqrt(done)


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    WSD: one_minus_sqrt,
}
"""Each takes the completed share of its decay, in [0, 1], and returns a factor in [0, 1]."""
HOLDING = ("linear", WSD)
"""Schedules that can stay at the base rate before they decay."""


def _shape(schedule: str) -> Callable[[float], float]:
    try:
        return SCHEDULES[schedule]
    except KeyError:
        raise ProtocolError(
            f"there is no learning-rate schedule {schedule!r}", hint=f"use one of {', '.join(SCHEDULES)}"
        ) from None


def _decay(schedule: str, max_train_steps: int, warmup_steps: float, decay_steps: float | None) -> float:
    """Number of updates that the decay takes."""
    if decay_steps is not None and decay_steps < 0:
        what = f"decay_steps must be 0 or more, not {decay_steps}"
        raise ProtocolError(what, hint="for example: decay_steps: 100")
    left = max(max_train_steps - warmup_steps, 0)
    if schedule in HOLDING and decay_steps is not None:
        return min(decay_steps, left)
    return min(max(round(WSD_DECAY * max_train_steps), 1), left) if schedule == WSD else left
