"""Turns a point of the search space into a trial of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.records import TrialRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Value
    from playbook_cli.spec.space import Space


def planned(space: Space, arm: Mapping[str, Value], point: Sequence[float], *, number: int, seed: int) -> TrialRecord:
    """The pending trial `number` at `point` of the unit cube in `arm`."""
    return TrialRecord(id=number, params=space.params(arm, point), arm=arm, seed=trial_seed(seed, number))


def trial_seed(study_seed: int, number: int) -> int:
    """The seed of one trial, from 0 to 2**31 - 1: independent between trials and between studies."""
    import numpy as np

    return int(np.random.SeedSequence([study_seed, number]).generate_state(1)[0] >> 1)
