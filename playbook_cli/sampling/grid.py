"""The full grid."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from playbook_cli.sampling.planned import planned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.space import Space


class GridSampler:
    """Every combination once, alternating between arms."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def suggest(self, space: Space, history: Sequence[TrialRecord], count: int) -> list[TrialRecord]:
        columns = [[(arm, point) for point in space.grid(arm)] for arm in space.arms]
        rows = itertools.zip_longest(*columns)
        points = [cell for row in rows for cell in row if cell is not None]
        first = len(history)
        return [
            planned(space, arm, point, number=first + offset, seed=self._seed)
            for offset, (arm, point) in enumerate(points[first : first + count])
        ]
