"""Repeats of a study's trials, with new training seeds."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from playbook_cli.records import TrialRecord
from playbook_cli.sampling.policy import Policy, Suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Repeats(Policy):
    """`seeds` repeats of each trial in `of`; trials of the search are unchanged."""

    def __init__(self, of: Sequence[int], seeds: int) -> None:
        self.of = of
        self._seeds = seeds

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        del room
        return Suggestion(trials=repeats(trials, self.of, self._seeds))

    def concerns(self, trial: TrialRecord) -> bool:
        return trial.repeat_of in self.of


def repeats(trials: Sequence[TrialRecord], of: Sequence[int], seeds: int) -> list[TrialRecord]:
    """The missing ones of `seeds` repeats of each trial in `of`, given all trials of the study; pending.

    The k-th repeat has the same seed for every trial, in this study and in every other, so that two studies can be
    compared seed by seed. Seeds of trials of the search are skipped, because their results were selected.
    """
    return missing(trials, dict.fromkeys(of, seeds))


def missing(trials: Sequence[TrialRecord], wanted: Mapping[int, int]) -> list[TrialRecord]:
    """As `repeats`, with a number of repeats for each trial."""
    known = {trial.id: trial for trial in trials}
    there = {(trial.repeat_of, trial.seed) for trial in trials}
    new = [
        (known[number], seed)
        for k, seed in enumerate(fresh(trials, max(wanted.values(), default=0)))
        for number, count in wanted.items()
        if k < count and (number, seed) not in there
    ]
    return [
        TrialRecord(id=number, params=trial.params, arm=trial.arm, seed=seed, repeat_of=trial.id)
        for number, (trial, seed) in enumerate(new, start=len(trials))
    ]


def fresh(trials: Sequence[TrialRecord], count: int) -> list[int]:
    """The seeds of the first `count` repeats of any trial of this study."""
    selected = {trial.seed for trial in trials if trial.repeat_of is None}
    return [seed for seed in itertools.islice(_seeds(), count + len(selected)) if seed not in selected][:count]


def _seeds() -> Iterator[int]:
    """An endless sequence of seeds for repeats, from 0 to 2**31 - 1."""
    import numpy as np

    for number in itertools.count():
        yield int(np.random.SeedSequence([number], spawn_key=(1,)).generate_state(1)[0] >> 1)
