"""Learning-rate schedules, as plain functions of the step and as a torch scheduler.

    schedule = scheduler(optimizer, "cosine", max_train_steps=trial.max_train_steps, warmup_steps=20)
    for step in trial.steps(model=model, optimizer=optimizer, schedule=schedule):
        ...
        optimizer.step()
        schedule.step()

Updates count from 1. A warmup of w updates comes first and rises in equal steps, all of them below the base rate:
1/(w+1), 2/(w+1), ..., w/(w+1). Then the rate stays at 1 up to the decay, which takes the last `decay_steps` updates: by
default all that the warmup leaves, and a fifth of max_train_steps in warmup-stable-decay. A decay begins with an update
at 1 and would be at 0 one update after the last, so that no update is spent at a rate of 0. Only the standard library
is imported, until a scheduler needs torch.
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
"""Share of max_train_steps that its decay takes by default; Playbook's own choice (Haegele et al. find 10 to 20%)."""


def multiplier(
    schedule: str, step: int, *, max_train_steps: int, warmup_steps: float = 0, decay_steps: float | None = None
) -> float:
    """The factor in [0, 1] on the base learning rate at update `step` (from 1); 0 beyond the end of a decay.

    `schedule` is a name in SCHEDULES; ProtocolError where it is not, or where `decay_steps` is negative. `decay_steps`
    is the length of the decay of `linear` and `warmup-stable-decay`, at most what the warmup leaves; the other two have
    no use for it.
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
    """The update after which the decay begins, where updates at the base rate come before it; None where none do.

    Training up to there is the same however long it goes on: a longer run can begin at a checkpoint of it.
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
    """`multiplier` on the learning rates that `optimizer` has now; call its `step()` after every update.

    Its state restores exactly: a resumed training uses the same learning rates as one that was never interrupted.
    """
    from playbook_cli.schedules.lambda_lr import ScheduleLR

    def factor(step: int) -> float:
        return multiplier(
            schedule, step, max_train_steps=max_train_steps, warmup_steps=warmup_steps, decay_steps=decay_steps
        )

    held = stable_steps(schedule, max_train_steps=max_train_steps, warmup_steps=warmup_steps, decay_steps=decay_steps)
    return ScheduleLR(optimizer, factor, held)


def constant(done: float) -> float:
    """Always 1; `done` is the share of the decay that lies behind, as for all of them."""
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
"""Each takes the share of its decay that lies behind, in [0, 1], and returns a factor in [0, 1]."""
HOLDING = ("linear", WSD)
"""Schedules that can stay at the base rate before they decay."""


def _shape(schedule: str) -> Callable[[float], float]:
    try:
        return SCHEDULES[schedule]
    except KeyError:
        raise ProtocolError(
            f"there is no learning-rate schedule {schedule!r}", hint=f"write one of {', '.join(SCHEDULES)}"
        ) from None


def _decay(schedule: str, max_train_steps: int, warmup_steps: float, decay_steps: float | None) -> float:
    """Updates that the decay takes."""
    if decay_steps is not None and decay_steps < 0:
        raise ProtocolError(f"a decay takes 0 steps or more, not {decay_steps}", hint="write decay_steps: 100, say")
    left = max(max_train_steps - warmup_steps, 0)
    if schedule in HOLDING and decay_steps is not None:
        return min(decay_steps, left)
    return min(max(round(WSD_DECAY * max_train_steps), 1), left) if schedule == WSD else left
