"""Points that the study file lists one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.records import TrialRecord
from playbook_cli.sampling.continued import origin
from playbook_cli.sampling.planned import trial_seed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Value
    from playbook_cli.spec.space import Space


class PointsSampler:
    """Trial t has point t. A trial that resumes from another study's trial has that trial's seed."""

    def __init__(self, points: Sequence[Mapping[str, Value]], seed: int) -> None:
        self._points = points
        self._seed = seed

    def suggest(self, space: Space, history: Sequence[TrialRecord], count: int) -> list[TrialRecord]:
        first = len(history)
        listed = self._points[first : first + count]
        return [self._trial(space, point, number) for number, point in enumerate(listed, start=first)]

    def _trial(self, space: Space, point: Mapping[str, Value], number: int) -> TrialRecord:
        settings: dict[str, Value] = {**space.fixed, **point}
        for parameter in space.parameters:
            value = settings.get(parameter.name)
            if parameter.kind != "choice" and isinstance(value, int | float):
                settings[parameter.name] = int(value) if parameter.kind == "int" else float(value)
        names = dict.fromkeys([*(p.name for p in space.parameters), *space.fixed])
        checkpoint = point.get("from")
        return TrialRecord(
            id=number,
            params={name: settings[name] for name in names if name in settings},
            arm=space.arm_of(settings),
            seed=trial_seed(self._seed, number) if checkpoint is None else origin(str(checkpoint)).seed,
        )
