"""Trials whose learning rates are listed one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.records import TrialRecord
from playbook_cli.sampling.planned import trial_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.space import Space


class ListedSampler:
    """Gives the next trials these learning rates, and all trials of the study one seed.

    So they differ in nothing but the learning rate, and one that is repeated repeats itself.
    """

    def __init__(self, parameter: str, rates: Sequence[float], seed: int) -> None:
        self._parameter = parameter
        self._rates = rates
        self._seed = trial_seed(seed, 0)

    def suggest(self, space: Space, history: Sequence[TrialRecord], count: int) -> list[TrialRecord]:
        first = len(history)
        return [
            TrialRecord(
                id=first + offset, params={self._parameter: rate, **space.fixed}, arm=space.first_arm, seed=self._seed
            )
            for offset, rate in enumerate(self._rates[:count])
        ]
