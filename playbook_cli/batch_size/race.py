"""How long each probe trains: long enough to be timed, by what a step of the smaller size took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.batch_size.setting import LONG, SHORT, every
from playbook_cli.batch_size.sizes import size_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.batch_size.setting import Setting
    from playbook_cli.batch_size.sizes import Size
    from playbook_cli.records import TrialRecord


FASTEST = 1e-4
"""Seconds of a step that was too short to be timed."""


class ProbeRace:
    """Tells each probe after how many steps to evaluate, and to stop. `known` are the sizes that were probed before."""

    def __init__(self, setting: Setting, known: Sequence[Size]) -> None:
        self._setting = setting
        self._known = known

    def environment(self, trial: TrialRecord) -> Mapping[str, str]:
        interval = every(self._setting.steps, self._seconds(size_of(trial, self._setting.parameter)))
        return {
            "PLAYBOOK_EVAL_EVERY": str(interval),
            "PLAYBOOK_EVALUATE_FROM": str(LONG * interval + 1),
            "PLAYBOOK_STOP_STEP": str(LONG * interval + SHORT),
        }

    def over(self, trial: TrialRecord) -> str | None:
        """None: the probe itself ends its program."""
        del trial
        return None

    def _seconds(self, batch_size: int) -> float | None:
        """What a step of this size will take: as much as measured, or up to twice as much as one of half the size."""
        if any(size.batch_size == batch_size and size.timing is None for size in self._known):
            return FASTEST
        timed = [size for size in self._known if size.timing is not None and size.batch_size <= batch_size]
        if not timed or timed[-1].timing is None:
            return None
        return timed[-1].timing.seconds * (1.0 if timed[-1].batch_size == batch_size else 1.5)
