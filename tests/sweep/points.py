"""Points of sweeps, for tests."""

from __future__ import annotations

from typing import Any

from playbook_cli.sweep.points import Point
from playbook_cli.sweep.target import Fit


def point(rate: float, steps: int | None = None, **changes: Any) -> Point:
    """A learning rate that fits after `steps`, located exactly; or does not, and comes as close as 0.5."""
    known: dict[str, Any] = {
        "learning_rate": rate,
        "state": "completed",
        "reason": None,
        "fit": None if steps is None else Fit(step=steps, before=steps - 1),
        "refined": False,
        "last_step": steps or 200,
        "evaluated": steps or 200,
        "cut_short": False,
        "closest": 0.0 if steps else 0.5,
        "distance": 0.0 if steps else 0.5,
        "loss": "train_loss",
        "last_loss": 0.7,
        "loss_change": -0.1,
    }
    return Point(**known | changes)


def diverged(rate: float) -> Point:
    return point(rate, state="infeasible", reason="train_loss is nan at step 4", closest=1.0, distance=1.0, last_step=4)


def crashed(rate: float) -> Point:
    return point(rate, state="failed", reason="it crashed with exit code 1", closest=None, distance=None, last_step=0)


def coarsely(rate: float, step: int, before: int, *, refined: bool = False) -> Point:
    """A learning rate whose fit is known to lie after `before`, and not after `step`."""
    return point(rate, step, fit=Fit(step=step, before=before), refined=refined)
