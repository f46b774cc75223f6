"""What a pursuit may spend: training steps, or hours in which trials train."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from playbook_cli.errors import PlaybookError
from playbook_cli.spec.model import seconds

_HINT = "give training steps (--budget 200000) or training time (--budget 8h, --budget 1h30m)"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Either training steps or seconds; the other one is None."""

    steps: int | None = None
    seconds: float | None = None

    def in_steps(self, spent: int, took: float, pace: float | None) -> int:
        """The budget in steps, given the steps spent so far and the seconds that they took.

        `pace` is the seconds per step that one short trial showed, for a study that has trained nothing yet.
        """
        if self.steps is not None:
            return self.steps
        per_step = took / spent if spent and took > 0.0 else pace
        if not per_step:
            return 0
        return spent + max(0, math.floor(((self.seconds or 0.0) - took) / per_step))


def parsed(text: str) -> Budget:
    """What `--budget` says: 200000, 1e6, 8h or 1h30m. PlaybookError for anything else."""
    if re.search(r"[a-z]$", text.strip()):
        try:
            time = seconds(text.strip())
        except ValueError:
            time = None
        if not isinstance(time, float) or time <= 0.0:
            raise PlaybookError(f"--budget {text}: this is neither a number of steps nor a duration", hint=_HINT)
        return Budget(seconds=time)
    try:
        count = float(text.replace("_", "").replace(",", ""))
    except ValueError:
        count = math.nan
    if not (1.0 <= count < 2**53 and count == int(count)):
        raise PlaybookError(f"--budget {text}: this is not a number of training steps", hint=_HINT)
    return Budget(steps=int(count))
