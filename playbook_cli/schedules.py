"""Learning-rate schedules as plain functions: which share of the base learning rate an update uses.

    for group in optimizer.param_groups:
        group["lr"] = base * multiplier("cosine", step, max_train_steps=trial.max_train_steps, warmup_steps=20)

Updates count from 1. A warmup of w updates comes first and rises in equal steps, all of them below the base rate:
1/(w+1), 2/(w+1), ..., w/(w+1). The schedule proper starts after it, at 1, and fills what is left of max_train_steps.
A decay would be at 0 one update after the last, so that no update is spent at a rate of 0.
"""

from __future__ import annotations

import math

from playbook_cli.errors import ProtocolError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def multiplier(schedule: str, step: int, *, max_train_steps: int, warmup_steps: float = 0) -> float:
    """The factor in [0, 1] on the base learning rate at update `step` (from 1); 0 beyond the end of a decay.

    `schedule` is a name in SCHEDULES; ProtocolError where it is not.
    """
    try:
        shape = SCHEDULES[schedule]
    except KeyError:
        raise ProtocolError(
            f"there is no learning-rate schedule {schedule!r}", hint=f"write one of {', '.join(SCHEDULES)}"
        ) from None
    if step <= warmup_steps:
        return step / (warmup_steps + 1)
    done = (step - 1 - warmup_steps) / max(max_train_steps - warmup_steps, 1)
    return shape(min(max(done, 0.0), 1.0))


def constant(done: float) -> float:
    """Always 1; `done` is the share of the schedule that lies behind, as for all of them."""
    del done
    return 1.0


def linear(done: float) -> float:
    """A straight line from 1 to 0."""
    return 1.0 - done


def cosine(done: float) -> float:
    """Half a cosine wave from 1 to 0: slow, fast, slow."""
    return 0.5 * (1.0 + math.cos(math.pi * done))


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "linear": linear, "cosine": cosine}
"""Each takes the share of the schedule that lies behind, in [0, 1], and returns a factor in [0, 1]."""
