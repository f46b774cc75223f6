"""The ladder of batch sizes: probe a size, look at the results, decide which size is next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.batch_size.judge import stalled
from playbook_cli.batch_size.setting import LONG, SHORT, every
from playbook_cli.batch_size.sizes import read, size_of
from playbook_cli.running.probing import Probing, listed, under_way
from playbook_cli.sampling.planned import trial_seed
from playbook_cli.sampling.policy import Suggestion, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.batch_size.setting import Setting
    from playbook_cli.batch_size.sizes import Size
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec

PROBES = 2
"""Number of probes of one size, if the first one had too few steps to be timed."""
FAILURES = 3
"""If this many sizes fail before any fits, the program does not work."""
FASTEST = 1e-4
"""Seconds assumed for a step that was too short to be timed."""


class Ladder(Probing):
    """One size after the other, each long enough to be timed, judged by the step time of the smaller size."""

    grows = ("trials", "points", "points.", "nuisance.")
    timed = True

    def __init__(self, setting: Setting, paths: StudyPaths) -> None:
        self.paths = paths
        self._setting = setting
        self._known: Sequence[Size] = ()
        """The measurements so far."""

    def asked(self, trials: Sequence[TrialRecord]) -> StudySpec:
        del trials
        return self._setting.spec([self._setting.min])

    def concerns(self, trial: TrialRecord) -> bool:
        """Whether the trial's size is on the ladder; a run with another --min or --max may have left other sizes."""
        low, size = self._setting.min, size_of(trial, self._setting.parameter)
        doublings = (size // low).bit_length() - 1
        return size == low << max(doublings, 0) and (size == low or size <= (self._setting.max or size))

    def sizes(self, trials: Sequence[TrialRecord]) -> list[Size]:
        """The sizes of a folder that are requested now."""
        measured = read(trials, self._setting.parameter, self.paths, followed=self._setting.followed)
        wanted = {size_of(trial, self._setting.parameter) for trial in trials if self.concerns(trial)}
        updates = self._setting.updates
        return [
            replace(size, timing=size.timing and size.timing.of_updates(updates(size.batch_size)))
            for size in measured
            if size.batch_size in wanted
        ]

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        del room
        setting = self._setting
        sizes = self.sizes(trials)
        self._known = [size for size in sizes if size.state not in ("pending", "failed")]
        asked = None if under_way(filter(self.concerns, trials)) else next_size(sizes, setting)
        further = [] if asked is None else [asked]
        spec = setting.spec([*(size_of(trial, setting.parameter) for trial in trials), *further])
        points = [{setting.parameter: size, **spec.space().fixed} for size in further]
        return Suggestion(
            spec=spec,
            trials=listed(spec, points, trial_seed(spec.seed, 0)),
            remark=None if asked is None else f"probing {setting.parameter} = {asked}",
        )

    def wanted(self, trial: TrialRecord) -> Wanted:
        interval = every(self._setting.steps, self._seconds(size_of(trial, self._setting.parameter)))
        return Wanted(eval_every=interval, evaluate_from=LONG * interval + 1, stop_step=LONG * interval + SHORT)

    def _seconds(self, batch_size: int) -> float | None:
        """Seconds that a step of this size will take: as measured, or up to twice the time of half the size."""
        if any(size.batch_size == batch_size and size.timing is None for size in self._known):
            return FASTEST
        timed = [size for size in self._known if size.timing is not None and size.batch_size <= batch_size]
        if not timed or timed[-1].timing is None:
            return None
        longer = 1.0 if timed[-1].batch_size == batch_size else 1.5
        return timed[-1].timing.seconds * longer * self._setting.updates(batch_size)


def next_size(sizes: Sequence[Size], setting: Setting) -> int | None:
    """The size to probe next; None if nothing more can be learnt or tried."""
    larger = setting.min
    for size in sizes:
        if size.batch_size != larger:
            return larger
        larger *= 2
    if not sizes:
        return larger
    last = sizes[-1]
    if last.state == "failed":
        fits = any(size.state == "fits" for size in sizes)
        if fits or len(sizes) >= FAILURES:
            return None
    elif last.state != "fits":
        return None
    elif _too_rough(last, setting):
        return last.batch_size
    if setting.max is not None:
        return larger if larger <= setting.max else None
    return None if stalled(sizes, setting.gain) else larger


def _too_rough(size: Size, setting: Setting) -> bool:
    """Whether a second probe with more steps would time this size better."""
    if size.probes >= PROBES or setting.steps is not None or setting.followed:
        return False
    return size.timing is None or not size.timing.precise
